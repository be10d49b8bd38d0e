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

// A writerConfig configures the writer process.
type writerConfig struct {
	Location location
	Tokens   []string // of the sessions that the writers share
}

// A crashTest repeatedly kills a process that writes at full speed, and checks what is
// stored after each kill.
type crashTest struct {
	*trial
	writerConfig

	lastAcked [writers]int    // the last acknowledged write of each writer
	created   map[string]bool // by token; false: a logout may be in progress; "-" before the token: logged out
	acked     int
	rnd       *rand.Rand
}

func (t *trial) crash(ctx context.Context) (err error) {
	if t.kind == "memory" {
		fmt.Fprintf(t.out, "crash   %-8s skipped: the memory store does not outlive the process\n", t.kind)
		return nil
	}
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	c := crashTest{trial: t, writerConfig: writerConfig{Location: loc}, created: map[string]bool{}, rnd: rand.New(rand.NewPCG(t.seed, 1))}
	start := time.Now()
	if err := c.withManager(ctx, c.createShared); err != nil {
		return err
	}
	for n := range t.kills {
		err := c.kill()
		if err == nil {
			err = c.withManager(ctx, c.verify)
		}
		if err != nil {
			return fmt.Errorf("crash, %s, -seed %d, kill %d: %w", t.kind, t.seed, n+1, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	leftovers, err := c.leftovers(ctx)
	if err != nil {
		return fmt.Errorf("crash, %s, -seed %d: %w", t.kind, t.seed, err)
	}
	t.totals.kills += t.kills
	t.totals.commits += c.acked
	fmt.Fprintf(t.out, "crash   %-8s seed %d: %d kills, %d acknowledged commits, none lost or partial%s, in %.1fs\n",
		t.kind, t.seed, t.kills, c.acked, leftovers, time.Since(start).Seconds())
	return nil
}

// withManager opens the store again, as after a restart.
func (c *crashTest) withManager(ctx context.Context, f func(context.Context, *session.Manager) error) error {
	store, err := c.Location.open(ctx)
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

func (c *crashTest) createShared(ctx context.Context, m *session.Manager) error {
	for range 2 {
		token, err := write(ctx, m, "", func(s *session.Session) { s.Set("shared", true) })
		if err != nil {
			return err
		}
		c.Tokens = append(c.Tokens, token)
	}
	return nil
}

// write performs one request and returns the new token, or "" if the token did not change.
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

// writerChild writes until it is killed, and prints every acknowledged write on stdout. A
// write to a pipe of less than 4096 bytes is atomic, so no line is partial.
func writerChild(ctx context.Context, args []byte) error {
	var cfg writerConfig
	if err := json.Unmarshal(args, &cfg); err != nil {
		return err
	}
	store, err := cfg.Location.open(ctx)
	if err != nil {
		return err
	}
	m, err := newManager(store.Store)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for k := range writers {
		go func() { failed <- cfg.writer(ctx, m, k) }()
	}
	for range creators {
		go func() { failed <- creator(ctx, m) }()
	}
	return <-failed
}

// writer writes increasing numbers. Each commit stores the number under three keys and as
// the length of a fourth, which must always agree.
func (cfg *writerConfig) writer(ctx context.Context, m *session.Manager, k int) error {
	path, token, next := fmt.Sprintf("w%d", k), cfg.Tokens[k%len(cfg.Tokens)], 0
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

// creator creates sessions and logs out of every second one.
func creator(ctx context.Context, m *session.Manager) error {
	for n := 0; ; n++ {
		token, err := write(ctx, m, "", func(s *session.Session) {
			s.Login("somebody") // makes the file store write owner marks
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

// kill lets the writer process run for up to 60 ms and kills it. It records every line
// that the process printed, including those still in the pipe.
func (c *crashTest) kill() error {
	cmd, in, out, err := respawn.Start("writer", c.writerConfig)
	if err != nil {
		return err
	}
	defer in.Close()
	var timer *time.Timer
	var badLine error
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if timer == nil {
			timer = time.AfterFunc(time.Duration(c.rnd.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
		if err := c.recordLine(lines.Text()); err != nil && badLine == nil {
			badLine = fmt.Errorf("unexpected output of the writer process, %q: %w", lines.Text(), err)
		}
	}
	_ = cmd.Process.Kill() // fails if the process has exited, which Wait reports
	err = cmd.Wait()
	if timer == nil || cmd.ProcessState.Exited() {
		return errors.Join(badLine, fmt.Errorf("the writer process exited before it was killed: %w", err))
	}
	return badLine
}

// recordLine records an acknowledged write.
func (c *crashTest) recordLine(line string) error {
	var kind, text string
	var n int
	if _, err := fmt.Sscan(line, &kind, &n, &text); err != nil {
		return err
	}
	c.acked++
	switch kind {
	case "w":
		_, err := fmt.Sscan(text, &c.lastAcked[n])
		return err
	case "c":
		c.created[text] = n == 0
	case "d":
		delete(c.created, text)
		c.created["-"+text] = true
	}
	return nil
}

// verify checks everything that the writer process stored. It first commits to each shared
// session. This detects abandoned locks, and it raises the version, so that a statement of
// the killed process that is still on its way to the server can no longer take effect.
func (c *crashTest) verify(ctx context.Context, m *session.Manager) error {
	for _, token := range c.Tokens {
		if _, err := write(ctx, m, token, func(s *session.Session) {
			session.Update(s, "checks", func(n int) int { return n + 1 })
		}); err != nil {
			return fmt.Errorf("write after the restart: %w", err)
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
			return fmt.Errorf("writer %d: partial commit: a %d, b %d, n %d, padding of %d bytes", k, a, b, n, len(session.Get(s, path+".pad", "")))
		}
		if a != c.lastAcked[k] && a != c.lastAcked[k]+1 {
			return fmt.Errorf("writer %d: the last acknowledged write is %d, but %d is stored", k, c.lastAcked[k], a)
		}
		c.lastAcked[k] = a
	}
	for token, must := range c.created {
		if err := verifyCreated(ctx, m, token, must); err != nil {
			return err
		}
	}
	clear(c.created)
	return nil
}

// verifyCreated checks a created session. It must be complete. It may be missing only if a
// logout may have been in progress (must is false), and it must be missing after an
// acknowledged logout ("-" before the token).
func verifyCreated(ctx context.Context, m *session.Manager, token string, must bool) error {
	token, loggedOut := strings.CutPrefix(token, "-")
	s, err := m.Load(ctx, session.Token(token))
	switch {
	case err != nil:
		return err
	case loggedOut && !s.IsNew():
		return fmt.Errorf("session %v was logged out but still exists", s.ID())
	case loggedOut, s.IsNew() && !must:
		return nil
	case s.IsNew():
		return errors.New("a session whose creation was acknowledged is missing")
	case session.Get(s, "a", 0) != 1 || session.Get(s, "b", 0) != 1 || session.Get(s, "pad", "") != padding(50):
		return fmt.Errorf("session %v is incomplete: %v", s.ID(), s.All())
	}
	return nil
}

// leftovers checks what killed writers left behind and describes it: Prune must remove
// the orphaned files of a file store, and a SQLite file must be intact.
func (c *crashTest) leftovers(ctx context.Context) (string, error) {
	switch c.kind {
	case "sqlite":
		return ", file intact", c.withManager(ctx, c.checkIntegrity)
	case "file":
	default:
		return "", nil
	}
	before, err := c.orphans()
	if err != nil {
		return "", err
	}
	err = c.withManager(ctx, func(ctx context.Context, m *session.Manager) error {
		_, err := m.Prune(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if after, err := c.orphans(); err != nil || len(after) > 0 {
		return "", errors.Join(err, fmt.Errorf("%d of %d orphaned files are left after Prune: %v", len(after), len(before), after))
	}
	return fmt.Sprintf(", %d orphaned files pruned", len(before)), nil
}

// orphans lists temporary files and owner marks without a record. It sets the modification
// time of all files back, so that Prune considers them old.
func (c *crashTest) orphans() (names []string, err error) {
	old := time.Now().Add(-2 * session.PruneSlack)
	root := c.Location.DSN
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

// checkIntegrity runs SQLite's integrity check.
func (c *crashTest) checkIntegrity(ctx context.Context, _ *session.Manager) error {
	store, err := c.Location.open(ctx)
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
