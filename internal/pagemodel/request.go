package pagemodel

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// A request is one that is under way, with the model of what it sees.
type request struct {
	name     string
	manager  int
	s        *session.Session
	response *httptest.ResponseRecorder
	writer   http.ResponseWriter // of the middleware
	release  chan struct{}       // closed to let the handler return
	done     chan struct{}       // closed when it has
	err      error               // of the commit

	id        session.ID // zero: none that is stored
	token     string
	standing  standing
	loadedAt  time.Time
	phase     phase
	method    string
	redirects bool

	snapshot content
	view     content
	now      map[string]any // the values of FlashNow
	shown    map[string]shown

	commit  int // the number of the next one
	patch   []change
	takes   []change // those of the patch that PopOnce has made
	spent   []change // takes from the session that a login as another owner ends
	passive bool
	active  bool // the changes count as activity
	rotate  bool
	login   bool
	end     bool
	leaves  bool // the end is that of another owner's session at a login
	failed  bool // a write failed, and later ones do nothing
}

type phase int

const (
	open   phase = iota
	sealed       // the response has begun
	refused
)

type standing int

const (
	none standing = iota
	valid
	superseded
)

func emptyContent() content { return content{data: map[string]any{}, marks: map[string]int{}} }

func (r *request) changed() bool { return len(r.patch) > 0 || r.rotate || r.end }

// load is what a request sees at its beginning.
func (r *request) load(w world, id session.ID, now time.Time) {
	r.loadedAt, r.view = now, emptyContent()
	r.now, r.shown = map[string]any{}, map[string]shown{}
	if rec := w[id]; rec != nil && rec.alive(now) {
		t, current, recognised := rec.find(r.token, now)
		switch {
		case current, recognised && t.periodic:
			r.id, r.standing, r.view = id, valid, rec.content.clone()
			for path, commit := range r.view.marks {
				v, _ := get(r.view.data, path)
				r.shown[path] = shown{commit, clone(v)}
			}
		case recognised:
			r.standing = superseded
		}
	}
	r.snapshot = r.view.clone()
}

// sees returns the data that the request sees.
func (r *request) sees() map[string]any {
	v := clone(r.view.data).(map[string]any)
	for path, x := range r.now {
		put(v, path, x)
	}
	return v
}

// do makes a change, and records it.
func (r *request) do(c change) {
	if r.failed {
		return
	}
	if c(&r.view, r.commit) != nil {
		r.failed = true
		return
	}
	r.patch = append(r.patch, c)
}

// hide ends FlashNow at a path and below.
func (r *request) hide(path string) {
	maps.DeleteFunc(r.now, func(p string, _ any) bool { return within(p, path) })
}

// usedUp returns the messages that the response uses up: those that the request was loaded
// with and has not renewed.
func (r *request) usedUp() map[string]shown {
	used := map[string]shown{}
	if r.phase == open && !r.redirects {
		for path, m := range r.shown {
			if r.view.marks[path] == m.commit {
				used[path] = m
			}
		}
	}
	return used
}

// committed is the state of a request after a commit: it goes on seeing what it has seen.
func (r *request) committed(a answer, next int) {
	if a.err != nil {
		if r.phase = refused; r.end && r.failed && !r.leaves {
			r.id = session.ID{}
		}
		return
	}
	if a.token != "" {
		r.token, r.standing = a.token, valid
		r.id = a.id
	} else if r.end {
		r.id = session.ID{}
	}
	if r.phase == open {
		r.shown = nil
	}
	r.phase, r.commit = sealed, next
	r.patch, r.takes, r.spent, r.rotate, r.login, r.end, r.leaves, r.active = nil, nil, nil, false, false, false, false, false
}

// An action is what a request may do: to its session, and in the model.
type action struct {
	name  string
	early bool // only before the response begins
	do    func(r *request, v string, now time.Time)
}

func set(path string, flash bool) func(*request, string, time.Time) {
	return func(r *request, v string, _ time.Time) {
		if flash {
			r.s.Flash(path, v)
		} else {
			r.s.Set(path, v)
		}
		if !r.failed {
			r.hide(path)
		}
		r.do(func(c *content, commit int) error {
			c.put(path, v)
			if flash {
				c.mark(path, commit)
			}
			return nil
		})
	}
}

func add(path string, flash bool) func(*request, string, time.Time) {
	return func(r *request, v string, _ time.Time) {
		if flash {
			r.s.AddFlash(path, v)
		} else {
			r.s.Append(path, v)
		}
		flash := flash || r.view.marks[path] != 0
		r.do(func(c *content, commit int) error {
			old, _ := get(c.data, path)
			if old != nil && !isList(old) {
				return errWrite
			}
			list, _ := old.([]any)
			put(c.data, path, append(slices.Clone(list), v))
			if flash {
				c.mark(path, commit)
			}
			return nil
		})
	}
}

// drop removes a value by Remove or Pop.
func drop(path string, pop bool) func(*request, string, time.Time) {
	return func(r *request, _ string, _ time.Time) {
		if pop {
			session.Pop[any](r.s, path, nil)
		} else {
			r.s.Remove(path)
		}
		if r.failed {
			return
		}
		_, covered := r.now[path]
		r.hide(path)
		if _, ok := get(r.view.data, path); !ok || pop && covered {
			return // what the request does not see is not removed
		}
		r.do(func(c *content, _ int) error {
			c.remove(path)
			return nil
		})
	}
}

func take(path string) func(*request, string, time.Time) {
	return func(r *request, _ string, _ time.Time) {
		session.PopOnce[any](r.s, path, nil)
		if r.failed {
			return
		}
		if _, covered := r.now[path]; covered {
			r.hide(path)
			return
		}
		seen, ok := get(r.view.data, path)
		if !ok {
			return
		}
		r.hide(path)
		taken := func(c *content, _ int) error {
			if v, ok := get(c.data, path); !ok || !same(v, seen) {
				return errTaken
			}
			c.remove(path)
			return nil
		}
		r.do(taken)
		r.takes = append(r.takes, taken)
	}
}

func flashNow(path string) func(*request, string, time.Time) {
	return func(r *request, v string, _ time.Time) {
		r.s.FlashNow(path, v)
		if !r.failed {
			r.hide(path)
			r.now[path] = v
		}
	}
}

func (r *request) keep(path string) {
	if r.failed {
		return
	}
	if v, ok := r.now[path]; ok {
		r.hide(path)
		r.do(func(c *content, commit int) error {
			c.put(path, v)
			c.mark(path, commit)
			return nil
		})
		return
	}
	if seen := r.view.marks[path]; seen != 0 && seen != r.commit {
		r.do(func(c *content, commit int) error {
			if c.marks[path] == seen {
				c.marks[path] = commit
			}
			return nil
		})
	}
}

func timeouts(idle, absolute time.Duration) func(*request, string, time.Time) {
	return func(r *request, _ string, _ time.Time) {
		r.s.SetTimeouts(idle, absolute)
		r.active = r.active || !r.failed
		r.do(func(c *content, _ int) error {
			c.idle, c.absolute = idle, absolute
			return nil
		})
	}
}

func persistent(yes bool) func(*request, string, time.Time) {
	return func(r *request, _ string, _ time.Time) {
		r.s.SetPersistent(yes)
		r.do(func(c *content, _ int) error {
			c.transient = !yes
			return nil
		})
	}
}

// login signs in. The session of another owner ends, unless it is kept.
func login(owner string, options ...session.LoginOption) func(*request, string, time.Time) {
	return func(r *request, _ string, now time.Time) {
		r.s.Login(owner, options...)
		if r.failed {
			return
		}
		if r.view.owner != "" && r.view.owner != owner && len(options) == 0 {
			if !r.end {
				r.spent = append(r.spent, r.takes...)
			}
			r.patch, r.takes = nil, nil
			r.leaves = !r.end || r.leaves
			r.end = r.id != (session.ID{})
			r.view, r.now = emptyContent(), map[string]any{}
		}
		r.rotate, r.login, r.active = true, true, true
		r.do(func(c *content, commit int) error {
			c.owner, c.start, c.login = owner, now, commit
			return nil
		})
	}
}

// actions are what requests do. Those that meet more rarely are there twice.
var actions = []action{
	{"set a", false, set("a", false)},
	{"set a.x", false, set("a.x", false)},
	{"set b", false, set("b", false)},
	{"set p", false, set("p", false)},
	{"append p", false, add("p", false)},
	{"append p", false, add("p", false)},
	{"remove p", false, drop("p", false)},
	{"remove p", false, drop("p", false)},
	{"remove a", false, drop("a", false)},
	{"remove a.x", false, drop("a.x", false)},
	{"pop a.x", false, drop("a.x", true)},
	{"pop flash", false, drop("flash", true)},
	{"append list", false, add("list", false)},
	{"flash", false, set("flash", true)},
	{"add flash", false, add("messages", true)},
	{"append messages", false, add("messages", false)},
	{"set flash", false, set("flash", false)},
	{"flash now a.x", false, flashNow("a.x")},
	{"flash now a.x", false, flashNow("a.x")},
	{"flash now top", false, flashNow("top")},
	{"set ticket", false, set("ticket", false)},
	{"pop once ticket", false, take("ticket")},
	{"pop once a.x", false, take("a.x")},
	{"count", false, func(r *request, _ string, _ time.Time) {
		session.Update(r.s, "n", func(n int64) int64 { return n + 1 })
		r.do(func(c *content, _ int) error {
			n, _ := get(c.data, "n")
			was, _ := n.(float64)
			put(c.data, "n", was+1)
			return nil
		})
	}},
	{"keep", false, func(r *request, _ string, _ time.Time) {
		r.s.Keep("flash", "messages", "a.x")
		r.keep("flash")
		r.keep("messages")
		r.keep("a.x")
	}},
	{"reflash", false, func(r *request, _ string, _ time.Time) {
		r.s.Reflash()
		paths := slices.Sorted(maps.Keys(r.view.marks))
		for _, path := range slices.AppendSeq(paths, maps.Keys(r.now)) {
			r.keep(path)
		}
	}},
	{"clear", false, func(r *request, _ string, _ time.Time) {
		r.s.Clear()
		if r.failed {
			return
		}
		clear(r.now)
		if len(r.view.data) > 0 {
			r.do(func(c *content, _ int) error {
				c.data, c.marks = map[string]any{}, map[string]int{}
				return nil
			})
		}
	}},
	{"an invalid write", false, func(r *request, _ string, _ time.Time) {
		r.s.Set("a..b", 1)
		r.failed = true
	}},
	{"ignore activity", false, func(r *request, _ string, _ time.Time) {
		r.s.IgnoreActivity()
		r.passive = true
	}},
	{"timeouts of 10 m", true, timeouts(10*time.Minute, 0)},
	{"timeouts of 10 m", true, timeouts(10*time.Minute, 0)},
	{"timeouts of 5 h and 30 h", true, timeouts(5*time.Hour, 30*time.Hour)},
	{"default timeouts", true, timeouts(0, 0)},
	{"not persistent", true, persistent(false)},
	{"persistent", true, persistent(true)},
	{"login ann", true, login("ann")},
	{"login ann", true, login("ann")},
	{"login bob", true, login("bob")},
	{"login bob and keep", true, login("bob", session.KeepingData())},
	{"login ann and keep", true, login("ann", session.KeepingData())},
	{"confirm", true, confirm},
	{"regenerate", true, func(r *request, _ string, _ time.Time) {
		r.s.Regenerate()
		if !r.failed && r.id != (session.ID{}) || r.standing == superseded {
			r.rotate = !r.failed
		}
	}},
	{"invalidate", false, func(r *request, _ string, _ time.Time) {
		r.s.Invalidate()
		r.patch, r.takes, r.spent, r.rotate, r.login, r.failed, r.active, r.leaves = nil, nil, nil, false, false, false, false, false
		r.end = r.id != (session.ID{})
		r.view, r.now = emptyContent(), map[string]any{}
	}},
	{"rollback", true, func(r *request, _ string, _ time.Time) {
		r.s.Rollback()
		r.patch, r.takes, r.spent, r.rotate, r.login, r.failed, r.active, r.end, r.leaves = nil, nil, nil, false, false, false, false, false, false
		r.view, r.now = r.snapshot.clone(), map[string]any{}
	}},
}

// check compares what the request sees.
func (r *request) check() error {
	if got, want := r.s.All(), r.sees(); !same(got, want) {
		return fmt.Errorf("%s sees %v, want %v", r.name, got, want)
	}
	if got := r.s.Owner(); got != r.view.owner {
		return fmt.Errorf("%s has the owner %q, want %q", r.name, got, r.view.owner)
	}
	if got := r.s.Err() != nil; got != r.failed {
		return fmt.Errorf("%s has failed: %v (%w), want %v", r.name, got, r.s.Err(), r.failed)
	}
	return nil
}
