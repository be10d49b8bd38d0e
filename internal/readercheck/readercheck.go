// Package readercheck compares the readers of docs/format, in other languages, with the manager:
// for a set of generated sessions and tokens, they must give the verdicts of Manager.Load, and
// return the same values. It is for the tests of stores.
package readercheck

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/sessiontest"
)

// A Value is how a reader gets a record. The kinds are those of the readers' main functions.
type Value struct {
	Kind  string
	Value any
	Only  string // the reader that knows this kind; "": all
}

// Binary returns a value of bytes, as a store holds it.
func Binary(kind string, b []byte) Value {
	return Value{Kind: kind, Value: base64.StdEncoding.EncodeToString(b)}
}

// Row returns the columns of a table. They are text, because the readers could not tell large
// integers from others in JSON.
func Row(owner string, created, activity, expires int64, data []byte) Value {
	return Value{Kind: "sql", Value: map[string]string{
		"owner": owner, "created_at": fmt.Sprint(created), "last_activity": fmt.Sprint(activity), "expires_at": fmt.Sprint(expires),
		"data": base64.StdEncoding.EncodeToString(data),
	}}
}

type reader struct{ file, env string }

var readers = []reader{
	{"reader.py", testserver.Python},
	{"reader.mjs", testserver.Node},
	{"reader.php", testserver.PHP},
}

// folder returns docs/format.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "docs", "format")
}

// A question is a line of a reader's input.
type question struct {
	Text     string         `json:"token"`
	Kind     string         `json:"kind"`
	Value    any            `json:"value"`
	Scopes   []string       `json:"scopes"`
	Idle     string         `json:"idle"`
	Absolute string         `json:"absolute"`
	Now      string         `json:"now"`
	only     string         // see Value
	want     map[string]any // the manager's verdict
}

// Run stores sessions, and compares the readers with the manager. values returns how each reader
// can get the record of an ID; it is called only for records that exist.
func Run(t *testing.T, store session.Store, values func(session.ID) []Value) {
	t.Helper()
	questions := generate(t, store, values)
	for _, r := range readers {
		t.Run(r.file, func(t *testing.T) {
			program := testserver.DSN(t, r.env)
			wrong, asked, err := r.differences(t.Context(), program, filepath.Join(folder(), r.file), questions)
			if err != nil {
				t.Fatal(err)
			}
			if len(wrong) > 0 {
				t.Errorf("%d of %d verdicts are wrong, the first: %s", len(wrong), asked, wrong[0])
			}
		})
	}
}

// generate returns what to ask the readers, with the answers.
func generate(t *testing.T, store session.Store, values func(session.ID) []Value) (all []question) {
	t.Helper()
	seed := rand.Uint64()
	g := &generator{tb: t, r: rand.New(rand.NewPCG(seed, 0)), store: store, clock: sessiontest.NewClock(time.Now())}
	vs := variants()
	var ms []*session.Manager
	for _, v := range vs {
		ms = append(ms, g.open(v))
	}
	g.walks(ms)
	g.forge()

	counts := map[string]int{}
	for _, token := range g.tokens {
		var rec *session.Record
		forms := []Value{{Kind: "none"}}
		if id := idOf(token); !id.IsZero() {
			switch r, err := store.Load(t.Context(), id); {
			case err == nil:
				rec, forms = &r, values(id)
			case errors.Is(err, session.ErrCorrupt):
				forms = values(id)
			case !errors.Is(err, session.ErrNotFound):
				t.Fatal(err)
			}
		}
		for i := range vs {
			v := &vs[i]
			for _, now := range g.instants(rec) {
				g.clock.Set(now)
				want := g.verdict(ms[i], token, rec)
				outcome := want["outcome"].(string)
				counts[outcome]++
				form := pick(g.r, forms...)
				all = append(all, question{
					Text: string(token), Kind: form.Kind, Value: form.Value, Scopes: v.scopes, Idle: fmt.Sprint(int64(v.idle)),
					Absolute: fmt.Sprint(int64(v.absolute)), Now: fmt.Sprint(now.UnixNano()), only: form.Only, want: normal(t, want),
				})
				if outcome == "corrupt" || outcome == "unknown" && g.r.IntN(4) > 0 { // it hardly depends on the time
					break
				}
			}
		}
	}
	t.Logf("seed %d: %d questions: %v", seed, len(all), counts)
	for _, outcome := range []string{"found", "malformed", "unknown", "corrupt", "expired", "replaced"} {
		if counts[outcome] == 0 {
			t.Errorf("seed %d: no question with the outcome %q", seed, outcome)
		}
	}
	return all
}

// instants returns when to judge a record: now and then, and at the limits.
func (g *generator) instants(rec *session.Record) []time.Time {
	if rec == nil {
		return []time.Time{g.clock.Now()}
	}
	at := rec.LastActivity
	return []time.Time{
		at, rec.CreatedAt.Add(pick(g.r, time.Hour, 24*time.Hour)), at.Add(pick(g.r, time.Second, 29*time.Second, 31*time.Second)), at.Add(pick(g.r, 9*time.Minute, 11*time.Minute, 90*time.Minute)),
		rec.ExpiresAt.Add(-1), rec.ExpiresAt, at.Add(pick(g.r, -time.Hour-1, -2*time.Hour, 25*time.Hour, 401*24*time.Hour)),
	}
}

// differences asks a reader, and returns where it differs from the manager.
func (r reader) differences(ctx context.Context, program, file string, questions []question) (wrong []string, asked int, err error) {
	var in bytes.Buffer
	var put []question
	enc := json.NewEncoder(&in)
	for _, q := range questions {
		if q.only != "" && q.only != r.file {
			continue
		}
		if err := enc.Encode(q); err != nil {
			return nil, 0, err
		}
		put = append(put, q)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, file)
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = &in, &stderr
	out, err := c.Output()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w: %s", r.file, err, stderr.String())
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	n := 0
	for ; lines.Scan(); n++ {
		var got map[string]any
		if n == len(put) {
			break
		}
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			return nil, 0, fmt.Errorf("%s: %w in %s", r.file, err, lines.Bytes())
		}
		if q := put[n]; !reflect.DeepEqual(got, q.want) {
			wrong = append(wrong, fmt.Sprintf("got %v, want %v for %s %q at %s by %v", got, q.want, q.Kind, q.Text, q.Now, q.Scopes))
		}
	}
	if n != len(put) {
		return nil, 0, fmt.Errorf("%s: %d answers to %d questions: %s", r.file, n, len(put), stderr.String())
	}
	return wrong, n, nil
}

// normal returns a verdict as it comes back from JSON.
func normal(tb testing.TB, v map[string]any) (n map[string]any) {
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
