package sessionconfig

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// settings holds the entries of one file, or of one of its tables, and their parsed
// values.
type settings struct {
	specs   []spec
	entries map[string]entry // the values given, including those from variables
	values  map[string]any   // the parsed values
	bad     map[string]bool  // keys with a mistake that is already reported
}

// overlay replaces values from the file with those of variables that begin with prefix.
// In error reports, keys precedes the key.
func (s *settings) overlay(l *loader, vars map[string]entry, prefix, keys, root string) {
	for _, sp := range s.specs {
		names := []string{variable(prefix, sp.key)}
		if rest, ok := strings.CutPrefix(sp.key, "stores.memory."); ok && prefix == sessionPrefix {
			names = append(names, variable(prefix, "stores.dict."+rest))
		}
		for _, name := range names {
			e, ok := vars[name]
			if _, other := find(s.specs, sp.key+strings.ToLower(fileSuffix)); sp.secret && !other {
				e, ok = l.takeSecretFile(vars, name, keys+sp.key, root)
			}
			if ok && e.origin.layer() > s.entries[sp.key].origin.layer() {
				s.entries[sp.key] = e
			}
		}
	}
}

// parse fills values. In error reports, prefix precedes the key.
func (s *settings) parse(l *loader, prefix string) {
	for _, sp := range s.specs {
		e, given := s.entries[sp.key]
		if !given {
			if sp.def != "" {
				s.values[sp.key] = sp.defaultValue()
			}
			continue
		}
		v, err := sp.parse(e)
		if err != nil {
			s.refuseEntry(l, prefix, sp, e, err)
			if sp.def != "" {
				s.values[sp.key] = sp.defaultValue()
			}
			continue
		}
		s.values[sp.key] = v
	}
}

// defaultValue parses the default. The tests ensure that this cannot fail.
func (s spec) defaultValue() any {
	var v any
	switch {
	case s.def == "true" || s.def == "false":
		v = s.def == "true"
	case s.def == "[]":
		v = []any{}
	default:
		v = strings.Trim(s.def, `"`)
	}
	parsed, _ := s.parse(entry{value: v, origin: Origin{Variable: "default"}})
	return parsed
}

func (s *settings) keys() []string {
	keys := make([]string, len(s.specs))
	for i, sp := range s.specs {
		keys[i] = sp.key
	}
	return keys
}

func (s *settings) given(key string) bool { _, ok := s.entries[key]; return ok }

func (s *settings) text(key string) string { v, _ := s.values[key].(string); return v }
func (s *settings) yes(key string) bool    { v, _ := s.values[key].(bool); return v }
func (s *settings) number(key string) int  { v, _ := s.values[key].(int64); return int(v) }
func (s *settings) duration(key string) time.Duration {
	v, _ := s.values[key].(time.Duration)
	return v
}
func (s *settings) list(key string) []string { v, _ := s.values[key].([]string); return v }

// refuse reports a value that is well-formed but wrong. Only Load may call it, because
// settings do not change afterwards.
func (s *settings) refuse(l *loader, prefix, key, reason, hint string) {
	s.bad[key] = true
	l.add(s.mistake(prefix, key, reason, hint))
}

// refuseEntry reports a malformed value.
func (s *settings) refuseEntry(l *loader, prefix string, sp spec, e entry, err error) {
	s.bad[sp.key] = true
	e.text = sp.mask(e.text)
	l.add(e.mistake(prefix+sp.key, sp.secret, "%s", err))
}

// mistake returns an Error about the value of a key, or about its default.
func (s *settings) mistake(prefix, key, reason, hint string) *Error {
	sp, _ := find(s.specs, key)
	e, ok := s.entries[key]
	if !ok && s.values[key] != nil {
		e.text = sp.show(s.values[key])
	}
	e.text = sp.mask(e.text)
	m := e.mistake(prefix+key, sp.secret, "%s", reason)
	m.Hint = hint
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
