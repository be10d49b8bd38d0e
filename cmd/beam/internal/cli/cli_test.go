package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session/sessionconfig"
)

func TestEscapeControls(t *testing.T) {
	for in, want := range map[string]string{
		"\"a\u009b31m\"\n":     "\"a\\u009b31m\"\n",
		"\"\u200e\U000e0001\"": "\"\\u200e\\udb40\\udc01\"",
		"\"é 日 😀\"":            "\"é 日 😀\"",
	} {
		if got := escapeControls(in); got != want {
			t.Errorf("escapeControls(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	if got, want := clean("Mozilla\x1b[2J\n\u202eevil"), "Mozilla\ufffd[2J\ufffd\ufffdevil"; got != want {
		t.Errorf("clean = %q, want %q", got, want)
	}
}

func TestLines(t *testing.T) {
	err := errors.Join(errors.New("session: one"), errors.New("two"), errors.New("session: one"), errors.New("three:\n\tcode"))
	got := lines(err)
	want := []string{"one", "two", "three:", "  code"}
	if !slices.Equal(got, want) {
		t.Errorf("lines = %q, want %q", got, want)
	}
}

func TestCode(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, ExitOK},
		{ended, nil, ExitOK},
		{t.Context(), errors.New("x"), ExitFailed},
		{t.Context(), fmt.Errorf("y: %w", &usageError{"x"}), ExitUsage},
		{t.Context(), &sessionconfig.Error{Reason: "x"}, ExitConfiguration},
		{ended, errors.New("x"), ExitInterrupted},
	} {
		if got := code(tt.ctx, tt.err); got != tt.want {
			t.Errorf("code(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestModuleName(t *testing.T) {
	for in, want := range map[string]string{
		"My Shop": "my-shop", "shop": "shop", "日本": "app", "..": "app", "a_b.c": "a_b.c", "/": "app",
	} {
		if got := moduleName(in); got != want {
			t.Errorf("moduleName(%q) = %q, want %q", in, got, want)
		}
	}
}

// A pipe is not a terminal, so it gets no colour and no progress.
func TestStreamOfAPipeIsPlain(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: newStream(&out, func(string) string { return "" })}
	a.begin("working").end()
	a.warn("careful")
	if got, want := out.String(), "beam: warning: careful\n"; got != want {
		t.Errorf("stderr = %q, want %q", got, want)
	}
}

// On a terminal, progress appears after a second, follows the calls of say, and is erased at
// the end.
func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{stderr: stream{Writer: &out, terminal: true}}
		p := a.begin("working")
		time.Sleep(progressDelay / 2)
		p.end()
		if out.Len() != 0 {
			t.Errorf("after half a second: %q, want nothing", out.String())
		}
		p = a.begin("working")
		time.Sleep(2 * progressDelay)
		p.say("still working\x1b[2J")
		time.Sleep(2 * progressDelay)
		p.end()
		p.end()
		got := out.String()
		for _, want := range []string{"beam: working (1 s)", "beam: still working\ufffd[2J (3 s)"} {
			if !strings.Contains(got, want) {
				t.Errorf("progress %q has no %q", got, want)
			}
		}
		if !strings.HasSuffix(got, "\r\x1b[K") {
			t.Errorf("progress %q does not clean up", got)
		}
	})
}

// A command fails if it cannot write its output.
func TestRunReportsAFailedWrite(t *testing.T) {
	var stderr bytes.Buffer
	got := Run(t.Context(), []string{"beam", "version"}, strings.NewReader(""), brokenPipe{}, &stderr, nil, t.TempDir())
	if got != ExitFailed || !strings.Contains(stderr.String(), "broken") {
		t.Errorf("Run = %d, %q, want %d and the cause", got, stderr.String(), ExitFailed)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// Every command has a description, and no line of help is wider than 100 columns.
func TestHelp(t *testing.T) {
	a := &app{}
	for _, cmd := range a.tree().Commands {
		if cmd.Usage == "" {
			t.Errorf("%s has no usage", cmd.Name)
		}
		for _, sub := range cmd.Commands {
			if sub.Usage == "" {
				t.Errorf("%s %s has no usage", cmd.Name, sub.Name)
			}
		}
	}
	for _, text := range []string{description, initHelp, makeHelp, storeHelp, demoHelp, raceHelp} {
		for line := range strings.SplitSeq(text, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%d columns: %s", len([]rune(line)), line)
			}
		}
	}
}

func TestTyped(t *testing.T) {
	for in, want := range map[string]string{
		`"2h"`: `"2h"`, `"a\x00"`: `"a\u0000"`, "true": "true", "16": "16", `["a", "b"]`: `["a","b"]`,
		"[redacted]": `"[redacted]"`, "two hours": `"two hours"`, "": "null",
	} {
		if got, err := json.Marshal(typed(in)); string(got) != want || err != nil {
			t.Errorf("typed(%s) = %s, %v, want %s", in, got, err, want)
		}
	}
}
