package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A mutant is the library with one bug: in one file, new replaces old. The check must fail
// for it; otherwise it would not detect such a bug.
type mutant struct {
	name     string
	file     string // relative to the root of the repository
	old, new string
	check    check
}

// A check is a quick run of this program or of a test.
type check struct {
	name string
	pkg  string
	args []string
}

func modelOn(store string) check {
	return check{"model on " + store, "./internal/torture", []string{"model", "-stores", store, "-seed", "1", "-rounds", "80"}}
}

func overlapsOn(store string) check {
	return check{"overlaps on " + store, "./internal/torture", []string{"overlaps", "-stores", store, "-seed", "1", "-rounds", "400"}}
}

func testOf(pkg, test string) check {
	return check{test + " of " + pkg, pkg, []string{"-test.run", "^" + test + "$", "-test.timeout", "2m"}}
}

var powerLoss = testOf("./filestore", "TestPowerLoss")

var mutants = slices.Concat([]mutant{
	{
		"fields that are not exported are lost", "internal/jsonvalue/check.go",
		"if f.Type.Size() > 0 {", "if false {", testOf(".", "TestField03"),
	},
	{
		"a name twice in an object is stored", "internal/jsonvalue/jsonvalue.go",
		"case twice:", "case false && twice:", testOf(".", "TestAttackS8"),
	},
	{
		"values nest as deep as they like", "internal/jsonvalue/jsonvalue.go",
		"case depth > MaxDepth:", "case depth < 0:", testOf(".", "TestAttackS2"),
	},
	{
		"of a name twice in the store, readers see different values", "internal/dotpath/unique.go",
		"!twice || ", "twice || ", testOf(".", "TestAttackS8"),
	},
	{
		"flash messages of a forged record have any path", "envelope.go",
		"|| dotpath.Check(m.path) != nil", "|| false && dotpath.Check(m.path) != nil", testOf(".", "TestAttackS9"),
	},
	{
		"the memory store ignores versions", "memstore/shard.go",
		"if version, _ := binary.Uvarint(s.body(rec)); version != r.Version {", "if version, _ := binary.Uvarint(s.body(rec)); version == 0 {", modelOn("memory"),
	},
	{
		"the file store ignores versions", "filestore/store.go",
		"if old.version != r.Version {", "if false {", modelOn("file"),
	},
	{
		"the file store has no lock between processes", "filestore/lock_unix.go",
		"syscall.LOCK_EX|syscall.LOCK_NB", "syscall.LOCK_SH|syscall.LOCK_NB", modelOn("file"),
	},
	{
		"the SQL stores ignore versions", "internal/sqltable/statements.go",
		`thisVersion = " WHERE id = ? AND version = ?"`, `thisVersion = " WHERE id = ? AND version <> 0 * ?"`, modelOn("sqlite"),
	},
	{
		"the store for Redis ignores versions", "redisstore/script.go",
		"if old:sub(18, 25) ~= ARGV[1] then", "if old:sub(18, 25) == '' then", modelOn("redis"),
	},
	{
		"Update of the store for Redis is an upsert", "redisstore/script.go",
		"if old == '' then return 0 end\nif #old < 58 then return redis.error_reply('the value is no session') end\nif old:sub(18, 25) ~= ARGV[1] then", "if old == '' then old = string.rep('\\0', 58) elseif old:sub(18, 25) ~= ARGV[1] then", modelOn("redis"),
	},
	{
		"a touch on Redis brings a session back", "redisstore/script.go",
		"if #old < 58 then return 1 end", "if #old < 58 then old = string.rep('\\0', 58) end", testOf("./redisstore", "TestContract"),
	},
	{
		"a lost answer of Redis is a conflict", "redisstore/script.go",
		"if old:sub(18, 33) == new:sub(2, 17) then return 1 end", "", testOf("./redisstore", "TestSentTwice"),
	},
	{
		"a late removal takes a newer entry out of an index", "redisstore/index.go",
		"rand.Uint64()|1) // 0 is no entry", "rand.Uint64N(1)|1)", testOf("./redisstore", "TestLateRemovalOfAnEntry"),
	},
	{
		"an index covers a session for too short a time", "redisstore/script.go",
		"later(new:sub(26, 33), entry:sub(9, 16))", "false", testOf("./redisstore", "TestIndexFollowsTheExpiry"),
	},
	{
		"batches on PostgreSQL ignore versions", "internal/sqltable/postgres.go",
		"AND t.version = new.version", "AND t.version > 0 * new.version", testOf("./internal/integration", "TestEachWriterGetsItsOwnResult"),
	},
	{
		"batches on MariaDB ignore versions", "internal/sqltable/mariadb.go",
		`" OR (id = ? AND version = ?)"`, `" OR (id = ? AND version > 0 * ?)"`, testOf("./internal/integration", "TestEachWriterGetsItsOwnResult"),
	},
	{
		"a write to NATS replaces whatever is there", "natsstore/bucket.go",
		"forget(r.ExpiresAt), nil, &cur.seq)", "forget(r.ExpiresAt), nil, nil)", testOf("./internal/natstest", "TestContract"),
	},
	{
		"a write to NATS whose answer was lost is a conflict", "natsstore/bucket.go",
		"cur.here && cur.stamp == stamp {", "cur.here && cur.stamp == stamp+1 {", testOf("./internal/natstest", "TestLostAnswers"),
	},
	{
		"an index entry in NATS ends before its record", "natsstore/bucket.go",
		"cur.until > need.Unix()", "cur.until > 0", testOf("./internal/natstest", "TestIndexOutlivesTheRecord"),
	},
	{
		"Update of the memory store is an upsert", "memstore/shard.go",
		"\t\treturn 0, session.ErrNotFound", "\t\ts.unlock()\n\t\tdefer s.mu.Lock()\n\t\treturn 0, s.create(h, r, entry)", modelOn("memory"),
	},
	{
		"a commit creates again what is gone", "leader.go",
		"\t\t\terr = l.update(ctx, &next.rec)\n\t\t}\n", "\t\t\terr = l.update(ctx, &next.rec)\n\t\t}\n\t\tif errors.Is(err, ErrNotFound) {\n\t\t\terr = l.m.store.Create(ctx, next.rec)\n\t\t}\n", modelOn("memory"),
	},
	{
		"Create of the memory store overwrites", "memstore/shard.go",
		"if _, _, ok := s.find(h, r.ID); ok {\n\t\treturn session.ErrConflict\n", "if at, ref, ok := s.find(h, r.ID); ok {\n\t\ts.remove(at, ref)\n", testOf("./memstore", "TestContract"),
	},
	{
		"the memory store revives a dead session body", "memstore/bodies.go",
		"rec.page() == l.first && rec.offset() == at {", "rec.page() == l.first && rec.offset() < at {", testOf("./memstore", "TestBodies"),
	},
	{
		"no replay: the last write wins", "queue.go",
		"p.result = nil\n", "p.result = p.result\n", modelOn("memory"),
	},
	{
		"the ring of commit ids is not looked at", "leader.go",
		"at.remembers(l.commitID), nil", "false && at.remembers(l.commitID), nil", modelOn("memory"),
	},
	{
		"a commit that is made again is stored twice", "leader.go",
		"if p.retries != 0 && (", "if false && (", testOf(".", "TestCommitAgain"),
	},
	{
		"what may have been stored is taken for stored", "leader.go",
		"at.remembers(l.commitID), nil", "true || at.remembers(l.commitID), nil", check{"soak on memory", "./internal/torture", []string{"soak", "-d", "8s", "-stores", "memory", "-seed", "1"}},
	},
	{
		"a request with a replaced token may write", "draft.go",
		"return d.digest.equal(presented) ||", "return true || d.digest.equal(presented) ||", modelOn("memory"),
	},
	{
		"a replaced token still finds the session", "draft.go",
		"case p.kind == periodic:\n\t\treturn recent", "case p.kind != 0:\n\t\treturn recent", testOf(".", "TestModel"),
	},
	{
		"a withdrawn commit takes place all the same", "queue.go",
		"\tq.followers = slices.Delete(q.followers, i, i+1)\n\treturn true", "\treturn true", testOf(".", "TestDeadline"),
	},
	{
		"a touch shortens the lifetime", "memstore/shard.go",
		"if expires > rec.at[byExpiry] {", "if expires != rec.at[byExpiry] {", testOf("./memstore", "TestContract"),
	},
	{
		"a touch revives what has expired", "session.go",
		"since >= every && now.Before(s.at.rec.ExpiresAt)", "since >= every", modelOn("memory"),
	},
	{
		"a commit revives what has expired", "leader.go",
		"if !now.Before(rec.ExpiresAt) {", "if false {", modelOn("memory"),
	},
	{
		"a follower that comes after the expiry is stored", "leader.go",
		"now = l.m.cfg.Now() // the session may", "_ = l.m.cfg.Now() // the session may", testOf(".", "TestExpiryIsJudgedForFollowers"),
	},
	{
		"a commit that ignores activity undoes a touch", "leader.go",
		"if try > 0 || !l.passive {", "if true {", testOf(".", "TestIgnoreActivityUndoesNoTouch"),
	},
	{
		"two logins at once end each other", "max_per_owner.go",
		"gone = !mine || (lastUse", "gone = true || (lastUse", testOf(".", "TestLimitAndAnotherLoginOfTheOld"),
	},
	{
		"a touch after a long request revives what has expired", "update.go",
		"if !now.Before(at.rec.ExpiresAt) {", "if false {", overlapsOn("memory"),
	},
	{
		"only the last replaced token is recognised", "draft.go",
		"len(all)-i <= maxPrevious:", "len(all)-i <= 1:", overlapsOn("memory"),
	},
	{
		"a failure is concluded from an old record", "leader.go",
		"if !l.loaded && l.anyFailed() {", "if false {", overlapsOn("memory"),
	},
	{
		"a replaced token gets a new one after the grace", "leader.go",
		"p.rotation == privilege && d.standingOf", "false && d.standingOf", overlapsOn("memory"),
	},
	{
		"a panic that leaves the middleware is committed by whoever answers", "exchange.go",
		"if !x.state.CompareAndSwap(waiting, dropped) && ", "if ", testOf(".", "TestField01Panic"),
	},
	{
		"a panic is committed by a recoverer inside", "exchange.go",
		"case status >= http.StatusInternalServerError && panicking():", "case false:", testOf(".", "TestField01Panic"),
	},
	{
		"a time-out commits half a request", "exchange.go",
		"case late:", "case late && false:", testOf(".", "TestField02TimeoutHandler"),
	},
	{
		"an upgrade rotates the token", "session.go",
		"!s.passive && !s.kept", "!s.passive", testOf(".", "TestField08Rotation"),
	},
	{
		"a message on a socket rotates the token", "load.go",
		"err == nil && x.begunFor(t)", "err != nil && x.begunFor(t)", testOf(".", "TestField30Socket"),
	},
	{
		"RevokeOwner ends a session that is another owner's now", "admin.go",
		"return at.rec.Owner == owner })", "return true || at.rec.Owner == owner })", testOf(".", "TestLawL7RevokeOwnerEndsWhatItSaw"),
	},
	{
		"a login is refused because its session has ended", "session.go",
		"return errors.Is(err, ErrEnded) && s.login() != nil", "return false && errors.Is(err, ErrEnded) && s.login() != nil", testOf(".", "TestField06LoginAlwaysSignsIn"),
	},
	{
		"a login with a replaced token is refused", "commit.go",
		"case s.cred.standing == superseded && login == nil:", "case s.cred.standing == superseded:", testOf(".", "TestField06LoginAlwaysSignsIn"),
	},
	{
		"another owner gets what the session holds", "login.go",
		"if s.now.owner != \"\" && s.now.owner != owner && !o.keep", "if false && !o.keep", testOf(".", "TestField10AnotherOwnerStartsClean"),
	},
	{
		"a value is used twice by logins as another owner", "logout.go",
		"(!errors.Is(p.err, errGone) || len(p.ops) > 0)", "!errors.Is(p.err, errGone)", testOf(".", "TestField10PopOnceCounts"),
	},
	{
		"one program lists and revokes what is another's", "settings.go",
		"return string(d.app) == s.Application", "return true", testOf(".", "TestField24Applications"),
	},
	{
		"a stream: goes on with a token that a login has replaced", "watchers.go",
		"case !at.admits(&w.digest):", "case false:", testOf(".", "TestWatchInOneProcess"),
	},
	{
		"a stream: ends at a periodic rotation", "watchers.go",
		"case !at.admits(&w.digest):", "case !at.digest.equal(&w.digest):", testOf(".", "TestWatchPeriodicRotation"),
	},
	{
		"a stream: misses what happened before Watch", "watchers.go",
		"\tws.lookAt(w.id)\n", "", testOf(".", "TestWatchEndedBefore"),
	},
	{
		"a stream: ends when its own request replaces the token", "watchers.go",
		"w.held = true", "w.held = false", testOf(".", "TestWatchDuringCommit"),
	},
	{
		"a stream: expires although another process has extended the session", "watchers.go",
		"w.expires = later(w.expires, w.end(st.LastActivity, st.ExpiresAt, cfg, now))", "", testOf(".", "TestWatchExpires"),
	},
	{
		"a stream: an older version ends a newer watch", "watchers.go",
		"if w.older(at.rec.Version, now) {", "if false {", testOf(".", "TestWatchOlderVersion"),
	},
	{
		"a stream: ignores a session that the store has set back", "watchers.go",
		"return version < w.version && now.Before(w.expires)", "return version < w.version", testOf(".", "TestWatchLostCommit"),
	},
	{
		"a login stands although the former owner can go on", "another_owner.go",
		"err != nil && !s.beginsAnew(err) {", "false && err != nil {", testOf(".", "TestFailedLoginKeepsTheFormerSession"),
	},
	{
		"a login with old credentials stands", "only_if.go",
		"\t\terr = errLogin\n", "\t\terr = nil\n", testOf(".", "TestAttackS7TheOrder"),
	},
	{
		"a failed write prevents a logout", "commit.go",
		"err != nil && (!s.pending.end || s.pending.leaves) {", "err != nil {", overlapsOn("memory"),
	},
	{
		"a session lives an instant too long", "load.go",
		"case !now.Before(at.rec.ExpiresAt):", "case now.After(at.rec.ExpiresAt):", testOf(".", "TestModel"),
	},
	{
		"a flash message is used up unseen", "draft.go",
		"if d.marked(o.path) == o.gen {\n\t\t\td.useUp(", "if d.marked(o.path) != 0 {\n\t\t\td.useUp(", testOf(".", "TestField26WhatIsAddedIsShown"),
	},
	{
		"what is added to a flash message is used up with it", "draft.go",
		"if bytes.Equal(now, o.raw) {", "if true {", testOf(".", "TestField26WhatIsAddedIsShown"),
	},
	{
		"two pages use up one message more than they have shown", "draft.go",
		"\td.renew(o.path, id)\n}", "}", testOf(".", "TestField26TwoPagesWithOneText"),
	},
	{
		"FlashNow is stored with what is written below it", "overlay.go",
		"return o.mark > 0, v.change(&over, limit)", "return true, v.change(&over, limit)", testOf(".", "TestModel"),
	},
	{
		"what FlashNow hides is removed with it", "overlay.go",
		"return doc.Has(o.path), err", "return true, err", overlapsOn("memory"),
	},
	{
		"PopOnce of FlashNow takes what is stored", "value.go",
		"\tif s.flashNow.covers(path) {\n\t\tif err", "\tif false {\n\t\tif err", overlapsOn("memory"),
	},
	{
		"what a request does not see is removed", "data.go",
		"} else if s.has(path) {", "} else {", overlapsOn("memory"),
	},
	{
		"a touch goes by the limits from before", "update.go",
		"if now.Sub(s.loadedAt) >= longRequest {", "if false {", overlapsOn("memory"),
	},
	{
		"a write above the limit fails only at the commit", "session.go",
		"s.m.cfg.maxSize(old))", "s.m.cfg.maxSize(old+1<<30))", testOf(".", "TestAttackS1LimitHoldsAtOnce"),
	},
	{
		"two requests get the same value by PopOnce", "draft.go",
		"return errTaken", "return nil", modelOn("memory"),
	},
	{
		"an error on top of changes that are not stored counts", "leader.go",
		"if p.err == nil || p.outcome == failedEarly || p.outcome == failed && !l.loaded {", "if p.err == nil {", testOf(".", "TestNobodyTakesInVain"),
	},
	{
		"a cookie counts: of two sessions, the first one", "several_cookies.go",
		"\tcase 1:\n\t\treturn live[0], nil", "\tcase 1, 2:\n\t\treturn live[0], nil", testOf(".", "TestField05Planted"),
	},
	{
		"a cookie counts: from before a change of settings", "settings.go",
		"if sc.domain != \"\" || k.Path != \"/\" || k.Partitioned {", "if false {", testOf(".", "TestField05BothAlive"),
	},
	{
		"a cookie counts: one over plain HTTP, over HTTPS", "settings.go",
		"s.plain = c.scope(s, \"\")", "s.plain = c.scope(s, \"\")\n\t\t\ts.plain.namespace = s.scope.namespace", testOf(".", "TestField28BothSchemes"),
	},
	{
		"a request from another site replaces the session", "session.go",
		`case s.request != nil && s.scope.header == "" && s.m.cfg.withholds(s.request):`, "case false:", testOf(".", "TestField07Withheld"),
	},
	{
		"a cookie that was not sent is remembered", "leader.go",
		"if p.answers && (", "if (", testOf(".", "TestField09NotTooLate"),
	},
	{
		"a file is renamed before it is synced", "internal/atomicfile/atomicfile.go",
		"if err == nil && d != Volatile {", "if false {", powerLoss,
	},
	{
		"a folder is not synced after a rename", "internal/atomicfile/atomicfile.go",
		"if d == Durable {", "if false {", powerLoss,
	},
	{
		"a folder is not synced after a deletion", "filestore/store.go",
		"if err == nil && d == atomicfile.Durable {", "if false {", powerLoss,
	},
	{
		"a new folder is not synced into its parent", "filestore/open.go",
		"return atomicfile.SyncFolder(root, \".\")", "return nil", powerLoss,
	},
	{
		"an owner's mark is not synced before the record", "filestore/owner.go",
		"if err == nil && s.full == atomicfile.Durable {", "if false {", powerLoss,
	},
	{
		"Prune leaves owner marks without a record", "filestore/prune.go",
		"if err := w.marks(ctx, folder); err != nil {", "if err := ctx.Err(); err != nil {", powerLoss,
	},
	{
		"the memory store deletes what is another owner's now", "memstore/list.go",
		"string(p.owner()) != owner {", "string(p.owner()) != owner && false {", overlapsOn("memory"),
	},
	{
		"what failed on an old record hides that the session has ended", "leader.go",
		"\t\t\tl.decideAnew()\n", "", testOf(".", "TestLawL3EndedIsNoOtherError"),
	},
}, gateMutants)

// apply returns the mutated file. It fails unless the file contains the old text exactly
// once, so that a change of the source can't make a mutant outdated unnoticed.
func (m *mutant) apply(root string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("mutant %q: its old text occurs %d times in %s, want once; adapt the mutant to the source: %q", m.name, n, m.file, m.old)
	}
	return bytes.Replace(source, []byte(m.old), []byte(m.new), 1), nil
}

// runMutants verifies that the check of each mutant fails with the mutant and passes without
// it.
func runMutants(ctx context.Context, only, dir string, out io.Writer, done *totals) error {
	root, err := repository()
	if err != nil {
		return err
	}
	var errs []error
	passed := map[string]bool{}
	for i := range mutants {
		m := &mutants[i]
		if !strings.Contains(m.name, only) {
			continue
		}
		if !passed[m.check.name] {
			if text, err := m.check.run(ctx, root, dir, ""); err != nil {
				return fmt.Errorf("%s fails without a mutant: %w\n%s", m.check.name, err, text)
			}
			passed[m.check.name] = true
		}
		start := time.Now()
		where, err := m.catch(ctx, root, dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done.mutants++
		fmt.Fprintf(out, "mutant  %-46s caught by %s%s in %.1fs\n", m.name, m.check.name, where, time.Since(start).Seconds())
	}
	fmt.Fprintf(out, "mutants %d of %d caught\n", done.mutants, done.mutants+len(errs))
	return errors.Join(errs...)
}

// historyPattern matches in which history a check has found a violation.
var historyPattern = regexp.MustCompile(`, history \d+`)

// catch runs the check with the mutant. It returns where the check failed, if it says so.
func (m *mutant) catch(ctx context.Context, root, dir string) (where string, err error) {
	mutated, err := m.apply(root)
	if err != nil {
		return "", err
	}
	file, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): file}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(file, mutated, 0o600), os.WriteFile(overlay, text, 0o600)); err != nil {
		return "", err
	}
	output, err := m.check.run(ctx, root, dir, overlay)
	switch {
	case err == nil:
		return "", fmt.Errorf("%s did not catch the mutant %q", m.check.name, m.name)
	case errors.As(err, new(*buildError)):
		return "", fmt.Errorf("mutant %q: %w\n%s", m.name, err, output)
	}
	return string(historyPattern.Find(output)), ctx.Err()
}

// A buildError is the error of a check that does not compile.
type buildError struct{ error }

// run builds the check, with the overlay if it is not empty, and runs it.
func (c *check) run(ctx context.Context, root, dir, overlay string) ([]byte, error) {
	program := filepath.Join(dir, "check")
	args := []string{"build"}
	if strings.HasPrefix(c.args[0], "-test.") {
		args = []string{"test", "-c"}
	}
	build := exec.CommandContext(ctx, "go", append(args, "-overlay="+overlay, "-o", program, c.pkg)...)
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return text, &buildError{fmt.Errorf("does not build: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program, c.args...)
	run.Dir = filepath.Join(root, c.pkg)
	return run.CombinedOutput()
}

// repository returns the root of the checkout that contains the current directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "modules.txt")); missing == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no modules.txt in this directory or above it; run this inside a checkout")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
