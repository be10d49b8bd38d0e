package sessionconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A document is a flattened TOML file: it maps paths such as "stores.file.path" to values.
// A name that contains a dot is quoted in its path.
type document struct {
	name    string // as shown in error reports
	missing bool
	broken  bool // unreadable or not valid TOML; already reported
	entries map[string]entry
	tables  map[string]int // header → line, including empty tables
}

// readTOML reads a file. A missing file is not a mistake here, because variables may
// replace it.
func (r *report) readTOML(path string) document {
	d := document{name: path, entries: map[string]entry{}, tables: map[string]int{}}
	data, err := r.readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.missing = true
		return d
	case err != nil:
		r.add(&Error{File: path, Reason: "cannot be read: " + plain(err), Err: err})
		d.broken = true
		return d
	}
	r.warnOfFile(path)
	tree := map[string]any{}
	if err := toml.Unmarshal(data, &tree); err != nil {
		r.add(syntaxError(path, err))
		d.broken = true
		return d
	}
	d.locate(data)
	d.flatten("", tree)
	for key, e := range d.entries {
		if e.origin.File == "" { // a key in an array of tables is part of a value
			delete(d.entries, key)
		}
	}
	return d
}

// syntaxError keeps the position and the short message of the parser. The long message
// quotes the line, which may contain a password.
func syntaxError(path string, err error) *Error {
	e := &Error{File: path, Reason: "is not valid TOML",
		Hint: "put strings in double quotes, set each key once, and write table headers like [stores.database]"}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		e.Line, _ = de.Position()
	}
	if text := err.Error(); !strings.Contains(text, "unable to parse") { // this message quotes the value
		e.Reason += ": " + strings.TrimPrefix(text, "toml: ")
	}
	return e
}

// flatten copies the values of the decoded tree. It relies on the lines that locate found.
func (d *document) flatten(prefix string, tree map[string]any) {
	for name, v := range tree {
		key := dotted(prefix, name)
		if sub, ok := v.(map[string]any); ok {
			if e, ok := d.entries[key]; ok && d.tables[key] == 0 {
				d.tables[key] = e.origin.Line
			}
			delete(d.entries, key)
			d.flatten(key, sub)
			continue
		}
		e := d.entries[key]
		if e.origin.Line == 0 {
			e.origin.Line = d.tables[key] // an array of tables
		}
		e.origin.File = d.name
		e.value, e.text = v, literal(v)
		d.entries[key] = e
	}
}

// locate records the line of every key and header, because the decoder reports positions
// only in errors.
func (d *document) locate(data []byte) {
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, line := keyOf(&p, n, "")
			table = path
			d.locateTable(path, line)
		case unstable.KeyValue:
			d.locatePair(&p, n, table)
		}
	}
}

// locateTable records a header, and its parent tables that have no header of their own.
func (d *document) locateTable(path string, line int) {
	d.tables[path] = line
	for i := range path {
		if path[i] == '.' && d.tables[path[:i]] == 0 {
			d.tables[path[:i]] = line
		}
	}
}

func (d *document) locatePair(p *unstable.Parser, n *unstable.Node, table string) {
	path, line := keyOf(p, n, table)
	d.entries[path] = entry{origin: Origin{Line: line}}
	if v := n.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			d.locatePair(p, it.Node(), path)
		}
	}
}

func keyOf(p *unstable.Parser, n *unstable.Node, prefix string) (path string, line int) {
	path = prefix
	for it := n.Key(); it.Next(); {
		k := it.Node()
		path = dotted(path, string(k.Data))
		if line == 0 {
			line = p.Shape(k.Raw).Start.Line
		}
	}
	return path, line
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func dotted(prefix, name string) string {
	if !bareKey.MatchString(name) {
		name = strconv.Quote(name)
	}
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// literal formats a value as TOML, on one line.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []any:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = literal(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return "{…}"
	}
	return fmt.Sprint(v)
}

// plain returns the text of an operating-system error without the path, which the report
// shows elsewhere.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
