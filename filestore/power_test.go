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

// TestPowerLoss takes the power away after each step of a store's life, and opens the
// store on everything that the disk may then hold: what was not synced may be there,
// wholly or in part, or not, each thing for itself. That is what POSIX allows, and
// more than most file systems do.
//
// Of every session, the disk must hold what was acknowledged last or what is being
// written; what Prune leaves must be free of litter.
func TestPowerLoss(t *testing.T) {
	for _, test := range []struct {
		name  string
		cfg   Config
		limit int
	}{{"durable", Config{}, 6}, {"not synced", Config{DangerouslyNoSync: true}, 2}} {
		t.Run(test.name, func(t *testing.T) {
			life := live(t, test.cfg, test.limit)
			scratch := scratch(t)
			states := 0
			seen := map[string]bool{}
			for _, point := range life.points {
				for d := range point.disk.outcomes() {
					held := d.String()
					if key := fmt.Sprint(point.law, held); !seen[key] {
						states++
						point.verify(t, d, test.cfg, scratch, !seen[held])
						seen[key], seen[held] = true, true
					}
				}
				if t.Failed() {
					t.Fatalf("power lost after %s", point)
				}
			}
			if len(life.points) < 60 || states < 200 {
				t.Errorf("%d points and %d states: too few to show anything", len(life.points), states)
			}
			t.Logf("power lost at %d points, with %d states of the disk", len(life.points), states)
		})
	}
}

// scratch is a folder in memory, if there is such a thing: thousands of stores are
// opened there, and each open syncs.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "session-power-") //nolint:usetesting // it is elsewhere
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A life is what happened to a store, step by step.
type life struct {
	points []point
	disk   *disk
	now    string // the operation under way
	law    int
	pruned session.ID
	may    map[session.ID][]*session.Record
	ever   map[session.ID][]*session.Record
}

// A point is an instant between two steps: the disk, and the records that it may have
// of each session; nil stands for none.
type point struct {
	disk *disk
	step string
	law  int // counts the changes of what follows
	may  map[session.ID][]*session.Record
	ever map[session.ID][]*session.Record // whatever there was of it

	// A record that is back after a prune is without its mark, perhaps: it has expired,
	// and nobody misses it.
	pruned session.ID
}

func (p point) String() string { return p.step }

func (l *life) note(step string) {
	may := map[session.ID][]*session.Record{}
	for id, all := range l.may {
		may[id] = slices.Clone(all)
	}
	l.points = append(l.points, point{l.disk.clone(), l.now + ": " + step, l.law, may, maps.Clone(l.ever), l.pruned})
}

// live runs a store through all that it can do, and notes each step.
func live(t *testing.T, cfg Config, limit int) *life {
	dir := scratch(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l := &life{disk: newDisk(dir, limit), now: "open", may: map[session.ID][]*session.Record{}, ever: map[session.ID][]*session.Record{}}
	defer atomicfile.Watch(func(s atomicfile.Step) {
		if l.disk.apply(t, s) {
			l.note(fmt.Sprint(s.Do, " ", s.Name, " ", s.To))
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
	// do runs an operation after which the disk has the record, or, if it is weak, may
	// still have the one from before.
	do := func(name string, r session.Record, after *session.Record, weak bool, f func() error) {
		l.now = name
		l.law++
		before := l.may[r.ID]
		if before == nil {
			before = []*session.Record{nil}
		}
		l.may[r.ID] = append(slices.Clone(before), after)
		l.ever[r.ID] = append(slices.Clone(l.ever[r.ID]), after)
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !weak {
			l.may[r.ID] = []*session.Record{after}
			l.law++
			if r.ID == l.pruned {
				l.pruned = session.ID{}
			}
		}
		l.note("acknowledged")
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
		l.pruned = b.ID
		do("prune", b, nil, true, func() error { _, err := s.Prune(t.Context(), b.ExpiresAt.Add(time.Hour), 10); return err })
		versions = map[session.ID]uint64{}
		a.Owner, b.Owner = "", "ada"
	}
	return l
}

// verify opens the store on a disk, and looks at everything.
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

// prune looks for what nobody would ever remove.
func (p point) prune(t *testing.T, s *Store, dir string, d *disk) {
	if _, err := s.Prune(t.Context(), time.Time{}, 10); err != nil {
		t.Errorf("Prune: %v", err)
	}
	for _, name := range files(t, dir) {
		if _, temp := atomicfile.Target(filepath.Base(name)); temp {
			t.Errorf("Prune leaves %s, on %s", name, d)
		}
		if id, mark := markedID(filepath.Base(name)); mark && !exists(t, place(dir, id)) {
			t.Errorf("Prune leaves the mark %s, whose record is gone, on %s", name, d)
		}
	}
}

// A disk is a model of one: what each folder and file holds, and what of that is there
// after a power loss in any case.
type disk struct {
	dir     string
	limit   int                // of pending changes: a kernel does not wait for ever, and the outcomes double with each
	seq     int                // of the last change
	folders map[string]*folder // :: path below dir → folder
	files   []content
}

type folder struct {
	names   map[string]entry // that are on the disk
	pending []change         // in order; each may be there or not
}

// An entry is the number of a file, or a folder.
type entry struct {
	file   int
	folder bool
}

// A change replaces one name, or two at once.
type change struct {
	seq        int
	name, gone string
	to         entry
	removes    bool
}

type content struct {
	written, synced string
	known           bool // that synced is on the disk
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

// locate returns the path below dir of a name below a root, which the root itself does
// not know.
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
	t.Fatalf("%v: where is that?", s)
	return "", ""
}

// apply performs a step. It is false for those in the folder of the locks, which hold
// nothing.
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

// change notes a change, and lets the kernel store the oldest if there are too many.
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

// all is what the folder holds if nothing is lost.
func (f *folder) all() map[string]entry { return f.with(^0) }

// with is what it holds if of the pending changes those in the set took place.
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

// outcomes are the disks that a power loss may leave: each has nothing pending, and
// files that hold what they hold.
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

// cuts lets the files that can be reached, and were not synced, hold what they may.
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

// walk visits what can be reached from the top, in order.
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

// write makes the disk a folder of a real one. Its files are old, as if the machine
// had been off for long.
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
