// Package pagemodel is a second, deliberately simple implementation of sessions. It compares
// that model with the real implementation in random walks: Walk in sequential requests of one
// visitor, Overlap in overlapping requests.
//
// The model of Walk keeps decoded values in memory, and ages flash messages at the end of each
// request. It has no documents, patches, versions or stores. That of Overlap adds what requests
// can do to each other (world.go, request.go).
package pagemodel

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// model is one visitor's session.
type model struct {
	data     map[string]any
	old, new map[string]bool // the paths of flash messages from earlier requests, and from this one
	seen     map[string]any  // the values of the old ones at the beginning of the request
	now      map[string]any  // the values of FlashNow by path; no path is below another one
	stored   bool
	created  time.Time
	last     time.Time
}

func (m *model) reset() {
	*m = model{data: map[string]any{}, old: map[string]bool{}, new: map[string]bool{}, now: map[string]any{}}
}

// begin starts a request. It resets a session that has exceeded a timeout.
func (m *model) begin(now time.Time, idle, absolute time.Duration) {
	if m.data == nil || m.stored && (now.Sub(m.last) >= idle || now.Sub(m.created) >= absolute) {
		m.reset()
	}
	m.seen = map[string]any{}
	for path := range m.old {
		m.seen[path] = clone(m.message(path))
	}
}

// message returns the value of a flash message. It tells null from no value.
func (m *model) message(path string) any {
	if v, ok := get(m.data, path); ok {
		return v
	}
	return "no value"
}

// end ages the flash messages. What has changed since the beginning lives on.
func (m *model) end(now time.Time) {
	for _, path := range slices.SortedFunc(maps.Keys(m.old), func(a, b string) int { return len(a) - len(b) }) {
		v, seen := m.message(path), m.seen[path]
		list, _ := v.([]any)
		shown, _ := seen.([]any)
		switch {
		case !m.old[path]: // removed with one above it
		case same(v, seen):
			m.clearFlash(path)
			remove(m.data, path)
		case len(shown) > 0 && len(list) > len(shown) && same(list[:len(shown)], seen):
			put(m.data, path, list[len(shown):])
			m.new[path] = true
		default:
			m.new[path] = true
		}
	}
	m.old, m.new, m.now = m.new, map[string]bool{}, map[string]any{}
	if !m.stored && len(m.data) > 0 {
		m.stored, m.created = true, now
	}
	m.last = now
}

// view returns what the request sees.
func (m *model) view() map[string]any {
	v := clone(m.data).(map[string]any)
	for path, x := range m.now {
		put(v, path, clone(x))
	}
	return v
}

func get(doc map[string]any, path string) (any, bool) {
	var v any = doc
	for seg := range strings.SplitSeq(path, ".") {
		switch c := v.(type) {
		case map[string]any:
			x, ok := c[seg]
			if !ok {
				return nil, false
			}
			v = x
		case []any:
			i, err := strconv.Atoi(seg)
			if err != nil || i < 0 || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// inList reports whether a proper prefix of the path leads to a list.
func inList(doc map[string]any, path string) bool {
	for i, c := range path {
		if c == '.' {
			if v, _ := get(doc, path[:i]); isList(v) {
				return true
			}
		}
	}
	return false
}

func isList(v any) bool { _, ok := v.([]any); return ok }

func put(doc map[string]any, path string, v any) {
	segs := strings.Split(path, ".")
	c := doc
	for _, seg := range segs[:len(segs)-1] {
		next, ok := c[seg].(map[string]any)
		if !ok {
			next = map[string]any{}
			c[seg] = next
		}
		c = next
	}
	c[segs[len(segs)-1]] = v
}

func remove(doc map[string]any, path string) {
	if i := strings.LastIndexByte(path, '.'); i < 0 {
		delete(doc, path)
	} else if c, _ := get(doc, path[:i]); c != nil {
		if c, ok := c.(map[string]any); ok {
			delete(c, path[i+1:])
		}
	}
}

func within(path, above string) bool { return path == above || strings.HasPrefix(path, above+".") }

// on returns the path of the FlashNow value that a path is at or below.
func (m *model) on(path string) (above string, ok bool) {
	for above := range m.now {
		if within(path, above) {
			return above, true
		}
	}
	return "", false
}

// under reports whether there is a FlashNow value below a path.
func (m *model) under(path string) bool {
	for below := range m.now {
		if below != path && within(below, path) {
			return true
		}
	}
	return false
}

// change changes the FlashNow value that a path is at or below.
func (m *model) change(path string, f func(doc map[string]any, path string)) {
	above, _ := m.on(path)
	doc := map[string]any{"v": m.now[above]}
	f(doc, "v"+path[len(above):])
	if m.now[above] = doc["v"]; doc["v"] == nil {
		if _, ok := doc["v"]; !ok {
			delete(m.now, above)
		}
	}
}

// drop ends FlashNow at a path and below.
func (m *model) drop(path string) {
	maps.DeleteFunc(m.now, func(p string, _ any) bool { return within(p, path) })
}

func (m *model) flashNow(path string, v any) {
	if _, ok := m.on(path); ok {
		m.change(path, func(doc map[string]any, path string) { put(doc, path, v) })
		return
	}
	m.drop(path)
	m.now[path] = v
}

func (m *model) set(path string, v any) {
	if above, ok := m.on(path); ok && above != path {
		m.change(path, func(doc map[string]any, path string) { put(doc, path, clone(v)) })
	} else {
		m.drop(path)
	}
	put(m.data, path, v)
	m.clearFlash(path)
}

func (m *model) flash(path string, v any) {
	m.set(path, v)
	m.new[path] = true
}

func (m *model) append(path string, v any) {
	add := func(doc map[string]any, path string) {
		old, _ := get(doc, path)
		list, _ := old.([]any)
		put(doc, path, append(slices.Clone(list), clone(v)))
	}
	if _, ok := m.on(path); ok {
		m.change(path, add)
		return
	}
	add(m.data, path)
}

func (m *model) update(path string, v any) {
	if _, ok := m.on(path); ok {
		m.change(path, func(doc map[string]any, path string) { put(doc, path, v) })
		return
	}
	put(m.data, path, v)
}

func (m *model) addFlash(path string, v any) {
	_, over := m.on(path)
	m.append(path, v)
	if over { // and what is stored
		list, _ := get(m.data, path)
		elements, _ := list.([]any)
		put(m.data, path, append(slices.Clone(elements), clone(v)))
	}
	if !m.old[path] {
		m.new[path] = true
	}
}

func (m *model) remove(path string) {
	if _, ok := m.on(path); ok {
		m.change(path, remove)
	}
	m.drop(path)
	if _, ok := get(m.data, path); ok {
		remove(m.data, path)
		m.clearFlash(path)
	}
}

func (m *model) pop(path string) {
	if _, ok := m.on(path); ok {
		m.change(path, remove)
		return
	}
	m.remove(path)
}

// clearFlash removes the flash marks at a path and below.
func (m *model) clearFlash(path string) {
	below := func(p string, _ bool) bool { return within(p, path) }
	maps.DeleteFunc(m.old, below)
	maps.DeleteFunc(m.new, below)
}

func (m *model) keep(path string) {
	if v, ok := m.now[path]; ok {
		m.flash(path, v)
	} else if m.old[path] {
		delete(m.old, path)
		m.new[path] = true
	}
}
