package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
	"github.com/expanse-go/session/internal/respawn"
)

const (
	writers  = 4 // on two sessions
	creators = 2
)

// orders are what the writing process is told.
type orders struct {
	Place  place
	Tokens []string // of the sessions that the writers share
}

// A crash test kills a process that writes at full speed, again and again, and looks
// at what is stored each time.
type crashTest struct {
	*trial
	orders

	done  [writers]int    // the last acknowledged write of each
	kept  map[string]bool // acknowledged sessions, false: perhaps logged out
	acked int
	rnd   *rand.Rand
}

func (t *trial) crash(ctx context.Context) (err error) {
	if t.kind == "memory" {
		fmt.Fprintf(t.out, "crash   %-8s nothing outlives the process, by design\n", t.kind)
		return nil
	}
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	c := crashTest{trial: t, orders: orders{Place: p}, kept: map[string]bool{}, rnd: rand.New(rand.NewPCG(t.seed, 1))}
	start := time.Now()
	if err := c.with(ctx, c.begin); err != nil {
		return err
	}
	for n := range t.kills {
		err := c.kill()
		if err == nil {
			err = c.with(ctx, c.verify)
		}
		if err != nil {
			return fmt.Errorf("crash, %s, -seed %d, kill %d: %w", t.kind, t.seed, n+1, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	litter, err := c.litter(ctx)
	if err != nil {
		return fmt.Errorf("crash, %s, -seed %d: %w", t.kind, t.seed, err)
	}
	t.did.kills += t.kills
	t.did.commits += c.acked
	fmt.Fprintf(t.out, "crash   %-8s seed %d: %d kills, %d acknowledged commits, all there and whole%s in %.1fs\n",
		t.kind, t.seed, t.kills, c.acked, litter, time.Since(start).Seconds())
	return nil
}

// with opens the store anew, as after a restart.
func (c *crashTest) with(ctx context.Context, f func(context.Context, *session.Manager) error) error {
	store, err := c.Place.open(ctx)
	if err != nil {
		return err
	}
	defer store.close()
	m, err := newManager(store.Store)
	if err != nil {
		return err
	}
	return f(ctx, m)
}

func newManager(store session.Store) (*session.Manager, error) {
	return session.New(store, session.Config{
		Cookie:     session.CookieConfig{DangerouslyAllowHTTP: true},
		PruneEvery: -1,
		Logger:     slog.New(slog.DiscardHandler),
	})
}

func (c *crashTest) begin(ctx context.Context, m *session.Manager) error {
	for range 2 {
		token, err := write(ctx, m, "", func(s *session.Session) { s.Set("shared", true) })
		if err != nil {
			return err
		}
		c.Tokens = append(c.Tokens, token)
	}
	return nil
}

// write is one request; it returns the new token, if there is one.
func write(ctx context.Context, m *session.Manager, token string, f func(*session.Session)) (string, error) {
	s, err := m.Load(ctx, session.Token(token))
	if err != nil {
		return "", err
	}
	if s.IsNew() && token != "" {
		return "", errors.New("the session is gone")
	}
	f(s)
	cookie, err := m.Commit(ctx, s)
	if err != nil || cookie == nil {
		return "", err
	}
	return cookie.Value, nil
}

// writerChild writes until it is killed, and says on stdout what was acknowledged: a
// line of less than 4096 bytes goes into a pipe as a whole.
func writerChild(ctx context.Context, args []byte) error {
	var o orders
	if err := json.Unmarshal(args, &o); err != nil {
		return err
	}
	store, err := o.Place.open(ctx)
	if err != nil {
		return err
	}
	m, err := newManager(store.Store)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for k := range writers {
		go func() { failed <- o.writer(ctx, m, k) }()
	}
	for range creators {
		go func() { failed <- creator(ctx, m) }()
	}
	return <-failed
}

// writer writes its next number, in four places that must never differ.
func (o *orders) writer(ctx context.Context, m *session.Manager, k int) error {
	path, token, next := fmt.Sprintf("w%d", k), o.Tokens[k%len(o.Tokens)], 0
	for {
		_, err := write(ctx, m, token, func(s *session.Session) {
			next = session.Get(s, path+".a", 0) + 1
			s.Set(path+".a", next)
			s.Set(path+".pad", padding(next))
			session.Update(s, path+".n", func(n int) int { return n + 1 })
			s.Set(path+".b", next)
		})
		if err != nil {
			return err
		}
		fmt.Printf("w %d %d\n", k, next)
	}
}

func padding(n int) string { return strings.Repeat(string(rune('a'+n%26)), n*37%3000) }

// creator makes sessions, and logs every second one out.
func creator(ctx context.Context, m *session.Manager) error {
	for n := 0; ; n++ {
		token, err := write(ctx, m, "", func(s *session.Session) {
			s.Login("somebody") // so that a file store has marks of owners
			s.Set("a", 1)
			s.Set("pad", padding(50))
			s.Set("b", 1)
		})
		if err != nil {
			return err
		}
		fmt.Printf("c %d %s\n", n%2, token)
		if n%2 == 0 {
			continue
		}
		if _, err := write(ctx, m, token, (*session.Session).Invalidate); err != nil {
			return err
		}
		fmt.Printf("d 0 %s\n", token)
	}
}

// kill lets the process write for a while and kills it. What it has said by then is
// in the pipe, and counts.
func (c *crashTest) kill() error {
	cmd, in, out, err := respawn.Start("writer", c.orders)
	if err != nil {
		return err
	}
	defer in.Close()
	var timer *time.Timer
	var unread error
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if timer == nil {
			timer = time.AfterFunc(time.Duration(c.rnd.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
		if err := c.hear(lines.Text()); err != nil && unread == nil {
			unread = fmt.Errorf("the writing process said %q: %w", lines.Text(), err)
		}
	}
	_ = cmd.Process.Kill() // fails if it has ended, of which Wait tells
	err = cmd.Wait()
	if timer == nil || cmd.ProcessState.Exited() {
		return errors.Join(unread, fmt.Errorf("the writing process ended by itself: %w", err))
	}
	return unread
}

// hear notes what was acknowledged.
func (c *crashTest) hear(line string) error {
	var kind, text string
	var n int
	if _, err := fmt.Sscan(line, &kind, &n, &text); err != nil {
		return err
	}
	c.acked++
	switch kind {
	case "w":
		_, err := fmt.Sscan(text, &c.done[n])
		return err
	case "c":
		c.kept[text] = n == 0
	case "d":
		delete(c.kept, text)
		c.kept["-"+text] = true
	}
	return nil
}

// verify looks at everything. It begins with a commit of its own: that finds locks
// that were left behind, and it is the last word, as what the dead process has sent
// to a server and was not answered cannot be stored after it any more.
func (c *crashTest) verify(ctx context.Context, m *session.Manager) error {
	for _, token := range c.Tokens {
		if _, err := write(ctx, m, token, func(s *session.Session) {
			session.Update(s, "checks", func(n int) int { return n + 1 })
		}); err != nil {
			return fmt.Errorf("a write after the restart: %w", err)
		}
	}
	for k := range writers {
		s, err := m.Load(ctx, session.Token(c.Tokens[k%len(c.Tokens)]))
		if err != nil {
			return err
		}
		path := fmt.Sprintf("w%d", k)
		a, b, n := session.Get(s, path+".a", 0), session.Get(s, path+".b", 0), session.Get(s, path+".n", 0)
		if a != b || a != n || session.Get(s, path+".pad", "") != padding(a) && a > 0 {
			return fmt.Errorf("writer %d: half a commit: a %d, b %d, n %d, padding of %d bytes", k, a, b, n, len(session.Get(s, path+".pad", "")))
		}
		if a != c.done[k] && a != c.done[k]+1 {
			return fmt.Errorf("writer %d: %d was acknowledged last, and %d is stored", k, c.done[k], a)
		}
		c.done[k] = a
	}
	for token, must := range c.kept {
		if err := created(ctx, m, token, must); err != nil {
			return err
		}
	}
	clear(c.kept)
	return nil
}

// created checks a session that was created: there and whole; or, if a logout may have
// been under way, not there; or, after a logout ("-" before the token), not there.
func created(ctx context.Context, m *session.Manager, token string, must bool) error {
	token, out := strings.CutPrefix(token, "-")
	s, err := m.Load(ctx, session.Token(token))
	switch {
	case err != nil:
		return err
	case out && !s.IsNew():
		return fmt.Errorf("session %v was logged out, and is there", s.ID())
	case out, s.IsNew() && !must:
		return nil
	case s.IsNew():
		return errors.New("a session whose creation was acknowledged is not there")
	case session.Get(s, "a", 0) != 1 || session.Get(s, "b", 0) != 1 || session.Get(s, "pad", "") != padding(50):
		return fmt.Errorf("session %v is not whole: %v", s.ID(), s.All())
	}
	return nil
}

// litter counts what killed writers left in a folder, and checks that Prune takes it
// once it is old.
func (c *crashTest) litter(ctx context.Context) (string, error) {
	switch c.kind {
	case "sqlite":
		return ", " + "the file is sound", c.with(ctx, c.sound)
	case "file":
	default:
		return "", nil
	}
	before, err := c.left()
	if err != nil {
		return "", err
	}
	err = c.with(ctx, func(ctx context.Context, m *session.Manager) error {
		_, err := m.Prune(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if after, err := c.left(); err != nil || len(after) > 0 {
		return "", errors.Join(err, fmt.Errorf("%d of %d files that belong to nobody are left after Prune: %v", len(after), len(before), after))
	}
	return fmt.Sprintf(", %d temporary files and marks without a record pruned", len(before)), nil
}

// left lists the files in the folder that belong to nobody, as old ones.
func (c *crashTest) left() (names []string, err error) {
	old := time.Now().Add(-2 * session.PruneSlack)
	root := c.Place.DSN
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, temp := atomicfile.Target(d.Name())
		orphan := false
		if owner, id, ok := strings.Cut(d.Name(), "."); !temp && ok && len(owner) == 32 {
			_, err := os.Stat(filepath.Join(root, "records", id[:2], id))
			orphan = errors.Is(err, fs.ErrNotExist)
		}
		if temp || orphan {
			names = append(names, path)
		}
		return os.Chtimes(path, old, old)
	})
	return names, err
}

// sound lets SQLite look for damage.
func (c *crashTest) sound(ctx context.Context, _ *session.Manager) error {
	store, err := c.Place.open(ctx)
	if err != nil {
		return err
	}
	defer store.close()
	var verdict string
	if err := store.db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New("integrity_check: " + verdict)
	}
	return nil
}
