package session

import (
	"errors"
	"slices"

	"github.com/expanse-go/session/internal/dotpath"
)

// An overlay holds the values of FlashNow. They lie on top of the document that the request
// sees otherwise, and never touch it. A nil overlay holds nothing.
type overlay struct {
	draft          // the values, each at its path
	paths []string // canonical; none is below another one
}

func newOverlay() *overlay {
	v := &overlay{draft: draft{doc: dotpath.NewDoc(emptyDoc)}}
	v.doc.Index()
	return v
}

// covers reports whether a path is that of a value, or below one.
func (v *overlay) covers(path string) bool {
	return v != nil && slices.ContainsFunc(v.paths, func(p string) bool { return dotpath.Within(path, p) })
}

// isBelow reports whether path is below above, which is "" for the whole document.
func isBelow(path, above string) bool {
	return above == "" || len(path) > len(above) && dotpath.Within(path, above)
}

// reaches reports whether there is a value below a path.
func (v *overlay) reaches(path string) bool {
	return v != nil && slices.ContainsFunc(v.paths, func(p string) bool { return isBelow(p, path) })
}

// cover lays the values below a path over what a document has there.
func (v *overlay) cover(raw []byte, path string) []byte {
	if !v.reaches(path) {
		return raw
	}
	if len(raw) == 0 {
		raw = emptyDoc
	}
	d := dotpath.NewDoc(raw)
	if len(v.paths) >= manyOps {
		d.Index()
	}
	for _, p := range v.paths {
		if !isBelow(p, path) {
			continue
		}
		value, _ := v.doc.Lookup(p)
		if path != "" {
			p = p[len(path)+1:]
		}
		d.Cover(p, value)
	}
	return d.Text()
}

// lookup returns the value at a path of a document under the overlay.
func (v *overlay) lookup(doc *dotpath.Doc, path string) (raw []byte, ok bool) {
	if v.covers(path) {
		return v.doc.Lookup(path)
	}
	raw, ok = doc.Lookup(path)
	if v.reaches(path) {
		return v.cover(raw, path), true
	}
	return raw, ok
}

// has is lookup without the value.
func (v *overlay) has(doc *dotpath.Doc, path string) bool {
	if v.covers(path) {
		return v.doc.Has(path)
	}
	return v.reaches(path) || doc.Has(path)
}

// change applies an op to the values.
func (v *overlay) change(o *op, limit int) error {
	err := v.apply(o, 0, limit)
	if errors.Is(err, dotpath.ErrTooLarge) {
		return errorf(ErrTooLarge, "the write to %q makes the values of FlashNow larger than Config.MaxBytes (%d)", o.path, limit)
	}
	return err
}

// set adds a value on top of a document, in place of those below its path.
func (v *overlay) set(doc *dotpath.Doc, o *op, limit int) error {
	covered := v.covers(o.path)
	switch {
	case !covered && doc.InList(o.path):
		return pathError(o, dotpath.ErrConflict)
	case !covered && len(v.paths) >= maxFlash:
		return errorf(ErrTooLarge, "more than %d values of FlashNow; put them into one list", maxFlash)
	}
	if err := v.change(o, limit); err != nil || covered {
		return err
	}
	v.paths = slices.DeleteFunc(v.paths, func(p string) bool { return dotpath.Within(p, o.path) })
	v.paths = append(v.paths, o.path)
	return nil
}

// drop removes the values at a path and below.
func (v *overlay) drop(path string) {
	v.paths = slices.DeleteFunc(v.paths, func(p string) bool {
		gone := dotpath.Within(p, path)
		if gone {
			_ = v.doc.Remove(p) // which cannot fail: no value is inside a list
		}
		return gone
	})
}

// take removes the value at a path that is covered.
func (v *overlay) take(path string) error {
	if slices.Contains(v.paths, path) {
		v.drop(path)
		return nil
	}
	return v.change(&op{kind: opRemove, path: path}, dotpath.NoLimit)
}

// write applies an op to the overlay, and reports whether it is to be applied to the document
// below as well. Append and Update change the value that is seen, and what AddFlash adds is
// stored, too. What sets or removes a value does so in both.
func (v *overlay) write(doc *dotpath.Doc, o *op, limit int) (both bool, err error) {
	covered := v.covers(o.path)
	over := op{kind: o.kind, path: o.path, raw: o.raw, fn: o.fn} // without a mark
	switch o.kind {
	case opAppend, opUpdate:
		if covered {
			return o.mark > 0, v.change(&over, limit)
		}
		if o.kind == opAppend && v.reaches(o.path) { // no list is seen there
			return false, pathError(o, dotpath.ErrConflict)
		}
	case opSet:
		if covered && !slices.Contains(v.paths, o.path) {
			return true, v.change(&over, dotpath.NoLimit)
		}
		v.drop(o.path)
	case opRemove, opPopOnce:
		if covered {
			err = v.take(o.path)
		} else {
			v.drop(o.path)
		}
		return doc.Has(o.path), err
	case opClear:
		*v = *newOverlay()
		return doc.Len() > len(emptyDoc), nil
	}
	return true, nil
}
