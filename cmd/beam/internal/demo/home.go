package demo

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/expanse-go/session"
)

// home is the front page: what the visitor's session is and holds.
type home struct {
	Data []entry
	More int // entries that were left out
}

// showHome reads only, so a visitor who comes here first leaves no record behind
// and gets no cookie.
func (a *app) showHome(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	const most = 24
	data := flatten("", s.All())
	p := home{Data: data[:min(len(data), most)], More: max(0, len(data)-most)}
	a.show(w, s, "home", "Sessions that lose nothing", false, p)
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
	Value string // JSON
}

// flatten lists the values of a document that are neither objects nor lists,
// sorted, each by the path that [session.Get] takes.
func flatten(path string, v any) []entry {
	var list []entry
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list = append(list, flatten(below(path, session.Join(k)), v[k])...)
		}
	case []any:
		for i, e := range v {
			list = append(list, flatten(below(path, strconv.Itoa(i)), e)...)
		}
	default:
		b, err := json.Marshal(v)
		if err != nil { // it came out of JSON
			b = []byte("null")
		}
		return []entry{{Path: path, Value: string(b)}}
	}
	return list
}

func below(path, segment string) string {
	if path == "" {
		return segment
	}
	return path + "." + segment
}
