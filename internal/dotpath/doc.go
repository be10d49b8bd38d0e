package dotpath

import (
	"errors"
	"math"
	"strings"
)

// NoLimit is the limit of a change that may make a document as large as it likes.
const NoLimit = math.MaxInt

// ErrTooLarge is the error of a change that would make a document larger than it may be.
var ErrTooLarge = errors.New("document too large")

// A Doc is a JSON document that is read and changed by valid paths. At first it is text, which
// each access scans and each change copies. That is fastest for a few of them. After [Doc.Index],
// an access costs only as much as the value it finds.
//
// Reading a Doc changes nothing as long as it is not indexed, and a copy of it is then independent
// of the original. A changed value never shares memory with what was read before.
type Doc struct {
	text []byte // the document, unless there is a tree
	tree *node
}

// NewDoc returns a document with the given text.
func NewDoc(text []byte) Doc { return Doc{text: text} }

// Index prepares for many accesses. It costs as much as a few of them.
func (d *Doc) Index() {
	if d.tree == nil {
		d.tree, d.text = &node{text: d.text}, nil
	}
}

// Indexed reports whether there is an index.
func (d *Doc) Indexed() bool { return d.tree != nil }

// Freeze removes the index, so that d can be copied and shared.
func (d *Doc) Freeze() {
	if d.tree != nil {
		d.text, d.tree = d.tree.write(), nil
	}
}

// Text returns the document. Nobody may write to it.
func (d *Doc) Text() []byte {
	if d.tree != nil {
		return d.tree.write()
	}
	return d.text
}

// Len returns the length of the text.
func (d *Doc) Len() int {
	if d.tree != nil {
		return d.tree.len()
	}
	return len(d.text)
}

// Lookup returns the JSON text of the value at a path.
func (d *Doc) Lookup(path string) (raw []byte, ok bool) {
	if d.tree == nil {
		return Lookup(d.text, path)
	}
	n, ok := d.tree.find(path)
	if !ok {
		return nil, false
	}
	return n.write(), true
}

// Has reports whether there is a value at a path. It costs less than Lookup for a large value.
func (d *Doc) Has(path string) bool {
	if d.tree == nil {
		_, ok := Lookup(d.text, path)
		return ok
	}
	_, ok := d.tree.find(path)
	return ok
}

// InList reports whether a path leads into a list, so that nothing can be written there.
func (d *Doc) InList(path string) bool {
	doc, rest := d.text, path
	if d.tree != nil {
		var list bool
		if doc, rest, list = d.tree.toward(path); list {
			return true
		}
	}
	_, err := locate(doc, rest, false)
	return err != nil
}

// Scalar returns the part of a path where a scalar is in the way, which [Doc.Set] would replace by an
// object, or "". A null counts as nothing.
func (d *Doc) Scalar(path string) string {
	if strings.IndexByte(path, '.') < 0 {
		return ""
	}
	doc, rest := d.text, path
	if d.tree != nil {
		var list bool
		if doc, rest, list = d.tree.toward(path); list {
			return ""
		}
	}
	p, err := locate(doc, rest, false)
	if err != nil || p.missing == "" || p.from == p.to || string(doc[p.from:p.to]) == "null" {
		return ""
	}
	return path[:len(path)-len(p.missing)-1]
}

// Set replaces the value at a path as the function [Set] does. The document may grow up to a
// limit, in bytes; a document above the limit may not grow at all. After an error it is unchanged.
func (d *Doc) Set(path string, raw []byte, limit int) error {
	return d.change(path, raw, limit, false)
}

// Cover replaces the value at a path as the function [Cover] does.
func (d *Doc) Cover(path string, raw []byte) {
	indexed := d.Indexed()
	if indexed && d.Set(path, raw, NoLimit) == nil {
		return
	}
	d.Freeze() // a list is on the path, which is rare
	d.text = Cover(d.text, path, raw)
	if indexed {
		d.Index()
	}
}

// Append appends the elements of a list as the function [Append] does. The limit and errors are
// those of [Doc.Set].
func (d *Doc) Append(path string, list []byte, limit int) error {
	return d.change(path, list, limit, true)
}

func (d *Doc) change(path string, raw []byte, limit int, appends bool) error {
	if d.tree != nil {
		_, err := d.tree.change(path, raw, limit-d.tree.len(), appends)
		return err
	}
	edit := Set
	if appends {
		edit = Append
	}
	text, err := edit(d.text, path, raw)
	switch {
	case err != nil:
		return err
	case len(text) > max(limit, len(d.text)):
		return ErrTooLarge
	}
	d.text = text
	return nil
}

// Remove deletes the value at a path as the function [Remove] does.
func (d *Doc) Remove(path string) error {
	if d.tree != nil {
		_, err := d.tree.remove(path)
		return err
	}
	text, _, err := Remove(d.text, path)
	if err == nil {
		d.text = text
	}
	return err
}
