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

// showHome reads only, so a visitor who comes here first leaves no record behind
// and gets no cookie.
func (a *app) showHome(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	a.show(w, s, "home", "Sessions that lose nothing", false, flatten("", s.All()))
}

// emptySession removes the visitor's data and keeps the session, its owner
// included.
func (a *app) emptySession(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Clear()
	noticeKey.Flash(s, notice{Text: "Your session is empty now. You are still the same visitor."})
	back(w, r, "/")
}

// An entry is one value of the session's document and the path that reaches it.
type entry struct {
	Path  string
	Value string // JSON, or how much there is
}

// manyValues is the size from which a list or an object is counted, not shown.
const manyValues = 12

// flatten lists the values of a document that are neither objects nor lists,
// sorted, each by the path that [session.Get] takes.
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

// asJSON leaves the escaping of < and > to the template.
func asJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // it came out of JSON
		return "null"
	}
	return strings.TrimSpace(b.String())
}
