package calls

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestNames checks that this package knows every function that takes a path or changes a session,
// and none that does not exist.
func TestNames(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	api := string(data)
	for _, line := range []string{
		"session: func New(store Store", "session: func From(", "session: func (m *Manager) From(", "session: func Join(",
		"session: func (m *Manager) Commit(", "session: func (m *Manager) CommitToken(", "session: func Error(w http.ResponseWriter",
		"session: func (k Key[T]) String()", "session: func (s *Session) Keys()", "session: func (s *Session) FlashPaths()",
		"session/sessionconfig: func Open(", "session/sessionconfig: func (c *Config) Open(",
		"session/sessionecho: func From(", "session/sessionecho: func Error(err error) error",
		"session/sessionfiber: func From(", "session/sessionfiber: func Error(err error) error",
		"session/sessiongin: func From(", "session/sessiongin: func Error(c *gin.Context, err error)",
	} {
		if !strings.Contains(api, line) {
			t.Errorf("the API has no %q", line)
		}
	}
	for f := range writers {
		name := "session: func " + f.Name
		switch f.Recv {
		case "Key":
			name = "session: func (k Key[T]) " + f.Name
		case "Session":
			name = "session: func (s *Session) " + f.Name
		}
		if !strings.Contains(api, "\n"+name+"(") && !strings.Contains(api, "\n"+name+"[") {
			t.Errorf("the API has no %q", name)
		}
	}
	// A method without a single result changes the session, with these exceptions.
	method := regexp.MustCompile(`(?m)^session: func \((?:s \*(Session)|k (Key)\[T\])\) (\w+)\(.*\)$`)
	reads := map[string]bool{
		"FlashNow": true, "Format": true, "IgnoreActivity": true, "Lookup": true, "Rollback": true, "Timeouts": true, "Watch": true,
	}
	n := 0
	for _, m := range method.FindAllStringSubmatch(api, -1) {
		n++
		if f := (Func{Session, m[1] + m[2], m[3]}); !reads[f.Name] && !f.Writes() {
			t.Errorf("%s.%s is not among the writers", f.Recv, f.Name)
		}
	}
	if n < 15 {
		t.Errorf("only %d methods found", n)
	}
	for _, m := range regexp.MustCompile(`(?m)^session: func (?:\((s \*Session)\) )?(\w+)(?:\[T any\])?\((?:s \*Session, )?(path|paths) `).FindAllStringSubmatch(api, -1) {
		recv := ""
		if m[1] != "" {
			recv = "Session"
		}
		if i, all := pathOf(Func{Session, recv, m[2]}); i < 0 || all != (m[3] == "paths") {
			t.Errorf("%s.%s: path %d, all %t", recv, m[2], i, all)
		}
	}
}
