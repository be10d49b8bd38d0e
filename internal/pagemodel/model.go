// Package pagemodel is a second, deliberately plain implementation of what a
// session promises to a visitor who comes back request after request, and a
// random walk that holds it against the real one.
//
// The model keeps decoded values in memory, ages flash messages at the end of a
// request, and knows nothing of documents, patches, versions or stores.
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
	old, new map[string]bool // flash messages: from earlier requests, of this one
	stored   bool
	created  time.Time
	last     time.Time
}

func (m *model) reset() {
	*m = model{data: map[string]any{}, old: map[string]bool{}, new: map[string]bool{}}
}

// begin starts a request: a session that was idle too long, or is too old, is gone.
func (m *model) begin(now time.Time, idle, absolute time.Duration) {
	if m.data == nil || m.stored && (now.Sub(m.last) >= idle || now.Sub(m.created) >= absolute) {
		m.reset()
	}
}

// end ages the flash messages.
func (m *model) end(now time.Time) {
	for path := range m.old {
		m.remove(path)
	}
	m.old, m.new = m.new, map[string]bool{}
	if !m.stored && len(m.data) > 0 {
		m.stored, m.created = true, now
	}
	m.last = now
}

func (m *model) get(path string) (any, bool) {
	var v any = m.data
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

// inList reports whether a proper part of the path leads to a list.
func (m *model) inList(path string) bool {
	for i, c := range path {
		if c == '.' {
			if v, _ := m.get(path[:i]); isList(v) {
				return true
			}
		}
	}
	return false
}

func isList(v any) bool { _, ok := v.([]any); return ok }

func (m *model) put(path string, v any) {
	segs := strings.Split(path, ".")
	c := m.data
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

func (m *model) set(path string, v any) {
	m.put(path, v)
	m.forget(path)
}

func (m *model) flash(path string, v any) {
	m.set(path, v)
	m.new[path] = true
}

func (m *model) append(path string, v any) {
	old, _ := m.get(path)
	list, _ := old.([]any)
	m.put(path, append(slices.Clone(list), v))
}

func (m *model) remove(path string) {
	if i := strings.LastIndexByte(path, '.'); i < 0 {
		delete(m.data, path)
	} else if c, _ := m.get(path[:i]); c != nil {
		if c, ok := c.(map[string]any); ok {
			delete(c, path[i+1:])
		}
	}
	m.forget(path)
}

// forget drops the flash marks at a path and below.
func (m *model) forget(path string) {
	below := func(p string, _ bool) bool { return p == path || strings.HasPrefix(p, path+".") }
	maps.DeleteFunc(m.old, below)
	maps.DeleteFunc(m.new, below)
}

func (m *model) keep(path string) {
	if m.old[path] {
		delete(m.old, path)
		m.new[path] = true
	}
}
