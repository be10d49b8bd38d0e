package session

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// A draft is the state of a session while it is being changed. Its slices are never
// written in place, so a copy of a draft is a snapshot.
type draft struct {
	envelope
	doc   []byte
	owner string
}

var emptyDoc = []byte("{}")

// A stored is a record and its decoded content. It is never changed, because a commit
// stores another one. So requests may share it.
type stored struct {
	rec Record
	draft
}

// nothing stands for a visitor without a record.
var nothing = &stored{draft: draft{doc: emptyDoc}}

// An op is one recorded change. The ops of a request are its patch. Each is applied to
// the request's own view immediately, and again to the stored document if another request
// has committed in between.
type op struct {
	kind opKind
	path string // canonical
	raw  []byte // set, flash: the value; append: the values as a list; take: what was taken
	gen  uint64 // keep, consume: the generation that was seen
	fn   func(old []byte, ok bool) ([]byte, error)
	args *opArgs // login, timeouts, persist
}

// An opArgs holds the arguments of the rarer ops: each uses some of the fields.
type opArgs struct {
	owner          string
	authAt         int64
	idle, absolute time.Duration
	persist        persistence
}

type opKind byte

const (
	opSet opKind = iota
	opAppend
	opUpdate
	opRemove
	opPopOnce
	opClear
	opFlash
	opFlashNow
	opKeep
	opConsume
	opLogin
	opTimeouts
	opPersist
)

// maxFlash limits the flash messages of a session, because each costs a search of the
// document when it is used up.
const maxFlash = 256

// apply performs one op. The id is that of the commit; it becomes the generation of
// flash messages. After an error the draft is unchanged.
func (d *draft) apply(o *op, id uint64) error {
	doc, err := d.doc, error(nil)
	switch o.kind {
	case opSet, opFlash, opFlashNow:
		if o.kind == opFlash && len(d.flash) >= maxFlash && d.marked(o.path) == 0 {
			return errorf(ErrTooLarge, "more than %d flash messages; put them into one list", maxFlash)
		}
		doc, err = dotpath.Set(doc, o.path, o.raw)
	case opAppend:
		doc, err = appendList(doc, o.path, o.raw)
	case opUpdate:
		var raw []byte
		if raw, err = o.fn(dotpath.Lookup(doc, o.path)); err == nil {
			doc, err = dotpath.Set(doc, o.path, raw)
		}
	case opRemove:
		doc, _, err = dotpath.Remove(doc, o.path)
	case opPopOnce:
		if raw, ok := dotpath.Lookup(doc, o.path); !ok || !bytes.Equal(raw, o.raw) {
			return errTaken
		}
		doc, _, err = dotpath.Remove(doc, o.path)
	case opClear:
		doc = emptyDoc
	case opConsume:
		if d.marked(o.path) == o.gen {
			if next, _, err := dotpath.Remove(doc, o.path); err == nil {
				doc = next // otherwise the value is inside a list now, and only the mark goes
			}
		}
	case opLogin:
		d.owner, d.authAt = o.args.owner, o.args.authAt
	case opTimeouts:
		d.idle, d.absolute = o.args.idle, o.args.absolute
	case opPersist:
		d.persist = o.args.persist
	}
	if err != nil {
		return pathError(o, err)
	}
	d.doc = doc
	d.remark(o, id)
	return nil
}

// remark updates the flash marks. An op that writes or removes a value makes it and
// everything below it permanent. An op that only changes a value leaves it a message.
func (d *draft) remark(o *op, id uint64) {
	switch o.kind {
	case opSet, opRemove, opPopOnce:
		d.unmark(o.path)
	case opConsume:
		if d.marked(o.path) == o.gen {
			d.unmark(o.path)
		}
	case opClear:
		d.flash = nil
	case opFlash:
		d.unmark(o.path)
		d.flash = append(slices.Clip(d.flash), flashMark{o.path, id})
	case opKeep:
		if d.marked(o.path) == o.gen {
			d.flash = slices.Clone(d.flash)
			i := slices.IndexFunc(d.flash, func(m flashMark) bool { return m.path == o.path })
			d.flash[i].gen = id
		}
	}
}

// adopt copies what ops can change, and keeps what only commits change: tokens and the
// ring.
func (d *draft) adopt(from *draft) {
	d.doc, d.flash, d.owner = from.doc, from.flash, from.owner
	d.authAt, d.idle, d.absolute, d.persist = from.authAt, from.idle, from.absolute, from.persist
}

func (d *draft) unmark(path string) {
	for i, m := range d.flash {
		if dotpath.Within(m.path, path) {
			rest := slices.Clone(d.flash[:i])
			for _, m := range d.flash[i+1:] {
				if !dotpath.Within(m.path, path) {
					rest = append(rest, m)
				}
			}
			d.flash = rest
			return
		}
	}
}

// marked returns the generation of the mark of a path, or 0 if it has none.
func (d *draft) marked(path string) uint64 {
	for _, m := range d.flash {
		if m.path == path {
			return m.gen
		}
	}
	return 0
}

func appendList(doc []byte, path string, list []byte) ([]byte, error) {
	if len(list) == 2 { // no values: still makes an absent list
		if raw, ok := dotpath.Lookup(doc, path); !ok || string(raw) == "null" {
			return dotpath.Set(doc, path, list)
		}
		return dotpath.Append(doc, path)
	}
	return dotpath.Append(doc, path, list[1:len(list)-1])
}

func pathError(o *op, err error) error {
	if !errors.Is(err, dotpath.ErrConflict) {
		return err
	}
	switch o.kind {
	case opAppend:
		return errorf(ErrPathConflict, "cannot append to %q: it is not a list, or it is inside one", o.path)
	default:
		return errorf(ErrPathConflict, "cannot write to %q: it is inside a list; change the whole list with Update", o.path)
	}
}

// ended is what is left of a session that was ended: no token reaches it.
func (d *draft) ended() draft {
	return draft{doc: emptyDoc, envelope: envelope{ring: d.ring, extensions: d.extensions}}
}

// decode decodes the record. After an error the draft must not be used.
func (at *stored) decode() (err error) {
	at.owner = at.rec.Owner
	at.doc, err = at.envelope.decode(at.rec.Data)
	return err
}

// maxPrevious limits how many replaced tokens a record keeps: more rotations than that
// within the grace forget the oldest.
const maxPrevious = 8

// rotate makes next the digest of the draft's token. It keeps the tokens replaced within
// the grace. A change of privilege replaces them all: none of them may write anymore.
func (d *draft) rotate(kind rotation, next digest, now time.Time, grace time.Duration) {
	var kept []previous
	if grace > 0 {
		for _, p := range d.prev {
			if now.UnixNano() < p.deadline {
				if kind == privilege {
					p.kind = privilege
				}
				kept = append(kept, p)
			}
		}
		kept = append(kept, previous{digest: d.digest, kind: kind, deadline: now.Add(grace).UnixNano()})
		kept = kept[max(0, len(kept)-maxPrevious):]
	}
	d.prev, d.digest, d.rotatedAt = kept, next, now.UnixNano()
}

// previous returns the replaced token with the given digest, or nil.
func (d *draft) previous(presented *digest) *previous {
	for i := range d.prev {
		if p := &d.prev[i]; p.digest.equal(presented) {
			return p
		}
	}
	return nil
}

// admits reports whether a request that was loaded with the given digest may still write:
// its token is the current one, or periodic rotations have replaced it since.
func (d *draft) admits(presented *digest) bool {
	p := d.previous(presented)
	return d.digest.equal(presented) || p != nil && p.kind == periodic
}

// A standing is what the client's token is worth.
//
//	noToken ──create──▶ current ──Login, Regenerate or a periodic rotation──▶ current
//
//	load: the token is the record's, or was replaced within Config.Grace
//	  ├──▶ current
//	  ├──▶ recent     by a periodic rotation: it may write, but gets no token of its own
//	  └──▶ superseded by Login or Regenerate: it reaches nothing
type standing byte

const (
	noToken standing = iota
	current
	recent
	superseded
)

// standingOf returns what a token with the given digest is worth.
func (d *draft) standingOf(presented *digest, now time.Time) standing {
	if d.digest.equal(presented) {
		return current
	}
	p := d.previous(presented)
	switch {
	case p == nil || now.UnixNano() >= p.deadline:
		return noToken
	case p.kind == periodic:
		return recent
	}
	return superseded
}
