package dotpath

import "slices"

// A node is a value in the tree of a [Doc]. It is text until a path leads into it. Then it gets
// the nodes of its members, or the positions of its elements, if it is large enough.
type node struct {
	text   []byte // nil: it has changed and is yet to be written
	object *object
	list   *list
}

// indexFrom is the length of text from which finding something in it is worth an index.
const indexFrom = 512

type object struct {
	fields []field        // in the order of the text
	at     map[string]int // where in members
	len    int            // of the text
}

type field struct {
	key []byte // quoted; nil: the member was removed
	node
}

// A list has no nodes for its elements, because nothing can be written to one of them.
type list struct {
	text  []byte        // without the closing bracket; it only grows
	ends  []int         // where the elements end in it
	nodes map[int]*node // of large elements that were read
}

// open indexes a node that a path leads into. Text that is short, or that is not what
// encoding/json writes, stays as it is, and so does an object that has a key twice.
func (n *node) open() {
	if n.object != nil || n.list != nil || len(n.text) < indexFrom {
		return
	}
	switch n.text[0] {
	case '{':
		n.object = openObject(n.text)
	case '[':
		n.list = openList(n.text)
	}
}

func openObject(text []byte) *object {
	o := &object{at: map[string]int{}, len: len(text)}
	for i := 1; i < len(text) && text[i] == '"'; {
		k := skipString(text, i)
		if k < 0 || k >= len(text) || text[k] != ':' {
			return nil
		}
		v := skipValue(text, k+1)
		if v < 0 || v >= len(text) {
			return nil
		}
		key := unquote(text[i:k])
		if _, twice := o.at[key]; twice {
			return nil
		}
		o.at[key] = len(o.fields)
		o.fields = append(o.fields, field{text[i:k:k], node{text: text[k+1 : v : v]}})
		switch {
		case text[v] == '}' && v == len(text)-1:
			return o
		case text[v] != ',':
			return nil
		}
		i = v + 1
	}
	return nil
}

func openList(text []byte) *list {
	l := &list{}
	for i := 1; i < len(text); i++ {
		i = skipValue(text, i)
		if i < 0 || i >= len(text) {
			return nil
		}
		l.ends = append(l.ends, i)
		switch {
		case text[i] == ']' && i == len(text)-1:
			l.text = text[:i:i]
			return l
		case text[i] != ',':
			return nil
		}
	}
	return nil
}

// element returns the node of an element, or nil.
func (l *list) element(seg string) *node {
	i, ok := index(seg)
	if !ok || i >= len(l.ends) {
		return nil
	}
	if n := l.nodes[i]; n != nil {
		return n
	}
	from, to := 1, l.ends[i]
	if i > 0 {
		from = l.ends[i-1] + 1
	}
	n := &node{text: l.text[from:to:to]}
	if len(n.text) >= indexFrom {
		if l.nodes == nil {
			l.nodes = map[int]*node{}
		}
		l.nodes[i] = n
	}
	return n
}

// len returns the length of the text.
func (n *node) len() int {
	switch {
	case n.object != nil:
		return n.object.len
	case n.list != nil:
		return len(n.list.text) + 1
	}
	return len(n.text)
}

// write returns the text.
func (n *node) write() []byte {
	if n.text == nil {
		n.text = n.appendTo(make([]byte, 0, n.len()))
	}
	return n.text
}

func (n *node) appendTo(b []byte) []byte {
	switch {
	case n.text != nil:
		return append(b, n.text...)
	case n.list != nil:
		return append(append(b, n.list.text...), ']')
	}
	b = append(b, '{')
	first := true
	for i := range n.object.fields {
		m := &n.object.fields[i]
		if m.key == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = m.appendTo(append(append(b, m.key...), ':'))
	}
	return append(b, '}')
}

// find returns the node of a path.
func (n *node) find(path string) (*node, bool) {
	for {
		n.open()
		seg, rest, more := cut(path)
		switch {
		case n.object != nil:
			i, ok := n.object.at[seg]
			if !ok {
				return nil, false
			}
			n = &n.object.fields[i].node
		case n.list != nil:
			if n = n.list.element(seg); n == nil {
				return nil, false
			}
		default:
			raw, ok := Lookup(n.text, path)
			return &node{text: raw}, ok
		}
		if !more {
			return n, true
		}
		path = rest
	}
}

// toward follows a path to a value that is only text, and returns that and the rest of the path;
// or it reports that it has come to a list. If there is no such value, the text is an empty object.
func (n *node) toward(path string) (text []byte, rest string, list bool) {
	for {
		n.open()
		switch {
		case n.list != nil:
			return nil, "", true
		case n.object == nil:
			return n.text, path, false
		}
		seg, rest, more := cut(path)
		i, ok := n.object.at[seg]
		if !ok || !more {
			return []byte("{}"), path, false
		}
		n, path = &n.object.fields[i].node, rest
	}
}

// change sets the value at a path, or appends the elements of a list to it. It returns by how
// much the text grows, which is at most room unless that is negative. After an error, nothing has
// changed.
func (n *node) change(path string, raw []byte, room int, appends bool) (grown int, err error) {
	n.open()
	o := n.object
	switch {
	case n.list != nil:
		return 0, ErrConflict
	case o == nil && appends:
		raw, err = Append(n.text, path, raw)
		return n.replace(raw, err, room)
	case o == nil:
		raw, err = Set(n.text, path, raw)
		return n.replace(raw, err, room)
	}
	seg, rest, more := cut(path)
	i, ok := o.at[seg]
	switch {
	case !ok:
		if more {
			raw, _ = Set([]byte("null"), rest, raw) // which cannot fail
		}
		grown, err = o.add(seg, raw, room)
	case more:
		grown, err = o.fields[i].change(rest, raw, room, appends)
	case appends:
		grown, err = o.fields[i].append(raw, room)
	default:
		grown, err = o.fields[i].replace(raw, nil, room)
	}
	if err == nil {
		o.len += grown
		n.text = nil
	}
	return grown, err
}

// replace gives a node another text, unless there was an error in making it.
func (n *node) replace(text []byte, err error, room int) (grown int, _ error) {
	grown = len(text) - n.len()
	switch {
	case err != nil:
		return 0, err
	case grown > max(room, 0):
		return 0, ErrTooLarge
	}
	*n = node{text: text}
	return grown, nil
}

// append appends the elements of a list.
func (n *node) append(raw []byte, room int) (grown int, err error) {
	n.open()
	l := n.list
	if l == nil {
		if n.object != nil {
			return 0, ErrConflict
		}
		raw, err = join(n.text, raw)
		return n.replace(raw, err, room)
	}
	more := openList(raw)
	if more == nil { // no elements
		return 0, nil
	}
	grown = len(more.text) // a comma in place of the opening bracket
	if grown > max(room, 0) {
		return 0, ErrTooLarge
	}
	from := len(l.text)
	l.text = append(append(l.text, ','), more.text[1:]...)
	for _, end := range more.ends {
		l.ends = append(l.ends, from+end)
	}
	n.text = nil
	return grown, nil
}

func (o *object) add(name string, raw []byte, room int) (grown int, err error) {
	key := AppendString(nil, name)
	grown = len(key) + 1 + len(raw)
	if len(o.at) > 0 {
		grown++
	}
	if grown > max(room, 0) {
		return 0, ErrTooLarge
	}
	o.at[name] = len(o.fields)
	o.fields = append(o.fields, field{key, node{text: raw}})
	return grown, nil
}

// remove deletes the value at a path and returns by how much the text shrinks.
func (n *node) remove(path string) (shrunk int, err error) {
	n.open()
	o := n.object
	switch {
	case n.list != nil:
		if _, ok := n.find(path); ok {
			return 0, ErrConflict
		}
		return 0, nil
	case o == nil:
		text, _, err := Remove(n.text, path)
		grown, err := n.replace(text, err, 0)
		return -grown, err
	}
	seg, rest, more := cut(path)
	i, ok := o.at[seg]
	switch {
	case !ok:
		return 0, nil
	case more:
		shrunk, err = o.fields[i].remove(rest)
	default:
		shrunk = o.delete(seg, i)
	}
	if shrunk > 0 {
		o.len -= shrunk
		n.text = nil
	}
	return shrunk, err
}

func (o *object) delete(name string, i int) (shrunk int) {
	m := &o.fields[i]
	shrunk = len(m.key) + 1 + m.len()
	if len(o.at) > 1 {
		shrunk++
	}
	*m = field{}
	delete(o.at, name)
	if len(o.fields) > 2*len(o.at)+16 {
		o.compact()
	}
	return shrunk
}

// compact drops the places of removed members. It is called so rarely that a removal costs the same
// on average however many members there are.
func (o *object) compact() {
	to := make([]int, len(o.fields))
	n := 0
	for i, m := range o.fields {
		to[i] = n
		if m.key != nil {
			n++
		}
	}
	for name, i := range o.at {
		o.at[name] = to[i]
	}
	o.fields = slices.DeleteFunc(o.fields, func(m field) bool { return m.key == nil })
}
