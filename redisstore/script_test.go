package redisstore_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// The server may lose its scripts before any call.
func TestScriptFlush(t *testing.T) {
	admin := dial(t, nil)
	each(t, func(t *testing.T, k kind) {
		s := open(t, k.connect(t), prefix(t))
		flush := func() {
			if err := admin.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		var ids []session.ID
		for range 3 {
			flush()
			r := created(t, s, "ana")
			flush()
			is(t, "Update", s.Update(t.Context(), r), nil)
			flush()
			is(t, "Touch", s.Touch(t.Context(), r.ID, r.LastActivity, r.ExpiresAt.Add(1)), nil)
			ids = append(ids, r.ID)
		}
		flush()
		is(t, "Delete", s.Delete(t.Context(), ids[0]), nil)
		flush()
		if n, err := s.DeleteOwned(t.Context(), "ana", ids); n != 2 || err != nil {
			t.Errorf("DeleteOwned: got %d, %v, want 2", n, err)
		}
	})
}

// Proxies and managed services spell the error for an unknown script in other ways.
func TestUnknownScript(t *testing.T) {
	for _, text := range []string{
		"NOSCRIPT No matching script. Please use EVAL.",
		"ERR NOSCRIPT No matching script. Please use EVAL.",
		"NOSCRIPT",
		"ERR No matching script.",
	} {
		s := open(t, hooked(t, func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
			if cmd.Name() != "evalsha" {
				return next(ctx, cmd)
			}
			err := errors.New(text)
			cmd.SetErr(err)
			return err
		}), prefix(t))
		is(t, text, s.Update(t.Context(), created(t, s, "ana")), nil)
	}
}

// A client sends a command again if it has lost the answer.
func TestSentTwice(t *testing.T) {
	s := open(t, hooked(t, twice), prefix(t))
	r := created(t, s, "ana")
	r.Owner, r.Data = "bob", []byte("changed")
	is(t, "Update", s.Update(t.Context(), r), nil)
	is(t, "Touch", s.Touch(t.Context(), r.ID, r.LastActivity, r.ExpiresAt.Add(1)), nil)
	got, err := s.Load(t.Context(), r.ID)
	if err != nil || got.Version != 2 || string(got.Data) != "changed" || !got.ExpiresAt.Equal(r.ExpiresAt.Add(1)) {
		t.Errorf("got %v, %v", got, err)
	}
	if ids := listed(t, s, "bob"); len(ids) != 1 {
		t.Errorf("bob has %q", ids)
	}
	is(t, "Create of a taken ID", s.Create(t.Context(), r), session.ErrConflict)
	is(t, "Update of an old version", s.Update(t.Context(), r), session.ErrConflict)
	is(t, "Delete", s.Delete(t.Context(), r.ID), nil)
	is(t, "Update after Delete", s.Update(t.Context(), r), session.ErrNotFound)
}

// What a call sends if all is well.
func TestCommands(t *testing.T) {
	var sent commands
	s := open(t, hooked(t, sent.process), prefix(t))
	sent.take()
	check := func(what string, err error, want ...string) {
		t.Helper()
		// Another program may have flushed the scripts of the server; see TestScriptFlush.
		got := slices.DeleteFunc(sent.take(), func(name string) bool { return name == "eval" })
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if len(got) != len(want) {
			t.Errorf("%s: sent %q, want %q", what, got, want)
			return
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: sent %q, want %q", what, got, want)
				return
			}
		}
	}
	r := record("")
	check("Create", s.Create(t.Context(), r), "set")
	_, err := s.Load(t.Context(), r.ID)
	check("Load", err, "get")
	check("Update", s.Update(t.Context(), r), "evalsha")
	check("Touch", s.Touch(t.Context(), r.ID, r.LastActivity.Add(1), r.ExpiresAt.Add(1)), "evalsha")
	r.Version, r.Owner = 2, "ana"
	check("login", s.Update(t.Context(), r), "evalsha", "evalsha", "evalsha")
	r.Version = 3
	check("Update of an owner", s.Update(t.Context(), r), "evalsha")
	r.Version, r.Owner = 4, ""
	check("logout", s.Update(t.Context(), r), "evalsha", "zrem")
	check("Delete", s.Delete(t.Context(), r.ID), "evalsha")
	_, err = s.Prune(t.Context(), r.CreatedAt.Add(-session.PruneSlack), 500)
	check("Prune as the manager does", err)
}
