package session

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// A draft is the state of a session while it is being changed. Its slices are never
// written in place, so a copy of a draft is a snapshot, unless its document is indexed: then
// only its owner may use it, until it is frozen.
type draft struct {
	envelope
	doc   dotpath.Doc
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
var nothing = &stored{draft: draft{doc: dotpath.NewDoc(emptyDoc)}}

// An op is one recorded change. The ops of a request are its patch. Each is applied to
// the request's own view immediately, and again to the stored document if another request
// has committed in the meantime.
type op struct {
	kind opKind
	mark int32  // set, append, update: path[:mark] is where a flash message is from then on; 0: nowhere
	path string // canonical
	raw  []byte // set: the value; append: the values as a list; take, consume: what was seen
	gen  uint64 // keep, consume: the generation that was seen
	fn   func(old []byte, ok bool) ([]byte, error)
	args *opArgs // login, confirm, timeouts, persist
	note *note   // for Config.DangerouslyLogChanges; nil otherwise
}

// A note is what Config.DangerouslyLogChanges logs of an op.
type note struct {
	old, new string
	at       string // file and line of the program
}

// An opArgs holds the arguments of the rarer ops: each uses some of the fields.
type opArgs struct {
	owner          string
	authAt         int64
	earlier        bool                                // the login took place before; see LoggedInAt
	holds          func(context.Context) (bool, error) // what the login depends on; nil: nothing
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
	opKeep
	opConsume
	opLogin
	opConfirm
	opTimeouts
	opPersist
)

func (k opKind) String() string {
	return [...]string{
		opSet: "set", opAppend: "append", opUpdate: "update", opRemove: "remove", opPopOnce: "pop", opClear: "clear",
		opKeep: "keep flash", opConsume: "use up flash", opLogin: "login", opConfirm: "confirm", opTimeouts: "set timeouts",
		opPersist: "set persistence",
	}[k]
}

// apply performs one op. The id is that of the commit; it becomes the generation of
// flash messages. The document may grow up to a limit. After an error the draft is unchanged.
func (d *draft) apply(o *op, id uint64, limit int) (err error) {
	if o.mark > 0 && len(d.flash) >= maxFlash && d.marked(o.message()) == 0 {
		return errorf(ErrTooLarge, "more than %d flash messages; put them into one list with AddFlash", maxFlash)
	}
	switch o.kind {
	case opSet:
		err = d.doc.Set(o.path, o.raw, limit)
	case opAppend:
		err = d.doc.Append(o.path, o.raw, limit)
	case opUpdate:
		var raw []byte
		if raw, err = o.fn(d.doc.Lookup(o.path)); err == nil {
			err = d.doc.Set(o.path, raw, limit)
		}
	case opRemove:
		err = d.doc.Remove(o.path)
	case opPopOnce:
		if raw, ok := d.doc.Lookup(o.path); !ok || !bytes.Equal(raw, o.raw) {
			return errTaken
		}
		err = d.doc.Remove(o.path)
	case opClear:
		d.doc = dotpath.NewDoc(emptyDoc)
	case opLogin:
		d.owner, d.authAt = o.args.owner, o.args.authAt
	case opConfirm: // the owner is the same: a request that has another one does not get here
		d.authAt = o.args.authAt
	case opTimeouts:
		d.idle, d.absolute = o.args.idle, o.args.absolute
	case opPersist:
		d.persist = o.args.persist
	}
	if err != nil {
		return pathError(o, err)
	}
	d.remark(o, id)
	return nil
}

// manyOps is the number of ops from which an index of the document pays off.
const manyOps = 16

// applyAll performs the ops of a commit. It does not limit the size of intermediate results: the
// request has kept to the limit, and the final result is checked.
func (d *draft) applyAll(ops []op, id uint64) error {
	if len(ops) >= manyOps {
		d.doc.Index()
		defer d.doc.Freeze()
	}
	for i := range ops {
		if err := d.apply(&ops[i], id, dotpath.NoLimit); err != nil {
			return err
		}
	}
	return nil
}

// remark updates the flash marks. An op that sets or removes a value makes it and
// everything below it permanent, unless the op says otherwise.
func (d *draft) remark(o *op, id uint64) {
	switch o.kind {
	case opSet, opRemove, opPopOnce:
		d.unmark(o.path)
	case opClear:
		d.flash = nil
	case opKeep:
		if d.marked(o.path) == o.gen {
			d.renew(o.path, id)
		}
	case opConsume:
		if d.marked(o.path) == o.gen {
			d.useUp(o, id)
		}
	}
	if o.mark > 0 && d.marked(o.message()) == 0 {
		d.flash = append(slices.Clip(d.flash), flashMark{o.message(), id})
	}
}

// useUp removes a flash message that a request has seen. What was added to it or changed
// since then becomes a message of this commit, because no page has shown it.
func (d *draft) useUp(o *op, id uint64) {
	now, _ := d.doc.Lookup(o.path)
	if bytes.Equal(now, o.raw) {
		_ = d.doc.Remove(o.path) // fails if the value is now inside a list: then only the mark is removed
		d.unmark(o.path)
		return
	}
	if added, ok := dotpath.CutList(now, o.raw); ok {
		_ = d.doc.Set(o.path, added, dotpath.NoLimit)
	}
	d.renew(o.path, id)
}

// message returns the path of the flash message that the op leaves.
func (o *op) message() string { return o.path[:o.mark] }

// messageAt returns the length of the path of the flash message that an op would change, or 0
// if it would change none. Setting the whole message would make it permanent.
func (d *draft) messageAt(o *op) int32 {
	if o.kind != opSet && o.kind != opAppend && o.kind != opUpdate {
		return 0
	}
	for _, m := range d.flash {
		if dotpath.Within(o.path, m.path) && (o.kind != opSet || o.path != m.path) {
			return int32(len(m.path))
		}
	}
	return 0
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

// renew gives the mark of a path another generation.
func (d *draft) renew(path string, gen uint64) {
	d.flash = slices.Clone(d.flash)
	for i := range d.flash {
		if d.flash[i].path == path {
			d.flash[i].gen = gen
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
	return draft{doc: dotpath.NewDoc(emptyDoc), envelope: envelope{ring: d.ring, extensions: d.extensions}}
}

// decode decodes the record. After an error the draft must not be used.
func (at *stored) decode() error {
	at.owner = at.rec.Owner
	text, err := at.envelope.decode(at.rec.Data)
	at.doc = dotpath.NewDoc(text)
	return err
}

// maxPrevious limits how many replaced tokens a record keeps: more rotations than that
// within the grace forget the oldest.
const maxPrevious = 8

// rotate makes next the digest of the draft's token. It keeps the tokens replaced within
// the grace. A change of privilege replaces them all: none of them may write anymore. Of
// those replaced longer ago it keeps enough to notice that one is used again; after a
// handover that would be no sign of theft.
func (d *draft) rotate(kind rotation, next digest, now time.Time, grace time.Duration) {
	all := append(slices.Clip(d.prev), previous{digest: d.digest, kind: kind, deadline: now.Add(grace).UnixNano()})
	var kept []previous
	retired := slices.Clip(d.retired)
	for i, p := range all {
		p.kind = max(p.kind, kind)
		switch {
		case now.UnixNano() < p.deadline && len(all)-i <= maxPrevious:
			kept = append(kept, p)
		case p.kind != handover && grace > 0:
			retired = append(retired, p.digest[:retiredSize]...)
		}
	}
	if kind == handover {
		retired = nil
	}
	d.prev, d.digest, d.rotatedAt = kept, next, now.UnixNano()
	d.retired = retired[max(0, len(retired)-retiredSize*retiredCount):]
}

// between returns the kind of a rotation together with other changes.
func (r rotation) between(before, after *draft) rotation {
	if before.owner != after.owner {
		return handover
	}
	return r
}

// reused reports whether a token that no longer gives access once did, for the owner to
// whom the session still belongs.
func (d *draft) reused(presented *digest) bool {
	if p := d.previous(presented); p != nil {
		return p.kind != handover
	}
	for r := d.retired; len(r) >= retiredSize; r = r[retiredSize:] {
		if subtle.ConstantTimeCompare(r[:retiredSize], presented[:retiredSize]) == 1 {
			return true
		}
	}
	return false
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
//	noToken ──create──▶ current ──Login, Confirm, Regenerate or a periodic rotation──▶ current
//
//	load: the token is the record's, or was replaced within Config.Grace
//	  ├──▶ current
//	  ├──▶ recent     by a periodic rotation: it may write, but gets no token of its own
//	  └──▶ superseded by Login, Confirm or Regenerate: it gives no access
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
