package redisstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessiontest"
)

// rules are the permissions that the package documentation names.
var rules = strings.Fields("+get +set +getrange +setrange +del +pexpireat +eval +evalsha +zadd +zrem +zrevrange +zremrangebyscore +zscan +scan +info")

// user returns a client of a new user with these rules and one for the keys.
func user(tb testing.TB, keys string, rules ...string) *redis.Client {
	tb.Helper()
	admin, name := dial(tb, nil), testserver.Name()
	args := []string{"on", ">word", keys, "+hello", "+client", "+ping"}
	if err := admin.ACLSetUser(tb.Context(), name, append(args, rules...)...).Err(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { admin.ACLDelUser(context.Background(), name) })
	return dial(tb, func(o *redis.Options) { o.Username, o.Password = name, "word" })
}

// The permissions that the documentation names are enough.
func TestContractWithLeastPermissions(t *testing.T) {
	c := user(t, "~test_*", rules...)
	sessiontest.TestStore(t, sessiontest.Harness{
		Open: func(tb testing.TB) session.Store { return open(tb, c, prefix(tb)) },
	})
}

// Check names what is missing.
func TestCheckOfPermissions(t *testing.T) {
	p := prefix(t)
	for _, missing := range rules {
		c := user(t, "~"+p+"*", slices.DeleteFunc(slices.Clone(rules), func(r string) bool { return r == missing })...)
		s, err := redisstore.New(c, redisstore.Config{Prefix: p})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Check(t.Context())
		if missing == "+scan" || missing == "+info" { // List says so; the version is unknown
			is(t, "without "+missing, err, nil)
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "forbids") || !strings.Contains(err.Error(), "ACL SETUSER NAME ~"+p+"* +get") {
			t.Errorf("without %s: got %v", missing, err)
		}
	}
	s, err := redisstore.New(user(t, "~other:*", rules...), redisstore.Config{Prefix: p})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "~"+p+"*") {
		t.Errorf("without the keys: got %v", err)
	}
}

func TestCheckOfTheVersion(t *testing.T) {
	for version, ok := range map[string]bool{"5.0.14": false, "6.0.16": false, "6.2.0": true, "7.2.4": true, "255.255.255": true, "unstable": true} {
		s, err := redisstore.New(hooked(t, func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
			err := next(ctx, cmd)
			if c, is := cmd.(*redis.StringCmd); is && cmd.Name() == "info" {
				c.SetVal("# Server\r\nredis_version:" + version + "\r\n")
			}
			return err
		}), redisstore.Config{Prefix: prefix(t)})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Check(t.Context())
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), version) {
			t.Errorf("version %s: got %v", version, err)
		}
	}
}

// Warnings says when the server evicts sessions. Without INFO it asks CONFIG, and without both
// it says nothing.
func TestWarnings(t *testing.T) {
	admin, p := dial(t, nil), prefix(t)
	before := admin.ConfigGet(t.Context(), "maxmemory-policy").Val()["maxmemory-policy"]
	set := func(policy string) {
		if err := admin.ConfigSet(context.Background(), "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { set(before) })
	withInfo, withConfig, withNothing := user(t, "~*", "+info"), user(t, "~*", "+config|get"), user(t, "~*")
	for _, policy := range []string{"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
		set(policy)
		for _, c := range []*redis.Client{withInfo, withConfig, withNothing} {
			s, err := redisstore.New(c, redisstore.Config{Prefix: p})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Warnings(t.Context())
			want := policy != "noeviction" && c != withNothing
			if err != nil || (len(got) == 1 && strings.Contains(got[0], policy)) != want || len(got) > 1 {
				t.Errorf("%s: got %q, %v, want a warning: %t", policy, got, err, want)
			}
		}
	}
}

// What is under the prefix but is no session does not disturb the others.
func TestForeignValues(t *testing.T) {
	p, c := prefix(t), dial(t, nil)
	s := open(t, c, p)
	r := created(t, s, "ana")
	for key, value := range map[string]string{
		p + strings.Repeat("ab", 16): "short",
		p + strings.Repeat("AB", 16): "capitals are not ours",
		p + "other":                  "another program's",
	} {
		if err := c.Set(t.Context(), key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	id, err := session.ParseID(strings.Repeat("ab", 16))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Load(t.Context(), id)
	is(t, "Load", err, session.ErrCorrupt)
	bad := record("")
	bad.ID = id
	is(t, "Create", s.Create(t.Context(), bad), session.ErrConflict)
	if err := s.Update(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "no session") {
		t.Errorf("Update: got %v", err)
	}
	n := 0
	for got, err := range s.List(t.Context()) {
		if err != nil || got.ID != r.ID {
			t.Errorf("List: got %v, %v", got, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("List yields %d sessions, want 1", n)
	}
	if _, err := s.Prune(t.Context(), r.CreatedAt, 100); err != nil {
		t.Error(err)
	}
	is(t, "Delete", s.Delete(t.Context(), id), nil)
	if err := c.LPush(t.Context(), p+id.String(), "a list").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), id); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("Load of a list: got %v", err)
	}
}

// A server without free memory refuses writes, with an error that says so.
func TestFullServer(t *testing.T) {
	s := open(t, dial(t, nil), prefix(t))
	admin := dial(t, nil)
	r := created(t, s, "")
	if err := admin.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	defer admin.ConfigSet(context.Background(), "maxmemory", "0")
	is(t, "Create", s.Create(t.Context(), record("")), session.ErrFull)
	is(t, "Update", s.Update(t.Context(), r), session.ErrFull)
	_, err := s.Load(t.Context(), r.ID)
	is(t, "Load", err, nil)
	is(t, "Delete", s.Delete(t.Context(), r.ID), nil)
}
