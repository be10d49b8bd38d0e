package sessionconfig

import (
	"slices"
	"strings"
)

// A vocabulary lists the names that a document may contain. The keys of open tables, such
// as the options of a driver, are not checked.
type vocabulary struct {
	keys   []string
	tables []string
	open   []string
	hidden []string // known keys that are refused for another reason
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

// reportUnknown reports the keys and tables of a document that are not in the vocabulary.
// It reports an unknown table once, without its keys.
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
		e.text = "" // it may be a misspelled password
		switch {
		case within(path) || v.isOpen(path) || v.isKey(path):
		case v.isTable(path):
			r.add(e.mistake(path, false, "is a table; write [%s] and put its keys below it", path))
		default:
			r.add(v.unknown(e, path))
		}
	}
}

// unknown returns the mistake for an unknown key, with the most likely name, or with all
// valid names if none is similar.
func (v vocabulary) unknown(e entry, path string) *Error {
	m := e.mistake(path, false, "is not a setting")
	known := slices.Concat(v.keys, v.tables, v.open)
	near := nearestPath(path, known)
	if s := synonyms[fold(path)]; slices.Contains(known, s) {
		near = s
	}
	if near != "" {
		m.Hint = "did you mean " + near + "?"
		return m
	}
	// The table may be right and only the last name wrong.
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
		m.Hint = "valid here: " + strings.Join(siblings, ", ")
	}
	return m
}

// unknownTable is like unknown for a table. It suggests only tables.
func (v vocabulary) unknownTable(e entry, path string) *Error {
	m := e.mistake(path, false, "is not a known table")
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
	m.Hint = "valid tables: " + strings.Join(tables, ", ")
	return m
}

// below returns the sorted names directly below a table, whose name ends in a dot.
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
