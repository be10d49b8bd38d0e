package session

import (
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// Flash stores a value that exists in this request and the next one, and is then removed.
// A form handler leaves it for the page that it redirects to. Flash messages share their
// paths with the other data: read them with [Get]. For a message on the page that answers
// this request, use [Session.FlashNow]; after Flash, the next page would show it again. A
// session holds at most 256 messages; a list counts as one.
//
// A later request uses up a message if it has loaded the session with the message, and has
// read the message or is a navigation. A redirect (3xx), a prefetch, and a request of a
// script or for a frame that has not read the message do not use it up. So messages survive
// the requests between the form and the page.
//
// Browsers mark navigations with Sec-Fetch headers. Over plain HTTP they send these headers
// to localhost only. Without them, a request that accepts text/html counts as a navigation,
// unless a header of htmx, Turbo or a similar library marks it as a script's. A client that
// sends neither Sec-Fetch nor Accept headers uses up all messages. curl accepts */*, so it
// uses up the messages that the handler has read.
//
// A request uses up only what it has loaded. [Session.Append], [Update], and [Session.Set]
// below the path change a message, in any request. If that happens after a page has loaded
// the message, the next page gets the change: the added elements of a list, or the new value
// of anything else. If two requests call Flash at the same path, the later commit wins; to
// keep both messages, use [Session.AddFlash].
func (s *Session) Flash(path string, v any) { s.write(opSet, path, v, true) }

// AddFlash adds flash messages to the list at the path, or to a new list if there is none.
// All messages of overlapping requests are kept. Each is available to the next page that is
// loaded after it was added, even if a page with the earlier messages is under way. If the
// value at the path is not a list, AddFlash fails with [ErrPathConflict].
func (s *Session) AddFlash(path string, v ...any) { s.append(path, v, true) }

// FlashNow sets a value for this request only. The value is not stored. It hides a stored
// value at the path, without changing it. A path inside a list fails with
// [ErrPathConflict]. A request can set at most 256 values, of [Config].MaxBytes in total.
//
// Other calls treat the value as follows:
//   - Append and Update at the path or below change the value and store nothing. An Update
//     above the path changes what is stored.
//   - [Pop] and [PopOnce] at the path or below remove the value. The stored value that it has
//     hidden is visible again.
//   - Set, Flash, AddFlash and Remove change what is stored, as always, and what is visible.
//     So Set or Remove at the path or above removes the value. Below the path, they change
//     both values.
//   - [Session.Keep] and [Session.Reflash] turn the value into a flash message.
//   - [Session.Clear], [Session.Rollback] and [Session.Invalidate] drop the value.
func (s *Session) FlashNow(path string, v any) {
	raw, err := s.encode(path, v)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.failure() == nil {
		if s.flashNow == nil {
			s.flashNow = newOverlay()
		}
		o := op{kind: opSet, path: dotpath.Canonical(path), raw: raw}
		err = s.flashNow.set(&s.now.doc, &o, s.m.cfg.maxSize(0))
	}
	if err != nil {
		s.fail(err)
	}
}

// Reflash keeps all flash messages for one more request. It also keeps the values of
// [Session.FlashNow].
func (s *Session) Reflash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range slices.Clone(s.now.flash) {
		s.keep(m.path)
	}
	if s.flashNow != nil {
		for _, path := range slices.Clone(s.flashNow.paths) {
			s.keep(path)
		}
	}
}

// Keep keeps the flash messages at the given paths for one more request. It ignores
// paths without a flash message.
func (s *Session) Keep(paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range paths {
		if err := checkPath(path); err != nil {
			s.fail(err)
			return
		}
		s.keep(dotpath.Canonical(path))
	}
}

// FlashPaths yields the paths of the stored flash messages in sorted order: those that the
// session was loaded with and that exist still, and those that this request has set. It does
// not count as reading them, and leaves out the values of [Session.FlashNow]. Use it to show
// all messages, or to test that there is one.
func (s *Session) FlashPaths() iter.Seq[string] {
	s.mu.Lock()
	paths := make([]string, len(s.now.flash))
	for i, m := range s.now.flash {
		paths[i] = m.path
	}
	s.mu.Unlock()
	slices.Sort(paths)
	return slices.Values(paths)
}

func (s *Session) keep(path string) {
	if v := s.flashNow; v != nil && slices.Contains(v.paths, path) {
		raw, _ := v.doc.Lookup(path)
		s.do(op{kind: opSet, path: path, raw: raw, mark: int32(len(path))})
		return
	}
	if gen := s.now.marked(path); gen != 0 && gen != s.commitID() {
		s.do(op{kind: opKeep, path: path, gen: gen})
	}
}

// A usage says which flash messages a request may use up.
type usage byte

const (
	usesAll  usage = iota // all that it was shown
	usesRead              // those that it read
	usesNone
)

// usageOf decides by the fetch metadata of a request (W3C Fetch Metadata), by the headers of
// prefetches and of libraries that fetch HTML, and, if a browser sends no fetch metadata, by
// Accept.
func usageOf(r *http.Request, status int) usage {
	h := r.Header
	switch {
	case status >= 300 && status < 400, isPrefetch(h):
		return usesNone
	case h.Get("Sec-Fetch-Mode") == "navigate" && !isFrame(h), h.Get("Hx-Boosted") == "true":
		return usesAll
	case hasAny(h, "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Dest"):
		return usesRead
	case hasAny(h, "X-Requested-With", "Hx-Request", "Turbo-Frame", "X-Up-Version", "Rsc"):
		return usesRead
	case len(h["Accept"]) > 0 && !strings.Contains(strings.ToLower(strings.Join(h["Accept"], ",")), "text/html"):
		return usesRead
	}
	return usesAll
}

// isFrame reports whether a request is for a part of another page.
func isFrame(h http.Header) bool {
	dest := h.Get("Sec-Fetch-Dest")
	return dest != "" && dest != "document"
}

// isPrefetch reports whether a request is for a page that may never be shown: of browsers,
// Turbo, htmx, and Next.
func isPrefetch(h http.Header) bool {
	for _, name := range [...]string{"Sec-Purpose", "X-Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := strings.ToLower(h.Get(name)); strings.Contains(v, "prefetch") || strings.Contains(v, "preview") {
			return true
		}
	}
	return hasAny(h, "Hx-Preloaded", "Next-Router-Prefetch", "Next-Router-Segment-Prefetch", "X-Middleware-Prefetch")
}

// hasAny reports whether one of the headers is there. The names are canonical.
func hasAny(h http.Header, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return h.Get(name) != "" })
}

// hasShown reports whether there are messages that the request could use up.
func (s *Session) hasShown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.shown) > 0
}

// usedUp returns the ops that remove the messages which this request uses up: those that
// it was loaded with and has not renewed.
func (s *Session) usedUp(u usage) []op {
	var ops []op
	for i, m := range s.shown {
		if u == usesNone || u == usesRead && (s.read == nil || !s.read[i]) {
			continue
		}
		if s.now.marked(m.path) == m.gen {
			seen, _ := s.at.doc.Lookup(m.path)
			ops = append(ops, op{kind: opConsume, path: m.path, gen: m.gen, raw: seen})
		}
	}
	return ops
}

// uses limits what a passive request uses up. Its response is not shown as a page, even if
// the client sends no fetch metadata.
func (s *Session) uses(u usage) usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passive && u == usesAll {
		return usesRead
	}
	return u
}

// anythingDue reports whether a stored session needs what no request asks for: to lose
// a flash message, to get its periodic token, or to be touched.
func (s *Session) anythingDue(u usage, now time.Time) bool {
	return s.touchDue(now) || s.rotationDue(now) || len(s.shown) > 0 && len(s.usedUp(u)) > 0
}
