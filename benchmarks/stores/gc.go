package stores

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	ours "github.com/expanse-go/session/memstore"
)

// A filledStore is a memory store that has been filled with sessions.
type filledStore struct {
	store any // keeps the store alive
	read  func(i int) error
	// sweep removes the expired sessions and returns the time that took, 0 if unknown.
	sweep func() (time.Duration, error)
}

var memoryPeers = []struct {
	name string
	fill func(rows, expired int) (filledStore, error)
}{
	{"session", fillOurs},
	{"scs", fillSCS},
}

// noSweep, in place of a percentage of expired sessions, means that there are none and
// that no sweep runs.
const noSweep = -1

// GC measures the memory stores of this library and of scs with a number of sessions: first
// garbage collections, peer by peer in each pass, and then reads during a sweep.
func GC(rows, passes int, progress func(string)) ([]bench.GC, error) {
	all := make([]bench.GC, len(memoryPeers))
	for pass := range passes {
		for i, p := range memoryPeers {
			progress(fmt.Sprintf("gc, %s, pass %d…", p.name, pass+1))
			g := &all[i]
			g.Peer, g.Sessions, g.Payload = p.name, rows, bulkBytes
			if err := collect(p.fill, g); err != nil {
				return nil, err
			}
		}
	}
	for _, expired := range []int{0, 50, 90} {
		for i, p := range memoryPeers {
			progress(fmt.Sprintf("gc, %s, sweep of %d %%…", p.name, expired))
			s, err := sweepMemory(p.fill, rows, expired)
			if err != nil {
				return nil, err
			}
			all[i].Sweeps = append(all[i].Sweeps, s)
		}
	}
	return all, nil
}

func collect(fill func(rows, expired int) (filledStore, error), g *bench.GC) error {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // frees what finalizers released in the first
	runtime.ReadMemStats(&before)
	p, err := fill(g.Sessions, noSweep)
	if err != nil {
		return err
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	g.Heap = float64(after.HeapAlloc-before.HeapAlloc) / float64(g.Sessions)
	for range 5 {
		began := time.Now()
		runtime.GC()
		g.Collect = append(g.Collect, time.Since(began))
	}
	runtime.KeepAlive(p.store)
	return nil
}

func sweepMemory(fill func(rows, expired int) (filledStore, error), rows, expired int) (bench.Sweep, error) {
	s := bench.Sweep{Expired: expired}
	p, err := fill(rows, expired)
	if err != nil {
		return s, err
	}
	runtime.GC()
	r := readers{read: p.read, rows: rows}
	over := make(chan struct{})
	go func() { time.Sleep(quietReads); close(over) }()
	if s.Quiet, err = r.longest(over); err != nil {
		return s, err
	}
	over = make(chan struct{})
	var failed error
	go func() {
		s.Took, failed = p.sweep()
		close(over)
	}()
	if s.Longest, err = r.longest(over); err == nil {
		err = failed
	}
	return s, err
}

const quietReads = time.Second

// Readers read sessions that have not expired, with pauses, so that they detect waits without
// producing much garbage.
type readers struct {
	read func(i int) error
	rows int
}

func (r readers) longest(over <-chan struct{}) (longest time.Duration, err error) {
	for {
		select {
		case <-over:
			return longest, nil
		default:
		}
		i := rand.IntN(r.rows/100)*100 + 99 // never expired, whatever the percentage
		began := time.Now()
		if err := r.read(i); err != nil {
			return longest, err
		}
		longest = max(longest, time.Since(began))
		time.Sleep(20 * time.Microsecond)
	}
}

func fillOurs(rows, expired int) (filledStore, error) {
	s := ours.New(ours.Config{MaxSessions: -1, MaxBytes: -1})
	b := newBulk(rows, false)
	r := session.Record{CreatedAt: b.now, LastActivity: b.now, Data: b.data}
	for i := range rows {
		r.ID, r.ExpiresAt = b.id(i), b.now.Add(time.Hour)
		if i%100 < expired {
			r.ExpiresAt = b.now.Add(-2 * session.PruneSlack)
		}
		if err := s.Create(context.Background(), r); err != nil {
			return filledStore{}, err
		}
	}
	m, err := session.New(s, session.Config{PruneEvery: -1})
	return filledStore{
		store: s,
		read: func(i int) error {
			_, err := s.Load(context.Background(), b.id(i))
			return err
		},
		sweep: func() (time.Duration, error) {
			began := time.Now()
			n, err := m.Prune(context.Background())
			if err == nil && n != rows/100*expired {
				err = fmt.Errorf("pruned %d, want %d", n, rows/100*expired)
			}
			return time.Since(began), err
		},
	}, err
}

// scsSweep is the time from the creation of the scs store until its sweep. The store must be
// filled, and read for a while, before that. It does not report the end of a sweep.
const scsSweep = 20 * time.Second

func fillSCS(rows, expired int) (filledStore, error) {
	began := time.Now()
	interval := time.Duration(0)
	if expired != noSweep {
		interval = scsSweep
	}
	s := memstore.NewWithCleanupInterval(interval)
	b := newBulk(rows, false)
	token := func(i int) string {
		id := b.id(i)
		return hex.EncodeToString(id[:]) + "0123456789a" // 43 bytes, like the tokens of scs
	}
	for i := range rows {
		expires := b.now.Add(time.Hour)
		if i%100 < expired {
			expires = b.now
		}
		data := make([]byte, len(b.data))
		copy(data, b.data)
		if err := s.Commit(token(i), data, expires); err != nil {
			return filledStore{}, err
		}
	}
	return filledStore{
		store: s,
		read: func(i int) error {
			if _, found, err := s.Find(token(i)); err != nil || !found {
				return errors.Join(err, errors.New("scs lost a session"))
			}
			return nil
		},
		sweep: func() (time.Duration, error) {
			if time.Since(began) > scsSweep {
				return 0, fmt.Errorf("the sweep of scs was due before its store was filled; use fewer sessions")
			}
			time.Sleep(time.Until(began.Add(scsSweep + 2*time.Second)))
			s.StopCleanup()
			return 0, nil
		},
	}, nil
}
