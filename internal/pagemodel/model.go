// Package pagemodel is a second, deliberately simple implementation of a session for
// sequential requests of one visitor. It compares that model with the real implementation
// in a random walk.
//
// The model keeps decoded values in memory, and ages flash messages at the end of each
// request. It has no documents, patches, versions or stores.
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
	stored   bool
	created  time.Time
	last     time.Time
}

func (m *model) reset() {
	*m = model{data: map[string]any{}, old: map[string]bool{}, new: map[string]bool{}}
}

// begin starts a request. It resets a session that has exceeded a timeout.
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

// inList reports whether a proper prefix of the path leads to a list.
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
	m.clearFlash(path)
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
	m.clearFlash(path)
}

// clearFlash removes the flash marks at a path and below.
func (m *model) clearFlash(path string) {
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
