package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/storecheck"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sqlstore"
)

// hostile are texts that a client or a program may put into a record.
var hostile = []string{
	`'; DROP TABLE sessions; --`, `" OR "1"="1`, "`sessions`", `\'); DELETE FROM sessions; --`, "%s %d %n", "$1 ? :id @p", "a\r\nFLUSHALL\r\n", "{slot}*?[a]", "../../etc/passwd", "é\u202e\U0001f512", "%_",
}

func TestST2SQLValuesAreParameters(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		var all []*visitor
		for _, text := range hostile {
			v := st.visitor("")
			r := httptest.NewRequest("POST", "https://example.com/", nil)
			r.Header["User-Agent"] = []string{text}
			w := st.serve(r, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login(text)
				s.Set("data", text)
			})
			if w.Code != http.StatusOK || len(w.Result().Cookies()) != 1 {
				t.Fatalf("%q: status %d, %s", text, w.Code, w.Body)
			}
			v.token = w.Result().Cookies()[0].Value
			all = append(all, v)
		}
		for i, text := range hostile {
			st.alive(text, all[i].token, text+"/"+text)
			n := 0
			for info, err := range st.List(t.Context(), text) {
				if err != nil || info.Owner != text {
					t.Errorf("%q: listed %q, %v", text, info.Owner, err)
				}
				n++
			}
			equal(t, "sessions of "+text, n, 1)
		}
		for i, text := range hostile {
			equal(t, "ended sessions of "+text, must(st.RevokeOwner(t.Context(), text))(t), 1)
			st.dead(text, all[i].token)
			equal(t, "records that are left", len(records(t, o.store)), len(hostile)-i-1)
		}
	})
	for _, name := range []string{"a b", "a;b", `a"b`, "a'b", "a`b", "a.b", "a-b", "é", strings.Repeat("a", 49), "a\x00b", "sessions; DROP TABLE users"} {
		for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL, sqlstore.MySQL} {
			for _, cfg := range []sqlstore.Config{{Table: name}, {Schema: strings.Repeat(name, 2)}} {
				if _, err := sqlstore.Migrations(d, cfg); err == nil {
					t.Errorf("%v: the name %q was accepted", d, name)
				}
			}
		}
	}
}

// TestST3RedisCommands watches what the store sends to Redis.
func TestST3RedisCommands(t *testing.T) {
	for _, prefix := range []string{"a b", "{a}", "a*", "a\r\nb", "é", strings.Repeat("a", 65)} {
		if _, err := redisstore.Open(t.Context(), "redis://127.0.0.1:1", prefix); err == nil || !strings.Contains(err.Error(), "Prefix") {
			t.Errorf("the prefix %q: %v, want an error about it", prefix, err)
		}
	}
	o := openRedis(t)
	seen := monitor(t, o.redis)
	st := newSite(t, o.store, func(c *session.Config) { c.TouchEvery = -1 })
	v := st.visitor("")
	v.must("POST", write)
	v.must("POST", login)
	st.clock.Advance(time.Minute)
	v.must("GET", read)
	keys := o.scan(t)
	for _, key := range keys {
		ttl := must(o.redis.PTTL(t.Context(), key).Result())(t)
		if ttl <= 0 {
			t.Errorf("the key %s has no lifetime: %v", key, ttl)
		}
	}
	if len(keys) < 2 {
		t.Errorf("keys %q, want the session and the index of its owner", keys)
	}
	v.must("POST", logout)
	prefix := strings.TrimSuffix(o.keys, "*")
	ours := 0
	for _, line := range seen() {
		_, command, _ := strings.Cut(line, "] ")
		if !strings.Contains(line, prefix) {
			continue
		}
		ours++
		command = strings.ToLower(strings.Trim(strings.SplitN(command, " ", 2)[0], `"`))
		if command == "keys" || command == "scan" && !strings.Contains(line, o.keys) || command == "flushall" || command == "flushdb" {
			t.Errorf("a request sent %s", line)
		}
		// The value and its lifetime are one command, or one script.
		if command == "set" && !strings.Contains(strings.ToLower(line), `"px`) && !strings.Contains(strings.ToLower(line), `"keepttl"`) && !strings.Contains(strings.ToLower(line), `"ex`) {
			t.Errorf("a value without a lifetime: %.200s", line)
		}
	}
	if ours == 0 {
		t.Error("the monitor has seen nothing of the store")
	}
}

// monitor returns a function that returns all commands that the server has got until then.
func monitor(t *testing.T, client *redis.Client) func() []string {
	t.Helper()
	opts := client.Options()
	if opts.Password != "" || opts.TLSConfig != nil {
		t.Fatal("this test needs a server without a password and without TLS")
	}
	conn := must(net.DialTimeout(opts.Network, opts.Addr, time.Minute))(t)
	t.Cleanup(func() { conn.Close() })
	must(0, conn.SetDeadline(time.Now().Add(time.Minute)))(t)
	must(conn.Write([]byte("MONITOR\r\n")))(t)
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "+OK" {
		t.Fatalf("MONITOR: %q, %v", lines.Text(), lines.Err())
	}
	return func() (seen []string) {
		t.Helper()
		const mark = "the audit ends"
		must(client.Echo(t.Context(), mark).Result())(t)
		for lines.Scan() && !strings.Contains(lines.Text(), mark) {
			seen = append(seen, lines.Text())
		}
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
		return seen
	}
}

func TestST4DecodingIsBounded(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v := st.member("ada")
		for name, value := range map[string]any{"2 MiB": strings.Repeat("x", 2<<20), "2000 levels": nested(2000)} {
			w := v.do("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("data", value)
				if !errors.Is(s.Err(), session.ErrTooLarge) {
					t.Errorf("%s: %v, want ErrTooLarge", name, s.Err())
				}
			})
			equal(t, name, w.Code, http.StatusInternalServerError)
		}
		st.alive("what was stored before", v.token, "ada/ada")
	})
	// Whatever the record contains, it decodes to JSON values or to nothing.
	store := memstore.New(memstore.Config{})
	st := newSite(t, store)
	v := st.member("ada")
	id, _ := parts(t, v.token)
	v.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("object", map[string]any{"@type": "os.File", "$type": "System.Diagnostics.Process", "__proto__": map[string]any{"a": 1}})
	})
	good := must(store.Load(t.Context(), id))(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		r := must(store.Load(t.Context(), id))(t)
		r.Data = bytes.Clone(good.Data)
		for range 1 + random.IntN(4) {
			switch i := random.IntN(len(r.Data)); random.IntN(3) {
			case 0:
				r.Data[i] = byte(random.Uint32())
			case 1:
				r.Data = append(r.Data[:i:i], r.Data[i+random.IntN(len(r.Data)-i):]...)
			default:
				r.Data = append(r.Data[:i:i], append([]byte{0xff, 0xff, 0xff, 0xff}, r.Data[i:]...)...)
			}
			if len(r.Data) == 0 {
				r.Data = []byte{0}
			}
		}
		must(0, store.Update(t.Context(), r))(t)
		if s := must(st.Load(t.Context(), session.Token(v.token)))(t); !s.IsNew() && !bytes.Equal(r.Data, good.Data) {
			t.Fatalf("a damaged record decodes: %q", r.Data)
		}
	}
	r := must(store.Load(t.Context(), id))(t)
	r.Data = good.Data
	must(0, store.Update(t.Context(), r))(t)
	for _, value := range must(st.Load(t.Context(), session.Token(v.token)))(t).All() {
		switch value.(type) {
		case nil, bool, string, float64, int64, []any, map[string]any:
		default:
			if got := fmt.Sprintf("%T", value); got != "json.Number" {
				t.Errorf("a value of the type %s was built", got)
			}
		}
	}
}

func nested(levels int) any {
	var v any = "end"
	for range levels {
		v = []any{v}
	}
	return v
}

func TestST6ApplicationsAreSeparate(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		a := newSite(t, o.store, func(c *session.Config) { c.Application = "a" })
		others := map[string]*site{
			"another application": newSite(t, o.store, func(c *session.Config) { c.Application = "b" }),
			"no application":      newSite(t, o.store),
			"another cookie":      newSite(t, o.store, func(c *session.Config) { c.Cookie.Name = "b" }),
		}
		v := a.member("ada")
		for name, b := range others {
			b.dead(name, v.token)
			if strings.Contains(name, "application") {
				for info, err := range b.List(t.Context(), "ada") {
					t.Errorf("%s lists %v, %v", name, info, err)
				}
				equal(t, name+" ends", must(b.RevokeOwner(t.Context(), "ada"))(t), 0)
			}
		}
		a.alive("the application itself", v.token, "ada/ada")
	})
}

// TestST7OneContract runs the clauses of the four methods of a store. The tests of the stores run
// all of them.
func TestST7OneContract(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		n := 0
		for _, clause := range storecheck.Clauses() {
			method, _, _ := strings.Cut(clause.Name, "/")
			if clause.Needs != 0 || !slices.Contains([]string{"Load", "Create", "Update", "Delete"}, method) {
				continue
			}
			if err := clause.Check(t.Context(), storecheck.Env{Store: o.store}); err != nil {
				t.Error(err)
			}
			n++
		}
		if n < 10 {
			t.Errorf("only %d clauses ran", n)
		}
	})
}

func TestST8NullStore(t *testing.T) {
	st := newSite(t, session.Discard)
	for _, h := range []handler{read, write, login, regenerate, logout} {
		v := st.visitor("")
		w := v.must("POST", h)
		equal(t, "cookies", len(w.Header()["Set-Cookie"]), 0)
	}
	st.dead("an invented token", invented())
	equal(t, "records", len(records(t, session.Discard)), 0)
}
