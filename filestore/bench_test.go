package filestore

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// The benchmarks come in pairs: "store" measures the store, and "raw" the minimum that the
// same work takes: a read, or the same atomic write without lock and version.

func BenchmarkLoad(b *testing.B) {
	s, r, file := benchStore(b, Config{})
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Load(b.Context(), r.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := os.ReadFile(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	for name, cfg := range map[string]Config{"durable": {}, "nosync": {DangerouslyNoSync: true}} {
		s, r, file := benchStore(b, cfg)
		b.Run(name+"/store", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Update(b.Context(), r); err != nil {
					b.Fatal(err)
				}
				r.Version++
			}
		})
		b.Run(name+"/raw", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := rawWrite(file, r.Data, s.full); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func rawWrite(file string, data []byte, d atomicfile.Durability) error {
	f, err := os.OpenFile(file+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if d != atomicfile.Volatile {
		f.Sync()
	}
	f.Close()
	if err := os.Rename(file+".tmp", file); err != nil || d != atomicfile.Durable {
		return err
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func benchStore(b *testing.B, cfg Config) (*Store, session.Record, string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "sessions")
	s, err := Open(dir, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	r := session.Record{Data: make([]byte, 500), Version: 1, ExpiresAt: time.Now().Add(time.Hour)}
	rand.Read(r.ID[:])
	if err := s.Create(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(dir, "raw")
	if err := os.WriteFile(file, make([]byte, 600), 0o600); err != nil {
		b.Fatal(err)
	}
	return s, r, file
}

// BenchmarkMany measures a Prune that finds nothing, and the list of one owner, in a store
// with ten thousand sessions.
func BenchmarkMany(b *testing.B) {
	s, _, _ := benchStore(b, Config{DangerouslyNoSync: true})
	const n = 10_000
	for i := range n {
		r := session.Record{Owner: fmt.Sprint("user", i/2), Data: make([]byte, 500), ExpiresAt: time.Now().Add(time.Hour)}
		rand.Read(r.ID[:])
		if err := s.Create(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("prune", func(b *testing.B) {
		for b.Loop() {
			if got, err := s.Prune(b.Context(), time.Now(), n); got != 0 || err != nil {
				b.Fatal(got, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/session")
	})
	b.Run("owner", func(b *testing.B) {
		for b.Loop() {
			got := 0
			for _, err := range s.ListOwner(b.Context(), "user77") {
				if err != nil {
					b.Fatal(err)
				}
				got++
			}
			if got != 2 {
				b.Fatal(got)
			}
		}
	})
}
