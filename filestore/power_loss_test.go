package filestore

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// TestPowerLoss simulates a power loss after each step of a sequence of operations, and
// opens the store on every state that the disk may then have. Each change that was not
// synced may be on the disk, completely or in part, or not, independently of the others.
// POSIX allows that, and most file systems guarantee more.
//
// For every session, the disk must have the last acknowledged state or the one that is
// being written. Prune must leave no stale files.
func TestPowerLoss(t *testing.T) {
	for _, test := range []struct {
		name  string
		cfg   Config
		limit int
	}{{"durable", Config{}, 6}, {"not synced", Config{DangerouslyNoSync: true}, 2}} {
		t.Run(test.name, func(t *testing.T) {
			h := runHistory(t, test.cfg, test.limit)
			scratch := scratch(t)
			states := 0
			seen := map[string]bool{}
			for _, point := range h.points {
				for d := range point.disk.outcomes() {
					held := d.String()
					if key := fmt.Sprint(point.phase, held); !seen[key] {
						states++
						point.verify(t, d, test.cfg, scratch, !seen[held])
						seen[key], seen[held] = true, true
					}
				}
				if t.Failed() {
					t.Fatalf("power lost after %s", point)
				}
			}
			if len(h.points) < 60 || states < 200 {
				t.Errorf("%d points and %d states, want at least 60 and 200", len(h.points), states)
			}
			t.Logf("power lost at %d points, with %d states of the disk", len(h.points), states)
		})
	}
}

// scratch returns a folder in memory, if the system has that, for tests that open so many
// stores that they would mostly wait for the disk.
func scratch(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "session-") //nolint:usetesting // it is elsewhere
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A history records the operations on a store, step by step.
type history struct {
	points []point
	disk   *disk
	now    string // the current operation
	phase  int
	pruned session.ID
	may    map[session.ID][]*session.Record
	ever   map[session.ID][]*session.Record
}

// A point is an instant between two steps. It has the disk, and the records that the disk
// may have for each session; nil stands for none.
type point struct {
	disk  *disk
	step  string
	phase int // counts the changes of may
	may   map[session.ID][]*session.Record
	ever  map[session.ID][]*session.Record // all records that the session ever had

	// A pruned record that comes back may lack its mark, which is harmless because it has
	// expired.
	pruned session.ID
}

func (p point) String() string { return p.step }

// note records a point after a step.
func (h *history) note(step string) {
	may := map[session.ID][]*session.Record{}
	for id, all := range h.may {
		may[id] = slices.Clone(all)
	}
	h.points = append(h.points, point{h.disk.clone(), h.now + ": " + step, h.phase, may, maps.Clone(h.ever), h.pruned})
}

// runHistory runs all operations of a store, and records each step.
func runHistory(t *testing.T, cfg Config, limit int) *history {
	dir := scratch(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h := &history{disk: newDisk(dir, limit), now: "open", may: map[session.ID][]*session.Record{}, ever: map[session.ID][]*session.Record{}}
	defer atomicfile.Watch(func(s atomicfile.Step) {
		if h.disk.apply(t, s) {
			h.note(fmt.Sprint(s.Do, " ", s.Name, " ", s.To))
		}
	})()
	s, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	a, b := numbered(1, ""), numbered(2, "ada")
	b.ID[15] = 7
	versions := map[session.ID]uint64{}
	put := func(r session.Record) *session.Record {
		r.Version = versions[r.ID] + 1
		versions[r.ID] = r.Version
		return &r
	}
	// do runs an operation that stores the record after. If weak is true, a power loss may
	// undo the operation even after it was acknowledged.
	do := func(name string, r session.Record, after *session.Record, weak bool, f func() error) {
		h.now = name
		h.phase++
		before := h.may[r.ID]
		if before == nil {
			before = []*session.Record{nil}
		}
		h.may[r.ID] = append(slices.Clone(before), after)
		h.ever[r.ID] = append(slices.Clone(h.ever[r.ID]), after)
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !weak {
			h.may[r.ID] = []*session.Record{after}
			h.phase++
			if r.ID == h.pruned {
				h.pruned = session.ID{}
			}
		}
		h.note("acknowledged")
	}
	update := func(name string, r session.Record) {
		do(name, r, put(r), false, func() error { r.Version = versions[r.ID] - 1; return s.Update(t.Context(), r) })
	}
	for round := range 2 {
		do("create", a, put(a), false, func() error { return s.Create(t.Context(), a) })
		do("create, with an owner", b, put(b), false, func() error { return s.Create(t.Context(), b) })
		a.Data = []byte(strings.Repeat("longer ", 50+round))
		update("update", a)
		a.Owner = "ada"
		update("update, with an owner", a)
		b.Owner = "bob"
		update("update, with another owner", b)
		touched := a
		touched.Version = versions[a.ID]
		touched.ExpiresAt = a.ExpiresAt.Add(time.Minute)
		do("touch", a, &touched, true, func() error { return s.Touch(t.Context(), a.ID, a.LastActivity, touched.ExpiresAt) })
		b.Owner = ""
		update("update, without an owner", b)
		do("delete", a, nil, false, func() error { return s.Delete(t.Context(), a.ID) })
		b.Owner = "cid"
		update("update, before the prune", b)
		h.pruned = b.ID
		do("prune", b, nil, true, func() error { _, err := s.Prune(t.Context(), b.ExpiresAt.Add(time.Hour), 10); return err })
		versions = map[session.ID]uint64{}
		a.Owner, b.Owner = "", "ada"
	}
	return h
}

// verify opens the store on a disk, and checks all records and listings.
func (p point) verify(t *testing.T, d *disk, cfg Config, scratch string, isNew bool) {
	dir := filepath.Join(scratch, "sessions")
	d.write(t, dir)
	defer os.RemoveAll(dir)
	s, err := Open(dir, Config{DangerouslyNoSync: true})
	if err != nil {
		t.Errorf("Open: %v", err)
		return
	}
	defer s.Close()
	owners := map[string][]session.ID{}
	for id := range p.ever {
		r, err := s.Load(t.Context(), id)
		var got *session.Record
		may := p.may[id]
		switch {
		case errors.Is(err, session.ErrNotFound):
		case errors.Is(err, session.ErrCorrupt) && cfg.DangerouslyNoSync:
			continue
		case err != nil:
			t.Errorf("Load = %v, on %s", err, d)
			continue
		default:
			got = &r
			if id != p.pruned {
				owners[r.Owner] = append(owners[r.Owner], id)
			}
		}
		if cfg.DangerouslyNoSync {
			may = append(slices.Clone(p.ever[id]), nil)
		}
		if !slices.ContainsFunc(may, func(m *session.Record) bool { return reflect.DeepEqual(m, got) }) {
			t.Errorf("the disk has %v, on %s", got, d)
		}
	}
	for owner, want := range owners {
		var got []session.ID
		for r, err := range s.ListOwner(t.Context(), owner) {
			if err != nil {
				t.Errorf("ListOwner: %v", err)
			}
			if r.ID != p.pruned {
				got = append(got, r.ID)
			}
		}
		byID := func(a, b session.ID) int { return strings.Compare(a.String(), b.String()) }
		slices.SortFunc(want, byID)
		slices.SortFunc(got, byID)
		if !slices.Equal(got, want) && !cfg.DangerouslyNoSync {
			t.Errorf("ListOwner(%q) = %v, want %v, on %s", owner, got, want, d)
		}
	}
	if isNew {
		p.prune(t, s, dir, d)
	}
}

// prune checks that Prune removes all stale files.
func (p point) prune(t *testing.T, s *Store, dir string, d *disk) {
	if _, err := s.Prune(t.Context(), time.Time{}, 10); err != nil {
		t.Errorf("Prune: %v", err)
	}
	for _, name := range files(t, dir) {
		if _, temp := atomicfile.Target(filepath.Base(name)); temp {
			t.Errorf("Prune leaves %s, on %s", name, d)
		}
		if id, mark := markedID(filepath.Base(name)); mark && !exists(t, recordFile(dir, id)) {
			t.Errorf("Prune leaves the mark %s, whose record is gone, on %s", name, d)
		}
	}
}

// A disk is a model of a disk: the contents of each folder and file, and which of them
// survive a power loss in any case.
type disk struct {
	dir     string
	limit   int                // the maximum number of pending changes, because the number of outcomes doubles with each
	seq     int                // of the last change
	folders map[string]*folder // :: path below dir → folder
	files   []content
}

type folder struct {
	names   map[string]entry // the names on the disk
	pending []change         // in order; each may be on the disk or not
}

// An entry is either a folder or the number of a file.
type entry struct {
	file   int
	folder bool
}

// A change adds or removes a name, or does both at once.
type change struct {
	seq        int
	name, gone string
	to         entry
	removes    bool
}

type content struct {
	written, synced string
	known           bool // synced is on the disk
}

func newDisk(dir string, limit int) *disk {
	return &disk{dir: dir, limit: limit, folders: map[string]*folder{".": {names: map[string]entry{}}}}
}

func (d *disk) clone() *disk {
	c := &disk{d.dir, d.limit, d.seq, map[string]*folder{}, slices.Clone(d.files)}
	for path, f := range d.folders {
		c.folders[path] = &folder{maps.Clone(f.names), slices.Clone(f.pending)}
	}
	return c
}

// locate returns the path in dir of a name in the root of a step, which does not know its
// own path.
func (d *disk) locate(t *testing.T, s atomicfile.Step, name string) (in, base string) {
	t.Helper()
	root, err := s.Root.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	for path := range d.folders {
		if info, err := os.Stat(filepath.Join(d.dir, path)); err == nil && os.SameFile(root, info) {
			full := filepath.Join(path, name)
			return filepath.Dir(full), filepath.Base(full)
		}
	}
	t.Fatalf("%v: unknown root", s)
	return "", ""
}

// apply applies a step. It returns false for steps in the folder locks, whose files are
// empty.
func (d *disk) apply(t *testing.T, s atomicfile.Step) bool {
	in, base := d.locate(t, s, s.Name)
	if in == "locks" {
		return false
	}
	full := filepath.Join(in, base)
	f := d.folders[in]
	switch s.Do {
	case atomicfile.MadeFolder:
		d.folders[full] = &folder{names: map[string]entry{}}
		d.change(f, change{name: base, to: entry{folder: true}})
	case atomicfile.Created:
		d.files = append(d.files, content{})
		d.change(f, change{name: base, to: entry{file: len(d.files) - 1}})
	case atomicfile.Filled:
		d.files[f.all()[base].file].written = string(s.Content)
	case atomicfile.Synced:
		c := &d.files[f.all()[base].file]
		c.synced, c.known = c.written, true
	case atomicfile.Renamed:
		_, to := d.locate(t, s, s.To)
		d.change(f, change{name: to, gone: base, to: f.all()[base]})
	case atomicfile.Removed:
		d.change(f, change{name: base, removes: true})
	case atomicfile.SyncedFolder:
		f = d.folders[full]
		f.names, f.pending = f.all(), nil
	}
	return true
}

// change adds a pending change. If there are too many, it writes the oldest one to the
// disk, as the kernel would.
func (d *disk) change(f *folder, c change) {
	d.seq++
	c.seq = d.seq
	f.pending = append(f.pending, c)
	pending := 0
	oldest := f
	for _, f := range d.folders {
		pending += len(f.pending)
		if len(f.pending) > 0 && f.pending[0].seq < oldest.pending[0].seq {
			oldest = f
		}
	}
	if pending > d.limit {
		if c := oldest.pending[0]; !c.removes && !c.to.folder {
			d.files[c.to.file].synced, d.files[c.to.file].known = d.files[c.to.file].written, true
		}
		oldest.names, oldest.pending = oldest.with(1), oldest.pending[1:]
	}
}

// all returns the contents of the folder if nothing is lost.
func (f *folder) all() map[string]entry { return f.with(^0) }

// with returns the contents of the folder if those pending changes that are in the set
// reached the disk.
func (f *folder) with(set int) map[string]entry {
	names := maps.Clone(f.names)
	for i, c := range f.pending {
		switch {
		case set>>i&1 == 0:
		case c.removes:
			delete(names, c.name)
		default:
			delete(names, c.gone)
			names[c.name] = c.to
		}
	}
	return names
}

// outcomes yields the disks that a power loss may leave. They have no pending changes.
func (d *disk) outcomes() iter.Seq[*disk] {
	return func(yield func(*disk) bool) {
		paths := slices.Sorted(maps.Keys(d.folders))
		var choose func(i int, c *disk) bool
		choose = func(i int, c *disk) bool {
			if i == len(paths) {
				return c.cuts(yield)
			}
			f := d.folders[paths[i]]
			for set := range 1 << len(f.pending) {
				c.folders[paths[i]] = &folder{names: f.with(set)}
				if !choose(i+1, c) {
					return false
				}
			}
			return true
		}
		choose(0, d.clone())
	}
}

// cuts yields the disk with every possible content of the reachable files that were not
// synced.
func (d *disk) cuts(yield func(*disk) bool) bool {
	for _, f := range d.folders {
		for _, e := range f.names {
			if e.folder {
				continue
			}
			c := &d.files[e.file]
			if c.written == "" || c.known && c.synced == c.written {
				continue
			}
			held := *c
			for _, text := range []string{held.written, "", held.written[:len(held.written)/2], strings.Repeat("\x00", len(held.written))} {
				*c = content{text, text, true}
				if !d.cuts(yield) {
					return false
				}
			}
			*c = held
			return true
		}
	}
	return yield(d)
}

func (d *disk) String() string {
	var b strings.Builder
	d.walk(".", func(path string, e entry) {
		if !e.folder {
			fmt.Fprintf(&b, "%s (%q) ", path, d.files[e.file].written)
		}
	})
	return b.String()
}

// walk visits all reachable files and folders, in order.
func (d *disk) walk(path string, visit func(string, entry)) {
	names := d.folders[path].names
	for _, name := range slices.Sorted(maps.Keys(names)) {
		full := filepath.Join(path, name)
		visit(full, names[name])
		if names[name].folder {
			d.walk(full, visit)
		}
	}
}

// write copies the disk into a real folder. The files get an old modification time, as if
// the machine had been off for a long time.
func (d *disk) write(t *testing.T, dir string) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d.walk(".", func(path string, e entry) {
		path = filepath.Join(dir, path)
		var err error
		if e.folder {
			err = os.Mkdir(path, 0o700)
		} else if err = os.WriteFile(path, []byte(d.files[e.file].written), 0o600); err == nil {
			age(t, path, 2*session.PruneSlack)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
