package pagemodel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// The model of overlapping requests. A request sees a snapshot of its session. It records its
// changes as functions of a content, and a commit applies them to what is stored at that
// instant, all or none. The rules are those of the documentation of package session; times
// that it leaves open (how far a recorded activity may lag behind) are an interval here.

// A content is what a session holds.
type content struct {
	data           map[string]any
	marks          map[string]int // the flash messages, by path: the number of the commit that left them
	owner          string
	start          time.Time // of the absolute timeout: the creation, the last login or confirmation
	login          int       // the number of the commit of the last one
	idle, absolute time.Duration
	transient      bool // the browser drops the cookie when it is closed
}

func (c content) clone() content {
	c.data, c.marks = clone(c.data).(map[string]any), maps.Clone(c.marks)
	return c
}

func (c *content) empty() bool { return len(c.data) == 0 && c.owner == "" }

func (c *content) put(path string, v any) {
	put(c.data, path, clone(v))
	c.unmark(path)
}

func (c *content) remove(path string) {
	remove(c.data, path)
	c.unmark(path)
}

func (c *content) unmark(path string) {
	maps.DeleteFunc(c.marks, func(p string, _ int) bool { return within(p, path) })
}

// mark makes the value at a path a flash message, unless it is one.
func (c *content) mark(path string, commit int) {
	if c.marks[path] == 0 {
		c.marks[path] = commit
	}
}

// useUp removes a message that a request was shown. What was added to it since, or changed,
// stays.
func (c *content) useUp(path string, seen shown, commit int) {
	if c.marks[path] != seen.commit {
		return
	}
	now, _ := get(c.data, path)
	list, _ := now.([]any)
	old, _ := seen.value.([]any)
	switch {
	case same(now, seen.value):
		c.remove(path)
		return
	case len(old) > 0 && len(list) > len(old) && same(list[:len(old)], old):
		put(c.data, path, list[len(old):])
	}
	c.marks[path] = commit
}

// A shown is a flash message as a request was loaded with it.
type shown struct {
	commit int
	value  any
}

// A change is one of a request. It gets the number of the commit.
type change func(c *content, commit int) error

// The errors of changes.
var (
	errWrite = errors.New("cannot be applied")
	errTaken = errors.New("taken by another request")
)

// A record is a stored session.
type record struct {
	content
	ended     bool
	created   time.Time
	rotatedAt time.Time
	tokens    []token   // the last one is the current one
	from, to  time.Time // it expires in this interval
}

// A token was replaced, unless it is the current one.
type token struct {
	text     string
	periodic bool      // by a periodic rotation
	until    time.Time // it is recognized
	old      bool      // forgotten, because another rotation came after that
}

func (r *record) clone() *record {
	next := *r
	next.content, next.tokens = r.content.clone(), slices.Clone(r.tokens)
	return &next
}

func (r *record) alive(now time.Time) bool { return !r.ended && now.Before(r.to) }

func (r *record) current() string { return r.tokens[len(r.tokens)-1].text }

// maxReplaced is how many replaced tokens are recognized at least.
const maxReplaced = 8

// find returns what the token is worth.
func (r *record) find(text string, now time.Time) (t token, current, recognised bool) {
	for i, t := range slices.Backward(r.tokens) {
		if t.text == text {
			replaced := len(r.tokens) - 1 - i
			return t, replaced == 0, replaced == 0 || now.Before(t.until) && replaced <= maxReplaced
		}
	}
	return token{}, false, false
}

// admits reports whether a request with the token may write.
func (r *record) admits(text string, now time.Time) bool {
	t, current, _ := r.find(text, now)
	return current || t.periodic && !t.old
}

func (r *record) rotate(next string, periodic bool, now time.Time, grace time.Duration) {
	for i := range r.tokens {
		t := &r.tokens[i]
		t.old = t.old || !now.Before(t.until)
		t.periodic = t.periodic && periodic
	}
	last := &r.tokens[len(r.tokens)-1]
	*last = token{text: last.text, periodic: periodic, until: now.Add(grace)}
	r.tokens, r.rotatedAt = append(r.tokens, token{text: next}), now
}

// expires returns when a session ends that is used for the last time at an instant.
func (c *content) expires(last time.Time) time.Time {
	end := last.Add(cmp.Or(c.idle, idle))
	limit := c.start.Add(cmp.Or(c.absolute, max(absolute, c.idle)))
	if limit.Before(end) {
		return limit
	}
	return end
}

// A world is all that is stored.
type world map[session.ID]*record

func (w world) clone() world {
	next := world{}
	for id, r := range w {
		next[id] = r.clone()
	}
	return next
}

// An answer is what became of a commit.
type answer struct {
	err    error
	id     session.ID   // of the session that the request has afterwards
	token  string       // a new one, or the one that was sent again
	drops  bool         // the browser has to drop its cookie
	cookie *cookieShape // of the token
}

// A cookieShape is what the model checks about a cookie.
type cookieShape struct{ transient bool }

// commit judges the commit of a request, and stores what it must have stored.
func (w world) commit(r *request, now time.Time, a answer, s *rules) error {
	switch {
	case r.failed && (!r.end || r.leaves): // a failed write prevents a login, but no logout
		return a.refused(errWrite)
	case r.standing == superseded && r.changed() && !r.login && r.method == "GET":
		if a.err != nil || a.token != "" {
			return fmt.Errorf("a page with a replaced token: error %w, cookie: %v", a.err, a.token != "")
		}
		return nil // what it has written is dropped
	case r.standing == superseded && r.changed() && !r.login:
		return a.refused(session.ErrEnded)
	case r.id == (session.ID{}):
		return w.create(r, now, a)
	case r.end:
		return w.logout(r, now, a)
	}
	rec := w[r.id]
	admitted := rec.alive(now) && rec.admits(r.token, now)
	used := r.usedUp()
	if !r.changed() && len(used) == 0 && (a.token == "" || a.token == r.token) {
		if a.err != nil {
			return fmt.Errorf("a request without changes failed: %w", a.err)
		}
		rec.touch(r, now, s)
		return rec.checkCookie(r, a)
	}
	_, _, recognised := rec.find(r.token, now)
	if r.login && (!admitted || !recognised) {
		return w.create(r, now, a) // whoever has valid credentials signs in
	}
	if !admitted {
		if !r.changed() && a.err == nil && a.token == "" {
			return nil // what nobody asked for fails no response
		}
		return a.refused(session.ErrEnded)
	}
	if r.rotate && !recognised {
		return a.refused(session.ErrEnded)
	}
	next := rec.clone()
	for _, c := range r.patch {
		if err := c(&next.content, r.commit); err != nil {
			return a.refused(err)
		}
	}
	for path, seen := range used {
		next.useUp(path, seen, r.commit)
	}
	if a.err != nil {
		return fmt.Errorf("the commit failed: %w", a.err)
	}
	if err := next.receive(r, now, a, s); err != nil {
		return err
	}
	if !r.passive || r.rotate || r.active {
		next.from = next.expires(now)
		next.to = next.from
	}
	w[r.id] = next
	return next.checkCookie(r, a)
}

// refused judges the answer of a request of which nothing may be stored.
func (a answer) refused(want error) error {
	switch {
	case a.err == nil:
		return fmt.Errorf("answered as stored, want %w", want)
	case a.token != "" || a.drops:
		return errors.New("a refused request got a cookie")
	case errors.Is(want, errTaken) && !errors.Is(a.err, session.ErrConflict), errors.Is(want, session.ErrEnded) && !errors.Is(a.err, want):
		return fmt.Errorf("error %w, want: %w", a.err, want)
	}
	return nil
}

// receive judges the new token of a commit that is stored.
func (r *record) receive(q *request, now time.Time, a answer, s *rules) error {
	_, current, _ := r.find(q.token, now)
	known := slices.ContainsFunc(r.tokens, func(t token) bool { return t.text == a.token })
	switch {
	case a.id != q.id:
		return errors.New("the commit has moved to another session")
	case q.rotate && (a.token == "" || known):
		return errors.New("no new token")
	case a.token == "" || known:
		return nil
	case q.rotate:
		r.rotate(a.token, false, now, s.grace)
	case !current || q.passive || s.rotateEvery == 0 || now.Sub(r.rotatedAt) < s.rotateEvery:
		return errors.New("a new token that nobody asked for")
	default:
		r.rotate(a.token, true, now, s.grace)
	}
	return nil
}

// checkCookie judges a cookie: it carries the current token, and lasts as it was asked for.
func (r *record) checkCookie(q *request, a answer) error {
	switch {
	case a.token != "" && a.token != r.current():
		return errors.New("the cookie has a token that was replaced")
	case a.token != "" && a.cookie.transient != r.transient:
		return fmt.Errorf("the cookie ends with the browser: %v, want %v", a.cookie.transient, r.transient)
	case a.drops:
		return errors.New("the cookie was dropped")
	}
	return nil
}

// touch is what a request without changes does: it may prolong its session. A recorded
// activity lags behind by TouchEvery.
func (r *record) touch(q *request, now time.Time, s *rules) {
	if q.passive || !r.alive(now) {
		return
	}
	if end := r.expires(now); end.After(r.to) {
		r.to = end
	}
	if at := r.expires(q.loadedAt.Add(-max(0, s.touchEvery))); q.phase == open && q.token == r.current() && at.After(r.from) {
		r.from = at
	}
}

// create judges a commit without a session.
func (w world) create(r *request, now time.Time, a answer) error {
	next := emptyContent()
	for _, c := range r.patch {
		if err := c(&next, r.commit); err != nil {
			return a.refused(err)
		}
	}
	switch {
	case a.err != nil:
		return fmt.Errorf("a new session failed: %w", a.err)
	case next.empty() != (a.token == ""):
		return fmt.Errorf("new session: %v, token: %v", !next.empty(), a.token != "")
	case next.empty():
		return nil
	case w[a.id] != nil:
		return errors.New("a new session has the ID of another one")
	}
	rec := &record{content: next, created: now, rotatedAt: now, tokens: []token{{text: a.token}}}
	rec.start = now
	rec.from = rec.expires(now)
	rec.to = rec.from
	w[a.id] = rec
	return rec.checkCookie(r, a)
}

// logout judges the end of a session, and the beginning of the next one.
func (w world) logout(r *request, now time.Time, a answer) error {
	rec := w[r.id]
	switch admitted := rec.admits(r.token, now); {
	case !rec.alive(now) && len(r.spent) > 0, rec.alive(now) && !admitted && (!r.login || len(r.spent) > 0):
		return a.refused(session.ErrEnded)
	case rec.alive(now) && admitted:
		next := rec.clone()
		for _, c := range r.spent {
			if err := c(&next.content, r.commit); err != nil {
				return a.refused(err)
			}
		}
		next.ended = true
		w[r.id] = next
	case rec.alive(now) && !r.failed:
		return w.create(r, now, a)
	}
	switch {
	case r.failed && a.err == nil:
		return errors.New("a failed write after a logout was answered as stored")
	case r.failed:
		return nil
	case a.err != nil:
		return fmt.Errorf("the logout failed: %w", a.err)
	case a.token == "" && !a.drops && r.phase == open:
		return errors.New("the cookie was not dropped")
	}
	a.drops = false
	return w.create(r, now, a)
}
