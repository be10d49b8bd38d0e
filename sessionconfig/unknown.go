package sessionconfig

import (
	"slices"
	"strings"
)

// A vocabulary is what a document may hold. Keys below an open table are somebody
// else's, such as the options of a driver.
type vocabulary struct {
	keys   []string
	tables []string
	open   []string
	hidden []string // keys that are known and refused for another reason
}

func (v vocabulary) isKey(path string) bool {
	return slices.Contains(v.keys, path) || slices.Contains(v.hidden, path)
}

func (v vocabulary) isTable(path string) bool {
	begins := func(k string) bool { return strings.HasPrefix(k, path+".") }
	return slices.Contains(v.tables, path) || slices.Contains(v.open, path) ||
		slices.ContainsFunc(v.keys, begins) || slices.ContainsFunc(v.tables, begins)
}

func (v vocabulary) isOpen(path string) bool {
	return slices.ContainsFunc(v.open, func(t string) bool { return strings.HasPrefix(path, t+".") })
}

// reportUnknown reports the keys and tables of a document that are not in the
// vocabulary; an unknown table once, not with all its keys.
func (r *report) reportUnknown(doc document, v vocabulary) {
	var reported []string
	within := func(path string) bool {
		return slices.ContainsFunc(reported, func(t string) bool { return strings.HasPrefix(path, t+".") })
	}
	for _, path := range sortedKeys(doc.tables) {
		e := entry{origin: Origin{File: doc.name, Line: doc.tables[path]}}
		switch {
		case within(path) || v.isOpen(path) || v.isTable(path):
		case v.isKey(path):
			r.add(e.mistake(path, false, "is a setting, not a table"))
			reported = append(reported, path)
		default:
			r.add(v.unknownTable(e, path))
			reported = append(reported, path)
		}
	}
	for _, path := range sortedKeys(doc.entries) {
		e := doc.entries[path]
		e.text = "" // it may be a misspelt password
		switch {
		case within(path) || v.isOpen(path) || v.isKey(path):
		case v.isTable(path):
			r.add(e.mistake(path, false, "is a table; write [%s], and its keys below", path))
		default:
			r.add(v.unknown(e, path))
		}
	}
}

// unknown words the mistake: the likeliest name, or else the names to choose from.
func (v vocabulary) unknown(e entry, path string) *Error {
	m := e.mistake(path, false, "is no setting")
	known := slices.Concat(v.keys, v.tables, v.open)
	near := nearestPath(path, known)
	if s := synonyms[fold(path)]; slices.Contains(known, s) {
		near = s
	}
	if near != "" {
		m.Hint = "did you mean " + near + "?"
		return m
	}
	// The last name may be wrong and the table right.
	table, name := "", path
	if i := strings.LastIndex(path, "."); i >= 0 {
		table, name = path[:i+1], path[i+1:]
	}
	if meant := synonyms[fold(name)]; slices.Contains(known, meant) {
		m.Hint = "did you mean " + meant + "?"
		return m
	}
	siblings := below(known, table)
	if near := nearest(name, siblings); near != "" {
		m.Hint = "did you mean " + table + near + "?"
		return m
	}
	if len(siblings) == 0 {
		m.Hint = "remove it"
	} else {
		m.Hint = "known here: " + strings.Join(siblings, ", ")
	}
	return m
}

// unknownTable suggests tables only: a setting cannot stand in their place.
func (v vocabulary) unknownTable(e entry, path string) *Error {
	m := e.mistake(path, false, "is no table here")
	tables := slices.Clone(v.tables)
	for _, k := range v.keys {
		for i := range k {
			if k[i] == '.' {
				tables = append(tables, k[:i])
			}
		}
	}
	slices.Sort(tables)
	tables = slices.Compact(tables)
	if near := nearestPath(path, append(v.open, tables...)); near != "" {
		m.Hint = "did you mean " + near + "?"
		return m
	}
	m.Hint = "known: " + strings.Join(tables, ", ")
	return m
}

// below lists the names directly below a table, given with its dot, sorted.
func below(paths []string, table string) []string {
	var names []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, table); ok {
			name, _, _ := strings.Cut(rest, ".")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
