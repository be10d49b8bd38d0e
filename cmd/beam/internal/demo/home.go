package demo

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/expanse-go/session"
)

// showHome only reads the session, so that it creates no record and no cookie for a new
// visitor.
func (a *app) showHome(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	a.show(w, s, "home", "Sessions that lose nothing", false, flatten("", s.All()))
}

// emptySession removes the data, but keeps the session and its owner.
func (a *app) emptySession(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Clear()
	noticeKey.Flash(s, notice{Text: "Your session is now empty. You are still the same visitor."})
	back(w, r, "/")
}

// An entry is a value in the session's document and its path.
type entry struct {
	Path  string
	Value string // JSON, or the number of values
}

// manyValues is the number of values from which only the size of a list or object is shown.
const manyValues = 12

// flatten lists the values of a document that are neither objects nor lists, sorted, with
// their paths for [session.Get].
func flatten(path string, v any) []entry {
	var list []entry
	switch v := v.(type) {
	case map[string]any:
		if len(v) >= manyValues {
			return []entry{{path, "{ " + count(len(v), "key") + " }"}}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list = append(list, flatten(below(path, session.Join(k)), v[k])...)
		}
	case []any:
		if len(v) >= manyValues {
			return []entry{{path, "[ " + count(len(v), "value") + " ]"}}
		}
		for i, e := range v {
			list = append(list, flatten(below(path, strconv.Itoa(i)), e)...)
		}
	default:
		return []entry{{path, asJSON(v)}}
	}
	return list
}

func below(path, segment string) string {
	if path == "" {
		return segment
	}
	return path + "." + segment
}

// asJSON does not escape < and >; the template does.
func asJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // cannot fail: v was decoded from JSON
		return "null"
	}
	return strings.TrimSpace(b.String())
}
