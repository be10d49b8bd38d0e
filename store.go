package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"
)

// A Record is what a [Store] keeps for one session.
//
// Times are instants in UTC with a resolution of one nanosecond; a store that
// keeps them as integers (int64 nanoseconds since 1970) keeps them exactly.
type Record struct {
	// ID is the key. It is public: safe to log, to list and to use in a URL.
	ID ID

	// Version is 1 after Create and grows by one with each Update. Touch does not change
	// it.
	Version uint64

	// Owner is the account that the session belongs to, "" while it is anonymous.
	// It is UTF-8 without NUL, at most [MaxOwner] bytes.
	Owner string

	// Client is where the session was last written from, as far as the
	// application records that (see [Config.Client]).
	Client Client

	CreatedAt    time.Time // of the record
	LastActivity time.Time // of the last write or touch

	// ExpiresAt is the first instant at which the session has ended. Only the manager
	// checks it: a store returns an expired record like any other, and may delete it at any
	// time from ExpiresAt plus [PruneSlack] on.
	ExpiresAt time.Time

	// Data is the envelope, opaque to stores. It is binary.
	Data []byte
}

// Format writes the record without its data for every verb, so that a record that is
// logged by accident does not show the data of the session.
func (r Record) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "record %v {version %d, owner %q, client %+v, created %v, active %v, expires %v, %d bytes}",
		r.ID, r.Version, r.Owner, r.Client, r.CreatedAt, r.LastActivity, r.ExpiresAt, len(r.Data))
}

// LogValue returns what Format writes. Only encoding/json sees the data.
func (r Record) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }

// PruneSlack is how long every store keeps a record after its ExpiresAt. It exceeds the
// difference between the clocks of one cluster, so that no process deletes a record that
// another one still considers alive.
const PruneSlack = time.Hour

// MaxOwner is the maximum length of an owner in bytes. It fits into an index key of
// every supported database.
const MaxOwner = 255

// A Store keeps records. A [Manager] calls its methods; most programs only construct a
// store and pass it to [New].
//
// There is intentionally no upsert. A late Update of a deleted record must fail; otherwise a
// slow request would bring a logged-out session back (CVE-2025-46336).
//
// All methods are safe for concurrent use by many goroutines, and, if several processes
// share the store, by many processes. Each method is atomic. It honors the cancellation
// of ctx as far as its medium allows. After an error other than [ErrNotFound] and
// [ErrConflict], the caller cannot know whether the write took place; the manager finds
// out by loading the record again.
//
// Errors may be wrapped; callers use [errors.Is].
//
// sessiontest.TestStore checks every sentence of this contract. The optional interfaces
// are [Viewer], [Toucher], [Pruner], [Lister], [OwnerLister], [OwnerDeleter], [Importer],
// [Stater] and [Broadcaster].
type Store interface {
	// Load returns the record, expired or not. It returns [ErrNotFound] if there
	// is none. The caller owns the result, Data included, and may change it.
	Load(ctx context.Context, id ID) (Record, error)

	// Create stores a new record with Version 1, whatever r.Version is. If there is a
	// record of that ID, expired or not, Create returns [ErrConflict] and changes
	// nothing. The store does not retain r.Data.
	Create(ctx context.Context, r Record) error

	// Update replaces the record with the ID and Version of r by r, with the version
	// r.Version+1. It returns [ErrNotFound] if there is no record of that ID, and
	// [ErrConflict] if the record has another version; then nothing changes. The store
	// does not retain r.Data.
	Update(ctx context.Context, r Record) error

	// Delete removes the record. It returns nil if there is none.
	Delete(ctx context.Context, id ID) error
}

// Capability returns the first store in the chain of s that implements C. A store that
// wraps another one returns it from a method Unwrap() Store. A wrapper that has to
// intercept a capability implements it itself.
func Capability[C any](s Store) (C, bool) {
	for s != nil {
		if c, ok := s.(C); ok {
			return c, true
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	var zero C
	return zero, false
}

// A Viewer lends records that are only read, so that a store in memory need not copy
// them. The manager uses it to load, but only if the store itself is a Viewer: it does
// not look inside a wrapper, because that would bypass the wrapper's Load.
type Viewer interface {
	// View is like Load, except that the caller must not change Data, and that the
	// store never changes it either: later writes are stored elsewhere. View does not
	// wait, so [Config].StoreTimeout does not limit its context.
	View(ctx context.Context, id ID) (Record, error)
}

// A Toucher extends a session without rewriting it.
type Toucher interface {
	// Touch moves LastActivity and ExpiresAt of the record forward. Each moves only if
	// the new instant is later than the stored one: a touch never shortens a session.
	// Data, Version and everything else stay the same. Touch returns nil if there is no
	// record.
	Touch(ctx context.Context, id ID, lastActivity, expires time.Time) error
}

// Touch extends a session through [Toucher] if s implements it. Otherwise it loads the
// record and updates it, which increments the version. If another writer is faster, Touch
// returns nil, because that writer has extended the session, too.
func Touch(ctx context.Context, s Store, id ID, lastActivity, expires time.Time) error {
	if t, ok := Capability[Toucher](s); ok {
		return t.Touch(ctx, id, lastActivity, expires)
	}
	r, err := s.Load(ctx, id)
	if err == nil {
		if !lastActivity.After(r.LastActivity) && !expires.After(r.ExpiresAt) {
			return nil
		}
		r.LastActivity = later(r.LastActivity, lastActivity)
		r.ExpiresAt = later(r.ExpiresAt, expires)
		err = s.Update(ctx, r)
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// A Pruner removes expired records.
type Pruner interface {
	// Prune deletes at most limit records whose ExpiresAt is before the given instant,
	// and returns how many it deleted. Fewer than limit means that there are no more. It
	// blocks other calls only for as long as a small batch takes. Several processes may
	// prune at the same time. A limit below 1 deletes nothing.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// Prune removes expired records through [Pruner] if s implements it, and otherwise
// through [List] and Delete. If s supports neither, the error matches
// [errors.ErrUnsupported].
func Prune(ctx context.Context, s Store, before time.Time, limit int) (int, error) {
	if p, ok := Capability[Pruner](s); ok {
		return p.Prune(ctx, before, limit)
	}
	n := 0
	for r, err := range List(ctx, s) {
		if err != nil {
			return n, err
		}
		if n >= limit {
			break
		}
		if !r.ExpiresAt.Before(before) {
			continue
		}
		if err := s.Delete(ctx, r.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// A Lister enumerates all records.
type Lister interface {
	// List yields each record once, expired ones included, in no particular order. It
	// may miss a record that is created or deleted during the loop. It holds no lock
	// while it yields, so the loop may call the store. An error is yielded with a zero
	// record and ends the sequence. The caller owns each record.
	List(ctx context.Context) iter.Seq2[Record, error]
}

// List enumerates all records through [Lister]. If s does not implement it, the sequence
// yields one error, which matches [errors.ErrUnsupported].
func List(ctx context.Context, s Store) iter.Seq2[Record, error] {
	if l, ok := Capability[Lister](s); ok {
		return l.List(ctx)
	}
	return func(yield func(Record, error) bool) {
		yield(Record{}, &StoreError{Op: "list", Err: errors.ErrUnsupported})
	}
}

// An OwnerLister enumerates the records of one owner through an index.
type OwnerLister interface {
	// ListOwner is like List, but yields only records whose Owner equals owner, byte
	// for byte.
	ListOwner(ctx context.Context, owner string) iter.Seq2[Record, error]
}

// ListOwner enumerates the records of one owner through [OwnerLister] if s implements
// it, and otherwise by filtering [List].
func ListOwner(ctx context.Context, s Store, owner string) iter.Seq2[Record, error] {
	if l, ok := Capability[OwnerLister](s); ok {
		return l.ListOwner(ctx, owner)
	}
	return func(yield func(Record, error) bool) {
		for r, err := range List(ctx, s) {
			if err == nil && r.Owner != owner {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// An OwnerDeleter deletes many records of one owner in a few steps. The manager uses it to
// end the sessions of an owner; without it, each session takes a load, an update and a
// delete.
type OwnerDeleter interface {
	// DeleteOwned deletes the records with the given IDs whose Owner equals owner, byte for
	// byte, at the moment of the deletion, and returns how many it deleted. It ignores IDs
	// without a record and records of other owners. Each deletion is atomic, but not all of
	// them together: after an error, some of the records may have been deleted. The owner is
	// not "".
	DeleteOwned(ctx context.Context, owner string, ids []ID) (int, error)
}

// An Importer takes records over from another store. Packages and commands that move
// sessions between stores need it; a manager does not.
type Importer interface {
	// Import is like Create, except that the new record keeps r.Version, which is at least 1
	// and less than 1<<62. A request that has loaded the record from the other store can then
	// update it in this one, and one with an older version cannot.
	Import(ctx context.Context, r Record) error
}

// A Status is what a [Stater] tells about a record.
type Status struct {
	ID           ID        // of the record
	Version      uint64    // as in the record, like the rest
	LastActivity time.Time // of the last write or touch
	ExpiresAt    time.Time // the first instant at which the session has ended
}

// A Stater tells the state of many records at once without reading their data. The manager
// asks it about all watched sessions together; see [Session.Watch].
type Stater interface {
	// Stat returns the status of each of the records, in no particular order. It leaves out
	// IDs without a record, and may leave out those of records for which Load returns
	// [ErrCorrupt]. The IDs differ from each other. Each status is that of one moment, but
	// not all of them together.
	Stat(ctx context.Context, ids []ID) ([]Status, error)
}

// Stat tells the state of records by [Stater] if s implements it, and otherwise by loading
// each of them.
func Stat(ctx context.Context, s Store, ids []ID) ([]Status, error) {
	if st, ok := Capability[Stater](s); ok {
		return st.Stat(ctx, ids)
	}
	var all []Status
	for _, id := range ids {
		r, err := s.Load(ctx, id)
		switch {
		case err == nil:
			all = append(all, Status{id, r.Version, r.LastActivity, r.ExpiresAt})
		case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt):
			return nil, err
		}
	}
	return all, nil
}

// A Broadcaster passes the IDs of sessions between the processes that share the store. A
// manager broadcasts the ID of each session that ends, or whose token a login replaces; a
// manager whose sessions are watched listens. A broadcast is only a hint, which says that
// the record is worth a look: it may be late, repeated or lost, because the manager also
// polls.
type Broadcaster interface {
	// Broadcast sends IDs to everybody who listens, in all processes. IDs that nobody
	// listens for are lost.
	Broadcast(ctx context.Context, ids []ID) error

	// Listen calls heard for each ID that is broadcast, one after the other, until ctx ends
	// or it can no longer listen. It always returns an error, which matches
	// [errors.ErrUnsupported] if it is useless to call Listen again. Whenever it begins to
	// hear, at the start and after an interruption, it calls heard with the zero ID: what
	// was broadcast before may have been lost.
	Listen(ctx context.Context, heard func(ID)) error
}

// Discard is a store that keeps nothing, like io.Discard; the configuration files call
// it "null". A manager on it hands out sessions that last for one request, stores nothing
// and sends no cookie. It disables sessions without a change to the handlers.
var Discard Store = discard{}

type discard struct{}

func (discard) Load(context.Context, ID) (Record, error) { return Record{}, ErrNotFound }
func (discard) Create(context.Context, Record) error     { return nil }
func (discard) Update(context.Context, Record) error     { return ErrNotFound }
func (discard) Delete(context.Context, ID) error         { return nil }

func (discard) Prune(context.Context, time.Time, int) (int, error) { return 0, nil }
func (discard) List(context.Context) iter.Seq2[Record, error] {
	return func(func(Record, error) bool) {}
}
