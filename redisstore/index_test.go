package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// Entries leave the index with their sessions, and the rest when Redis has deleted their
// sessions.
func TestIndexIsPruned(t *testing.T) {
	p, c := prefix(t), dial(t, nil)
	s := open(t, c, p)
	size := func() int64 { return c.ZCard(t.Context(), p+"owner:ana").Val() }

	r := created(t, s, "ana")
	r.Owner = ""
	is(t, "logout", s.Update(t.Context(), r), nil)
	is(t, "Delete", s.Delete(t.Context(), created(t, s, "ana").ID), nil)
	if n, err := s.DeleteOwned(t.Context(), "ana", []session.ID{created(t, s, "ana").ID}); n != 1 || err != nil {
		t.Errorf("DeleteOwned: got %d, %v", n, err)
	}
	if n := size(); n != 0 {
		t.Errorf("%d entries are left", n)
	}

	old := record("ana") // an entry covers a day, and clocks may differ by an hour
	old.ExpiresAt = old.ExpiresAt.Add(-30 * time.Hour)
	is(t, "Create", s.Create(t.Context(), old), nil)
	is(t, "Create", s.Create(t.Context(), old), nil) // Redis deletes it at once
	r = created(t, s, "ana")
	if n := size(); n != 1 {
		t.Errorf("%d entries after a new one, want 1", n)
	}
	if got := listed(t, s, "ana"); len(got) != 1 || got[0] != r.ID.String() {
		t.Errorf("listed %q, want %s", got, r.ID)
	}
	until := time.UnixMilli(c.PExpireTime(t.Context(), p+"owner:ana").Val().Milliseconds())
	if want := r.ExpiresAt.Add(25 * time.Hour); until.Before(want) || until.After(want.Add(time.Minute)) {
		t.Errorf("the index expires at %v, want %v", until, want)
	}
}

// A session whose expiry moves beyond its entry gets another one.
func TestIndexFollowsTheExpiry(t *testing.T) {
	p, c := prefix(t), dial(t, nil)
	s := open(t, c, p)
	r := created(t, s, "ana")
	for range 3 {
		r.ExpiresAt = r.ExpiresAt.Add(30 * 24 * time.Hour)
		is(t, "Touch", s.Touch(t.Context(), r.ID, r.LastActivity, r.ExpiresAt), nil)
		check := func(what string) {
			t.Helper()
			zs := c.ZRangeWithScores(t.Context(), p+"owner:ana", 0, -1).Val()
			if len(zs) != 1 || time.UnixMilli(int64(zs[0].Score)).Before(r.ExpiresAt.Add(session.PruneSlack)) {
				t.Errorf("after %s, the index has %v; the session expires at %v", what, zs, r.ExpiresAt)
			}
			if until := c.PExpireTime(t.Context(), p+"owner:ana").Val().Milliseconds(); until < r.ExpiresAt.UnixMilli() {
				t.Errorf("after %s, the index expires before the session", what)
			}
			if until := time.UnixMilli(c.PExpireTime(t.Context(), p+r.ID.String()).Val().Milliseconds()); until.Before(r.ExpiresAt.Add(session.PruneSlack)) || until.After(r.ExpiresAt.Add(session.PruneSlack+time.Second)) {
				t.Errorf("after %s, Redis deletes the session at %v; it expires at %v", what, until, r.ExpiresAt)
			}
		}
		check("Touch")
		r.ExpiresAt = r.ExpiresAt.Add(30 * 24 * time.Hour)
		is(t, "Update", s.Update(t.Context(), r), nil)
		r.Version++
		check("Update")
	}
}

// If a write fails after its entry was added, the entry does no harm.
func TestEntryWithoutASession(t *testing.T) {
	broken := errors.New("connection lost")
	var fail string
	s := open(t, hooked(t, func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
		if cmd.Name() == fail {
			cmd.SetErr(broken)
			return broken
		}
		return next(ctx, cmd)
	}), prefix(t))
	r := record("ana")
	fail = "set"
	is(t, "Create", s.Create(t.Context(), r), broken)
	fail = ""
	if ids := listed(t, s, "ana"); len(ids) > 0 {
		t.Errorf("listed %q, want none", ids)
	}
	is(t, "Create", s.Create(t.Context(), r), nil)
	fail = "zrem"
	r.Owner = "bob"
	is(t, "Update", s.Update(t.Context(), r), nil)
	if ids := listed(t, s, "ana"); len(ids) > 0 {
		t.Errorf("the former owner has %q, want none", ids)
	}
	if n, err := s.DeleteOwned(t.Context(), "ana", []session.ID{r.ID}); n != 0 || err != nil {
		t.Errorf("DeleteOwned of the former owner: got %d, %v", n, err)
	}
	if ids := listed(t, s, "bob"); len(ids) != 1 {
		t.Errorf("the owner has %q, want one", ids)
	}
}

// A session that goes back to a former owner stays in its index, however late the removal of
// the former entry is.
func TestLateRemovalOfAnEntry(t *testing.T) {
	var late []redis.Cmder
	c := hooked(t, func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
		if cmd.Name() == "zrem" {
			late = append(late, cmd)
			return nil
		}
		return next(ctx, cmd)
	})
	s := open(t, c, prefix(t))
	r := created(t, s, "ana")
	for _, owner := range []string{"bob", "ana", "", "ana"} {
		r.Owner = owner
		is(t, "Update", s.Update(t.Context(), r), nil)
		r.Version++
	}
	admin := dial(t, nil)
	for _, cmd := range late {
		is(t, "ZREM", admin.Process(t.Context(), cmd), nil)
	}
	if ids := listed(t, s, "ana"); len(ids) != 1 {
		t.Errorf("the owner has %q, want one", ids)
	}
}

// No owner can choose the slot of its index, or reach another key.
func TestOwnersInKeys(t *testing.T) {
	p, c := prefix(t), dial(t, nil)
	s := open(t, c, p)
	owners := []string{"{x}", "a}b{c", "*", "?", "[a]", "owner:", "a b", "a+b", "a%20b", "/../", "名", "\n", strings.Repeat("é", 127)}
	for _, owner := range owners {
		created(t, s, owner)
	}
	for _, owner := range owners {
		if ids := listed(t, s, owner); len(ids) != 1 {
			t.Errorf("%q has %d sessions, want 1", owner, len(ids))
		}
	}
	for _, key := range c.Keys(t.Context(), p+"*").Val() {
		if strings.ContainsAny(key, "{}") {
			t.Errorf("the key %q has a brace", key)
		}
	}
}
