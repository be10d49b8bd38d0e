// Package stores has one file for each kind of store, with the peers that support it and the
// implementation of raw.
package stores

import (
	"sync"

	"github.com/alexedwards/scs/v2/memstore"
	ginmem "github.com/gin-contrib/sessions/memstore"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	ours "github.com/expanse-go/session/memstore"
)

// Memory keeps sessions in the memory of the process.
func Memory() bench.Store {
	return bench.Store{Name: "memory", Peers: []bench.Peer{
		{Name: "raw", Open: func() (bench.Server, error) { return peers.Raw(newMemory()) }},
		{Name: "session", Open: func() (bench.Server, error) {
			return peers.Ours(ours.New(ours.Config{MaxSessions: -1, MaxBytes: -1}), nil)
		}},
		{Name: "scs", Skips: lastWins, Open: func() (bench.Server, error) {
			m := memstore.NewWithCleanupInterval(0)
			return peers.SCS(m, nil)
		}},
		{Name: "fiber", Skips: lastWins, Open: peers.Fiber},
		{Name: "gin", Skips: lastWins, Open: func() (bench.Server, error) {
			return peers.Gin(ginmem.NewStore([]byte("0123456789abcdef0123456789abcdef")), nil)
		}},
	}}
}

// lastWins is the guarantee that every peer skips. Of concurrent writes to a session only the
// last is kept, and a write that overlaps a logout revives the session.
const lastWins = "loses concurrent writes"

const memoryShards = 64

type memory struct {
	shards [memoryShards]struct {
		sync.RWMutex
		m map[[16]byte][]byte
	}
}

func newMemory() *memory {
	t := &memory{}
	for i := range t.shards {
		t.shards[i].m = make(map[[16]byte][]byte)
	}
	return t
}

func (t *memory) Load(id [16]byte) ([]byte, error) {
	s := &t.shards[id[0]%memoryShards]
	s.RLock()
	data, ok := s.m[id]
	s.RUnlock()
	if !ok {
		return nil, peers.ErrAbsent
	}
	return data, nil
}

func (t *memory) Save(id [16]byte, data []byte) error {
	s := &t.shards[id[0]%memoryShards]
	s.Lock()
	s.m[id] = data
	s.Unlock()
	return nil
}

func (t *memory) Close() error { return nil }
