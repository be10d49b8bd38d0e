package adaptertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// A recordingTB keeps the errors of a test.
type recordingTB struct {
	testing.TB
	errors []string
}

func (tb *recordingTB) Errorf(format string, args ...any) {
	tb.errors = append(tb.errors, fmt.Sprintf(format, args...))
}

// TestExcept: excepted clauses do not run, and a name or a reason that is missing is an error.
func TestExcept(t *testing.T) {
	t.Parallel()
	h := harness(loadsAlways) // breaks two clauses
	h.Except = make(map[string]string)
	for _, name := range adaptertest.Clauses() {
		h.Except[name] = "a test"
	}
	delete(h.Except, "PlainCostsNothing")
	tb := &recordingTB{TB: t}
	if broken := adaptertest.Check(tb, h); len(broken) != 1 || broken["PlainCostsNothing"] == nil || len(tb.errors) != 0 {
		t.Errorf("got %v and %q; want an error of PlainCostsNothing alone", broken, tb.errors)
	}
	h.Except["PlainCostsNothing"] = ""
	h.Except["NoSuchClause"] = "a test"
	if broken := adaptertest.Check(tb, h); len(broken) != 0 || len(tb.errors) != 2 || !strings.Contains(fmt.Sprint(tb.errors), "NoSuchClause") {
		t.Errorf("got %v and %q; want two errors about Except", broken, tb.errors)
	}
}
