package session

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	maxHistoryChanges = 10  // in an entry
	maxHistoryText    = 100 // bytes of a request or of a path
)

// A HistoryEntry is one commit in the history of a session; see [Config].History. It contains
// no values.
type HistoryEntry struct {
	Version uint64    `json:"version"`           // of the record that contains the commit; commits of one batch share it
	Time    time.Time `json:"time"`              // by the clock of the process that stored it
	Request string    `json:"request,omitempty"` // the method, and the pattern of [http.ServeMux] or the path; "" outside the middleware
	Changes []string  `json:"changes"`           // such as "set shop.cart" or "login"
}

// remember returns a history with one more entry, and without those above the limit. The slice
// that it gets belongs to a stored record and is not written to.
func (s *settings) remember(history []byte, version uint64, now time.Time, request string, ops []op, rotates bool) []byte {
	if s.History <= 0 {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which takes six bytes for one
	if e.Encode(HistoryEntry{Version: version, Time: now.UTC().Truncate(time.Millisecond), Request: request, Changes: changesOf(ops, rotates)}) != nil {
		return history // a time beyond the year 9999
	}
	all := historyEntries(history)
	all = append(all[max(0, len(all)+1-s.History):], bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	n := 0
	for _, e := range all {
		n += uvarintLen(len(e)) + len(e)
	}
	joined := make([]byte, 0, n)
	for _, e := range all {
		joined = append(binary.AppendUvarint(joined, uint64(len(e))), e...)
	}
	return joined
}

// historyEntries splits what remember has joined.
func historyEntries(b []byte) (all [][]byte) {
	for len(b) > 0 {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			break
		}
		all = append(all, b[w:w+int(n)])
		b = b[w+int(n):]
	}
	return all
}

// changesOf says what a patch changes: the operations and their paths.
func changesOf(ops []op, rotates bool) []string {
	all := []string{}
	for i := range ops {
		if len(all) == maxHistoryChanges {
			all = append(all, "…")
			break
		}
		what := ops[i].kind.String()
		if ops[i].path != "" {
			what += " " + cleanText(ops[i].path, maxHistoryText)
		}
		all = append(all, what)
	}
	if rotates {
		all = append(all, "new token")
	}
	return all
}

// requestName says which request this is. A pattern is better than a path: it is the same for
// all requests of a kind, and contains none of their secrets.
func requestName(came, routed *http.Request) string {
	if came == nil {
		return ""
	}
	name := came.Method + " " + came.URL.Path
	if routed != nil && routed.Pattern != "" {
		name = routed.Pattern
		if method, _, ok := strings.Cut(name, " "); !ok || method != came.Method {
			name = came.Method + " " + name
		}
	}
	return cleanText(name, maxHistoryText)
}
