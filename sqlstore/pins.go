package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session/internal/sqltable"
)

// pins keeps some connections of the pool for a while, to call their driver without
// database/sql. On SQLite a load takes a few microseconds, and database/sql accounts
// for two of them, measured. It also matters which connection reads or writes: each has
// a cache of pages, which becomes invalid when another connection writes.
//
// The pool belongs to the application. The pins leave half of it free; if the pool has
// only one connection, there are no pins. They return to the pool soon after somebody
// waits for a connection, and after a second at the latest, so that the pool can apply
// its own rules, such as a maximum lifetime. A statement that finds no pin, or can't
// use it, runs through database/sql.
type pins struct {
	db    *sql.DB
	limit int

	mu      sync.Mutex
	free    []*pin      // in order of use; the last has the newest pages
	held    int         // pins that are free or in use
	lease   *time.Timer // calls look; nil if no pin is held
	ends    time.Time   // when the lease ends
	writer  *pin        // the pin that wrote last
	waits   int64       // WaitCount of the pool when it was last compared
	wanted  bool        // somebody waited for a connection during this lease
	useless bool        // the driver can't be used directly
	closed  bool

	dropping sync.Mutex // held while pins return to the pool; close waits for that
}

const (
	leaseTime = time.Second
	lookTime  = leaseTime / 100 // between two calls of look
)

func newPins(db *sql.DB) *pins {
	// More than can run at once: a preempted goroutine keeps its pin.
	return &pins{db: db, limit: runtime.GOMAXPROCS(0) + 16}
}

// do calls f with a pin and with a context that does not end while a statement runs: a
// statement takes microseconds, and watching the context would cost the driver a
// goroutine. It returns errIndirect if the statement must run through database/sql.
//
// A write prefers the pin that wrote last, whose pages are still valid: that saves a
// tenth of the time of an update.
func (p *pins) do(ctx context.Context, writes bool, f func(context.Context, *pin) error) (err error) {
	if p == nil {
		return errIndirect
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	pin, err := p.take(ctx, writes)
	if errors.Is(err, errAllInUse) {
		// Statements are short, so the goroutines that hold the pins have probably been
		// preempted. Let them run.
		runtime.Gosched()
		pin, err = p.take(ctx, writes)
	}
	if err != nil {
		return err
	}
	sound := false
	defer func() { p.give(pin, sound) }() // also if the driver panics
	lost := pin.conn.Raw(func(c any) error {
		pin.driver = c
		defer func() {
			pin.driver = nil
			if !sound {
				_ = pin.closeStatements() // err matters more
			}
		}()
		err = f(context.WithoutCancel(ctx), pin)
		sound = sqltable.Answered(err)
		if errors.Is(err, driver.ErrBadConn) {
			return err // the pool then discards the connection
		}
		return nil
	})
	switch {
	case errors.Is(err, errUseless):
		p.mu.Lock()
		p.useless = true
		p.mu.Unlock()
		return errIndirect
	case lost != nil: // database/sql finds another connection
		return fmt.Errorf("%w: %w", errIndirect, lost)
	}
	return err
}

// errIndirect says that a statement must run through database/sql.
var errIndirect = errors.New("session: the store has no connection of its own")

var errAllInUse = fmt.Errorf("%w: no connection is free", errIndirect)

// take returns a pin for one call.
//
// Closing a pool closes only the connections that are in it. So a free pin is used only
// while the pool has other connections; otherwise database/sql reports what is wrong.
func (p *pins) take(ctx context.Context, writes bool) (*pin, error) {
	pool := p.db.Stats()
	limit := p.limit
	if pool.MaxOpenConnections > 0 {
		limit = min(limit, pool.MaxOpenConnections/2)
	}
	p.mu.Lock()
	if p.noteWaits(pool.WaitCount) {
		free := p.free
		p.free = nil
		p.mu.Unlock()
		_ = p.drop(free...) // the pool discards broken connections
		return nil, errIndirect
	}
	n := len(p.free)
	switch {
	case p.closed:
		p.mu.Unlock()
		return nil, ErrClosed
	case p.useless, p.wanted, limit == 0, p.held > limit, n > 0 && pool.OpenConnections <= p.held:
		p.mu.Unlock()
		return nil, errIndirect
	case n > 0:
		i := n - 1
		if writes {
			i = max(0, slices.Index(p.free, p.writer))
		}
		pin := p.free[i]
		p.free = slices.Delete(p.free, i, i+1)
		if writes {
			p.writer = pin
		}
		p.mu.Unlock()
		return pin, nil
	case p.held == limit:
		p.mu.Unlock()
		return nil, errAllInUse
	case pool.MaxOpenConnections > 0 && pool.InUse >= limit: // others use the pool
		p.mu.Unlock()
		return nil, errIndirect
	}
	if p.lease == nil {
		p.lease, p.ends = time.AfterFunc(lookTime, p.look), time.Now().Add(leaseTime)
	}
	pin := &pin{lease: p.lease, stmts: make(map[string]pinnedStmt)}
	p.held++
	p.mu.Unlock()
	conn, err := p.db.Conn(ctx)
	if err != nil {
		p.mu.Lock()
		p.held--
		p.mu.Unlock()
		return nil, err
	}
	pin.conn = conn
	return pin, nil
}

// give takes a pin back, and returns it to the pool if it must not be kept.
func (p *pins) give(pin *pin, sound bool) {
	p.mu.Lock()
	keep := sound && !p.closed && !p.wanted && pin.lease == p.lease
	if keep {
		p.free = append(p.free, pin)
	}
	p.mu.Unlock()
	if !keep {
		_ = p.drop(pin) // the pool discards a broken connection
	}
}

// noteWaits reports whether somebody has waited for a connection since the last call.
// The caller holds the lock.
func (p *pins) noteWaits(waits int64) bool {
	if waits <= p.waits {
		return false
	}
	p.waits, p.wanted = waits, p.lease != nil
	return true
}

func (p *pins) drop(pins ...*pin) error {
	p.dropping.Lock()
	defer p.dropping.Unlock()
	return p.release(pins)
}

// release is drop for callers that hold dropping.
func (p *pins) release(pins []*pin) (err error) {
	defer func() { // also if the driver panics
		p.mu.Lock()
		p.held -= len(pins)
		p.mu.Unlock()
	}()
	for _, pin := range pins {
		err = errors.Join(err, pin.close())
	}
	return err
}

// look returns the pins to the pool when the lease ends or when somebody waits for a
// connection. It returns free pins at once; the others follow when they are given back.
// It can't leave this to the next call of the store, because the goroutine that waits
// may be the only one that would call it.
func (p *pins) look() {
	p.dropping.Lock()
	defer p.dropping.Unlock()
	waits := p.db.Stats().WaitCount
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.noteWaits(waits)
	over := !time.Now().Before(p.ends)
	var free []*pin
	if over || p.wanted {
		free, p.free = p.free, nil
	}
	if over {
		p.lease, p.wanted = nil, false
	} else {
		p.lease.Reset(lookTime)
	}
	p.mu.Unlock()
	_ = p.release(free) // the pool discards broken connections
}

// close returns all free pins, and makes take fail from then on.
func (p *pins) close() error {
	if p == nil {
		return nil
	}
	p.dropping.Lock() // wait until look has returned what it took
	defer p.dropping.Unlock()
	p.mu.Lock()
	if p.lease != nil {
		p.lease.Stop()
	}
	free := p.free
	p.free, p.lease, p.closed = nil, nil, true
	p.mu.Unlock()
	return p.release(free)
}
