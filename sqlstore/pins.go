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

// Pins are connections of the pool that the store keeps for a while, to use them past
// database/sql: where the database is a file, a load takes some microseconds, and two
// of them are those of database/sql, measured. It also matters which connection reads
// and writes: each has a cache of pages, which is void when another one has written.
//
// The pool stays the application's. Pins leave half of it free, there are none where
// it has one connection only, all go back soon when somebody waits for a connection,
// and else after a second, so that the pool can do with them what it has been told, such
// as to close them after their lifetime. What finds no pin, or cannot use it, goes
// through database/sql.
type pins struct {
	db    *sql.DB
	limit int

	mu      sync.Mutex
	free    []*pin      // the last used is the last, and has the newest pages
	held    int         // free or in use
	lease   *time.Timer // of those that are held now; nil: there is none
	ends    time.Time   // the lease
	writer  *pin        // that wrote last
	waits   int64       // for a connection, so far
	wanted  bool        // by others, during this lease
	useless bool        // the driver cannot do it
	closed  bool

	dropping sync.Mutex // held while pins are given back, which close waits for
}

const (
	leaseTime = time.Second
	lookTime  = leaseTime / 100 // between two looks for somebody who waits
)

func newPins(db *sql.DB) *pins {
	// More than can run at once: a goroutine that is interrupted keeps its pin.
	return &pins{db: db, limit: runtime.GOMAXPROCS(0) + 16}
}

// do calls f with a pin, and with a context that does not end while a statement runs: a
// statement takes microseconds, and watching the context would cost the driver a
// goroutine. It returns errIndirect if f has to be done through database/sql.
//
// Whoever writes prefers the pin that wrote before, whose pages are still valid: that
// is a tenth of the time of an update among many.
func (p *pins) do(ctx context.Context, writes bool, f func(context.Context, *pin) error) (err error) {
	if p == nil {
		return errIndirect
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	pin, err := p.take(ctx, writes)
	if errors.Is(err, errAllInUse) {
		// Statements are so short that those who hold the pins were interrupted, most
		// likely, and need no more than a processor.
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
				_ = pin.closeStatements() // err says more
			}
		}()
		err = f(context.WithoutCancel(ctx), pin)
		sound = sqltable.Answered(err)
		if errors.Is(err, driver.ErrBadConn) {
			return err // so that the pool drops it
		}
		return nil
	})
	switch {
	case errors.Is(err, errUseless):
		p.mu.Lock()
		p.useless = true
		p.mu.Unlock()
		return errIndirect
	case lost != nil: // database/sql knows how to find another connection
		return fmt.Errorf("%w: %w", errIndirect, lost)
	}
	return err
}

// errIndirect says that a statement has to go through database/sql.
var errIndirect = errors.New("session: the store has no connection of its own")

var errAllInUse = fmt.Errorf("%w: no connection is free", errIndirect)

// take returns a pin for one caller.
//
// A pool that was closed has closed only the connections in it. So a pin is used only
// while there are others: if not, database/sql finds out why.
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
		_ = p.drop(free...) // the pool finds out what is wrong with them
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
	case pool.MaxOpenConnections > 0 && pool.InUse >= limit: // by others
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

// give takes a pin back, to keep it or not.
func (p *pins) give(pin *pin, sound bool) {
	p.mu.Lock()
	keep := sound && !p.closed && !p.wanted && pin.lease == p.lease
	if keep {
		p.free = append(p.free, pin)
	}
	p.mu.Unlock()
	if !keep {
		_ = p.drop(pin) // the pool finds out what is wrong with it
	}
}

// noteWaits reports whether somebody has come to wait for a connection. The caller holds
// the lock.
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

// release is drop for who holds that lock.
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

// look gives back what is held when the lease ends, or when somebody waits for a
// connection, who may be the only one that would use the store: at once what is free,
// and after its use what is not.
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
	_ = p.release(free) // the pool finds out what is wrong with them
}

// close ends the lease for good.
func (p *pins) close() error {
	if p == nil {
		return nil
	}
	p.dropping.Lock() // so that look has given back what it took
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
