package session_test

import (
	"bytes"
	"encoding/json"
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
