package session_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// printed returns v in all the forms in which a program prints or logs it.
func printed(v any) string {
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", []any{v})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	return out.String()
}

// TestAttackS3NothingPrintsValues prints and logs every value of the package that knows what
// a session contains, and looks for it in every form.
func TestAttackS3NothingPrintsValues(t *testing.T) {
	const secret = "hunter2"
	store := memstore.New(memstore.Config{})
	m := newRigOn(t, store).Manager
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("a", secret) }))
	info, err := m.Info(t.Context(), s.ID())
	if err != nil {
		t.Fatal(err)
	}
	record, err := store.Load(t.Context(), s.ID())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(info.Document()), secret) || !strings.Contains(string(record.Data), secret) {
		t.Fatalf("the session does not contain %s: %s", secret, info.Document())
	}
	decimal := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
	for name, v := range map[string]any{
		"*Session": s, "Info": info, "*Info": &info, "Infos": []session.Info{info}, "Record": record, "*Record": &record, "Manager": m, "Store": store,
		"a Manager inside": struct{ M *session.Manager }{m}, "a Record inside": map[string]session.Record{"r": record},
	} {
		text := printed(v)
		if name == "a Record inside" { // in a map, encoding/json decides
			text, _, _ = strings.Cut(text, `{"time"`)
		}
		for _, form := range []string{secret, decimal, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), strings.Trim(fmt.Sprintf("%#v", []byte(secret)), "[]byte{}")} {
			if strings.Contains(text, form) {
				t.Errorf("%s is printed with its data:\n%s", name, text)
			}
		}
	}
	if text := fmt.Sprintf("%+v %v", info, record); !strings.Contains(text, s.ID().String()) || !strings.Contains(text, fmt.Sprintf("%d bytes", info.Bytes)) {
		t.Errorf("got %s, want the ID and the size", text)
	}
	if text, err := json.Marshal(record); err != nil || !bytes.Contains(text, []byte(`"Data"`)) {
		t.Errorf("as JSON, a record is %s, %v", text, err)
	}
}

// quotingText encodes itself with an error that quotes it.
type quotingText string

func (s quotingText) MarshalText() ([]byte, error) { return nil, &quoting{string(s)} }

type quotingKey struct{ V string }

func (k quotingKey) MarshalText() ([]byte, error) { return nil, &quoting{k.V} }

type quotingJSON struct{ V string }

func (s quotingJSON) MarshalJSON() ([]byte, error) { return nil, &quoting{s.V} }

// Without these, the values would be refused before their methods are called.
func (*quotingText) UnmarshalText([]byte) error { return nil }
func (*quotingKey) UnmarshalText([]byte) error  { return nil }
func (*quotingJSON) UnmarshalJSON([]byte) error { return nil }

type quoting struct{ text string }

func (q *quoting) Error() string { return "cannot encode " + q.text }

// TestAttackS3EncodingErrors stores values whose methods quote them in their errors.
func TestAttackS3EncodingErrors(t *testing.T) {
	const secret = "hunter2"
	g := newRig(t)
	for name, v := range map[string]any{
		"MarshalText": quotingText(secret), "MarshalJSON": quotingJSON{secret}, "a pointer": &quotingJSON{secret}, "a field": struct{ T quotingText }{secret},
		"a key": map[quotingKey]int{{secret}: 1}, "a list": []any{quotingJSON{secret}}, "nested": struct{ V any }{[]quotingJSON{{secret}}},
		"not JSON": json.RawMessage(secret),
	} {
		for how, write := range map[string]func(s *session.Session){
			"Set":    func(s *session.Session) { s.Set("a", v) },
			"Append": func(s *session.Session) { s.Append("a", v) },
			"Flash":  func(s *session.Session) { s.Flash("a", v) },
			"Update": func(s *session.Session) { session.Update(s, "a", func(any) any { return v }) },
		} {
			s := load(t, g.Manager, "")
			write(s)
			var value *session.ValueError
			if !errors.As(s.Err(), &value) || value.Path != "a" {
				t.Errorf("%s, %s: got %v, want a ValueError", how, name, s.Err())
			}
			for err := s.Err(); err != nil; err = errors.Unwrap(err) {
				if text := printed(err); strings.Contains(text, secret) {
					t.Errorf("%s, %s: the error is printed with the value:\n%s", how, name, text)
				}
			}
			if name != "a key" && name != "not JSON" && !errors.As(s.Err(), new(*quoting)) {
				t.Errorf("%s, %s: errors.As does not find the error of the method", how, name)
			}
		}
	}
	if text := g.log(); strings.Contains(text, secret) {
		t.Errorf("logged:\n%s", text)
	}
}
