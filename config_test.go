package session_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

const tooLong = 400*24*time.Hour + 1

// mistakes returns the fields that New rejects, sorted.
func mistakes(t *testing.T, cfg session.Config) []string {
	t.Helper()
	m, err := session.New(newSpyStore(), cfg)
	if (m == nil) != (err != nil) {
		t.Errorf("New = %v, %v", m, err)
	}
	var fields []string
	joined, _ := err.(interface{ Unwrap() []error })
	if err != nil && joined == nil {
		t.Fatalf("error %v is not a join", err)
	}
	if joined != nil {
		for _, e := range joined.Unwrap() {
			var c *session.ConfigError
			if !errors.As(e, &c) {
				t.Errorf("%v is no ConfigError", e)
				continue
			}
			fields = append(fields, c.Field)
			if !strings.HasPrefix(c.Error(), "session: Config."+c.Field) || c.Reason == "" {
				t.Errorf("text: %q", c)
			}
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// TestConfigMistakes: New rejects each mistake by its field, and accepts the
// correction.
func TestConfigMistakes(t *testing.T) {
	type cookie = session.CookieConfig
	tests := []struct {
		name string
		bad  session.Config
		want string
		good session.Config
	}{
		{"path of a __Host- cookie", session.Config{Cookie: cookie{Path: "/app"}}, "Cookie.Path",
			session.Config{Cookie: cookie{Path: "/app", DangerouslyDropHostPrefix: true}}},
		{"domain of a __Host- cookie", session.Config{Cookie: cookie{Domain: "example.com"}}, "Cookie.Domain",
			session.Config{Cookie: cookie{Domain: "example.com", DangerouslyDropHostPrefix: true}}},
		{"domain that is none", session.Config{Cookie: cookie{Domain: "exa mple", DangerouslyDropHostPrefix: true}}, "Cookie.Domain",
			session.Config{Cookie: cookie{Domain: ".example.com", DangerouslyDropHostPrefix: true}}},
		{"address as domain", session.Config{Cookie: cookie{Domain: "127.0.0.1", DangerouslyAllowHTTP: true}}, "Cookie.Domain",
			session.Config{Cookie: cookie{DangerouslyAllowHTTP: true}}},
		{"path that injects", session.Config{Cookie: cookie{Path: "/; Secure", DangerouslyDropHostPrefix: true}}, "Cookie.Path",
			session.Config{Cookie: cookie{Path: "/Secure", DangerouslyDropHostPrefix: true}}},
		{"relative path", session.Config{Cookie: cookie{Path: "app", DangerouslyDropHostPrefix: true}}, "Cookie.Path",
			session.Config{Cookie: cookie{Path: "/"}}},
		{"__Host- without TLS", session.Config{Cookie: cookie{Name: "__Host-id", DangerouslyAllowHTTP: true}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "id", DangerouslyAllowHTTP: true}}},
		{"__host- in another case", session.Config{Cookie: cookie{Name: "__hOsT-id", DangerouslyAllowHTTP: true}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "__hOsT-id"}}},
		{"__Secure- where __Host- is", session.Config{Cookie: cookie{Name: "__Secure-id"}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "__Secure-id", DangerouslyDropHostPrefix: true}}},
		{"__Host-Http- that scripts may read", session.Config{Cookie: cookie{Name: "__Host-Http-id", DangerouslyAllowScript: true}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "__Host-Http-id"}}},
		{"__Http- that scripts may read", session.Config{Cookie: cookie{Name: "__Http-id", DangerouslyDropHostPrefix: true, DangerouslyAllowScript: true}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "__Http-id", DangerouslyDropHostPrefix: true}}},
		{"name with a space", session.Config{Cookie: cookie{Name: "my session"}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "my_session"}}},
		{"name that injects", session.Config{Cookie: cookie{Name: "a=b; x"}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: "a-b"}}},
		{"long name", session.Config{Cookie: cookie{Name: strings.Repeat("n", 5000)}}, "Cookie.Name",
			session.Config{Cookie: cookie{Name: strings.Repeat("n", 100)}}},
		{"SameSite None", session.Config{Cookie: cookie{SameSite: http.SameSiteNoneMode}}, "Cookie.SameSite",
			session.Config{Cookie: cookie{SameSite: http.SameSiteNoneMode, DangerouslyAllowCrossSite: true}}},
		{"SameSite None without TLS", session.Config{Cookie: cookie{SameSite: http.SameSiteNoneMode, DangerouslyAllowCrossSite: true, DangerouslyAllowHTTP: true}}, "Cookie.SameSite",
			session.Config{Cookie: cookie{SameSite: http.SameSiteStrictMode, DangerouslyAllowHTTP: true}}},
		{"SameSite of no kind", session.Config{Cookie: cookie{SameSite: 17}}, "Cookie.SameSite", session.Config{}},
		{"SameSite left to the browser", session.Config{Cookie: cookie{SameSite: http.SameSiteDefaultMode}}, "Cookie.SameSite", session.Config{}},
		{"Partitioned without SameSite None", session.Config{Cookie: cookie{Partitioned: true}}, "Cookie.Partitioned",
			session.Config{Cookie: cookie{Partitioned: true, SameSite: http.SameSiteNoneMode, DangerouslyAllowCrossSite: true}}},
		{"absolute above 400 days", session.Config{AbsoluteTimeout: tooLong}, "AbsoluteTimeout",
			session.Config{AbsoluteTimeout: tooLong - 1}},
		{"idle above 400 days", session.Config{IdleTimeout: tooLong, AbsoluteTimeout: -1}, "IdleTimeout",
			session.Config{IdleTimeout: -1, AbsoluteTimeout: -1}},
		{"idle above absolute", session.Config{IdleTimeout: 2 * time.Hour, AbsoluteTimeout: time.Hour}, "IdleTimeout",
			session.Config{IdleTimeout: time.Hour, AbsoluteTimeout: time.Hour}},
		{"touched too seldom", session.Config{TouchEvery: 2 * time.Hour}, "TouchEvery",
			session.Config{TouchEvery: 2*time.Hour - 1}},
		{"rotation within the grace", session.Config{RotateEvery: 30 * time.Second}, "RotateEvery",
			session.Config{RotateEvery: 31 * time.Second}},
		{"rotation without a grace", session.Config{RotateEvery: time.Hour, Grace: -1}, "Grace",
			session.Config{Grace: -1}},
		{"origin with a path", session.Config{TrustedOrigins: []string{"https://a.example/x"}}, "TrustedOrigins",
			session.Config{TrustedOrigins: []string{"https://a.example:8443"}}},
		{"origin without scheme", session.Config{TrustedOrigins: []string{"a.example"}}, "TrustedOrigins",
			session.Config{TrustedOrigins: []string{"http://a.example"}}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			equal(t, "mistakes", strings.Join(mistakes(t, c.bad), " "), c.want)
			equal(t, "mistakes left", strings.Join(mistakes(t, c.good), " "), "")
		})
	}
}

// TestAllMistakesAtOnce: New reports all mistakes at once, including a missing store.
func TestAllMistakesAtOnce(t *testing.T) {
	cfg := session.Config{
		Cookie: session.CookieConfig{
			Name: "__Secure-x y", Path: "app", Domain: "-", SameSite: http.SameSiteNoneMode, Partitioned: true, DangerouslyAllowHTTP: true,
		},
		IdleTimeout: tooLong, AbsoluteTimeout: time.Hour, TouchEvery: 2 * tooLong, RotateEvery: 1,
		TrustedOrigins: []string{"*", "https://fine.example"},
	}
	want := "Cookie.Domain Cookie.Name Cookie.Partitioned Cookie.Path Cookie.SameSite IdleTimeout RotateEvery TouchEvery TrustedOrigins"
	equal(t, "mistakes", strings.Join(mistakes(t, cfg), " "), want)
	if _, err := session.New(nil, cfg); err == nil || !strings.Contains(err.Error(), "session.Discard") || !strings.Contains(err.Error(), "Cookie.Name") {
		t.Errorf("New(nil) = %v, want the store and all other mistakes", err)
	}
}

// TestDefaults checks the defaults that the documentation of Config gives.
func TestDefaults(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	rec := g.spy.all()[0]
	equal(t, "idle timeout", rec.ExpiresAt.Sub(rec.CreatedAt), 2*time.Hour)
	equal(t, "client", rec.Client, session.Client{Address: "192.0.2.1"})
	g.clock.Advance(6 * time.Minute)
	g.visit(b, read)
	equal(t, "touched after six minutes", g.spy.taken(), "load touch")
	equal(t, "cookie", g.CookieName(), "__Host-session")
	fill := 1<<20 - len(`{"data":"x","big":""}`)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("big", strings.Repeat("x", fill))
	}).expect(t, http.StatusOK, 0)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("one", 1) }).expect(t, http.StatusInternalServerError, 0)
}

// TestClient: the client is recorded as the application returns it, truncated to what
// every store can keep.
func TestClient(t *testing.T) {
	tests := map[string]struct {
		client func(*http.Request) session.Client
		want   session.Client
	}{
		"default": {nil, session.Client{Address: "192.0.2.1", UserAgent: "Test/1.0"}},
		"none":    {session.NoClient, session.Client{}},
		"proxy": {func(r *http.Request) session.Client {
			return session.Client{Address: r.Header.Get("X-Real-Ip")}
		}, session.Client{Address: "2001:db8::1"}},
		"hostile": {func(*http.Request) session.Client {
			return session.Client{Address: strings.Repeat("9", 65), UserAgent: "a\x00b\xff" + strings.Repeat("é", 300)}
		}, session.Client{Address: strings.Repeat("9", 64), UserAgent: "ab" + strings.Repeat("é", 248)}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(cfg *session.Config) { cfg.Client = c.client })
			b := newBrowser()
			b.header.Set("User-Agent", "Test/1.0")
			b.header.Set("X-Real-Ip", "2001:db8::1")
			b.header.Set("X-Forwarded-For", "6.6.6.6")
			g.visit(b, write)
			equal(t, "client", g.spy.all()[0].Client, c.want)
		})
	}
}

// TestClosed: after Close, no session is loaded or stored, and the error says why.
func TestClosed(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	s, err := g.Load(t.Context(), session.Token(g.token(b)))
	if err != nil {
		t.Fatal(err)
	}
	s.Set("late", 1)
	for range 2 {
		if err := g.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	g.spy.taken()
	errs := map[string]error{}
	_, errs["Load"] = g.Load(t.Context(), "")
	_, errs["Commit"] = g.Commit(t.Context(), s)
	errs["Revoke"] = g.Revoke(t.Context(), s.ID())
	_, errs["RevokeOwner"] = g.RevokeOwner(t.Context(), "ada")
	_, errs["Show"] = g.Info(t.Context(), s.ID())
	for _, err := range g.ListAll(t.Context()) {
		errs["List"] = err
	}
	b.send(g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, errs["From"] = session.From(r.Context())
	}))).expect(t, http.StatusOK, 0)
	for _, name := range []string{"Load", "Commit", "Revoke", "RevokeOwner", "Show", "List", "From"} {
		if !errors.Is(errs[name], session.ErrClosed) || !strings.Contains(errs[name].Error(), "close it only after") {
			t.Errorf("%s after Close: %v, want ErrClosed and its remedy", name, errs[name])
		}
	}
	rep := g.visit(b, read)
	rep.expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "store calls", g.spy.taken(), "")
}

// TestSweeper: the sweeper starts with the first session, not with New, and ends with
// Close.
func TestSweeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		m, err := session.New(store, session.Config{PruneEvery: time.Minute, IdleTimeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		s, _ := m.Load(t.Context(), "")
		s.Set("a", 1)
		if _, err := m.Commit(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Hour - time.Minute) // on the fake clock
		equal(t, "records before the slack is over", store.Len(), 1)
		time.Sleep(3 * time.Minute)
		equal(t, "records after it", store.Len(), 0)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	// A manager that created no session runs no goroutine; otherwise synctest would
	// fail here.
	synctest.Test(t, func(t *testing.T) {
		if _, err := session.New(memstore.New(memstore.Config{}), session.Config{}); err != nil {
			t.Error(err)
		}
	})
}

// TestTransportFree uses Load, NewContext and Commit without a request.
func TestTransportFree(t *testing.T) {
	g := newRig(t)
	s, err := g.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := session.NewContext(t.Context(), s)
	for _, from := range []func(context.Context) (*session.Session, error){session.From, g.From} {
		if got, err := from(ctx); got != s || err != nil {
			t.Errorf("From = %p, %v, want %p", got, err, s)
		}
	}
	if _, err := newRig(t).From(ctx); !errors.Is(err, session.ErrNoSession) {
		t.Errorf("another manager's From = %v, want ErrNoSession", err)
	}
	var tokens []string
	for i := range 3 {
		s.Append("list", i)
		c, err := g.Commit(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		if c != nil {
			tokens = append(tokens, c.Value)
		}
	}
	equal(t, "cookies", len(tokens), 1)
	if got := g.data(t, tokens[0])["list"]; !slices.Equal(got.([]any), []any{int64(0), int64(1), int64(2)}) {
		t.Errorf("list = %v", got)
	}
	if _, err := newRig(t).Commit(ctx, s); err == nil {
		t.Error("Commit of another manager's session: no error")
	}
}

// A plainStore has the four methods of Store and, if needed, List.
type plainStore struct{ spy *spyStore }

func (s plainStore) Load(ctx context.Context, id session.ID) (session.Record, error) {
	return s.spy.Load(ctx, id)
}
func (s plainStore) Create(ctx context.Context, r session.Record) error { return s.spy.Create(ctx, r) }
func (s plainStore) Update(ctx context.Context, r session.Record) error { return s.spy.Update(ctx, r) }
func (s plainStore) Delete(ctx context.Context, id session.ID) error    { return s.spy.Delete(ctx, id) }

type listingStore struct{ plainStore }

func (s listingStore) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.spy.List(ctx)
}

// A wrapper implements no optional interface, and unwraps to another store.
type wrapper struct{ plainStore }

func (w wrapper) Unwrap() session.Store { return w.spy }

// TestFallbacks: without an optional interface of the store, the manager uses a
// fallback, or an error says that there is none.
func TestFallbacks(t *testing.T) {
	spy := newSpyStore()
	tests := map[string]struct {
		store  session.Store
		touch  string // the store calls of a request that extends the session
		pruned int
		lists  bool
	}{
		"four methods": {plainStore{spy}, "load load update", 0, false},
		"and a list":   {listingStore{plainStore{spy}}, "load load update", 3, true},
		"wrapped":      {wrapper{plainStore{spy}}, "load touch", 3, true},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			clear(spy.records)
			g := newRigOn(t, c.store)
			var browsers []*browser
			for range 3 {
				b := newBrowser()
				g.visit(b, login)
				browsers = append(browsers, b)
			}
			spy.taken()
			g.clock.Advance(time.Hour)
			g.visit(browsers[0], read).expect(t, http.StatusOK, 0)
			equal(t, "store calls", spy.taken(), c.touch)
			g.clock.Advance(2*time.Hour - 1)
			equal(t, "values: extended", g.visit(browsers[0], func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				equal(t, "owner", s.Owner(), "ada")
			}).Code, http.StatusOK)

			listed := 0
			for _, err := range g.List(t.Context(), "ada") {
				if err == nil {
					listed++
				} else if c.lists || !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("List: %v", err)
				}
			}
			equal(t, "listed", listed, map[bool]int{true: 1, false: 0}[c.lists])
			g.clock.Advance(10 * time.Hour)
			n, err := g.Prune(t.Context())
			equal(t, "pruned", n, c.pruned)
			equal(t, "Prune is not supported", errors.Is(err, errors.ErrUnsupported), !c.lists)
		})
	}
}

// TestAdministration checks what a session's owner and an administrator can see.
func TestAdministration(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "mine")
	g.clock.Advance(time.Minute)
	g.visit(b, login)
	g.signedUp(t, "anonymous")
	var infos []session.Info
	for i, err := range g.List(t.Context(), "ada") {
		if err != nil {
			t.Fatal(err)
		}
		infos = append(infos, i)
	}
	if len(infos) != 1 {
		t.Fatalf("ada's sessions: %v", infos)
	}
	i := infos[0]
	equal(t, "owner", i.Owner, "ada")
	equal(t, "authenticated", i.AuthenticatedAt, g.clock.Now())
	equal(t, "created", i.CreatedAt, g.clock.Now().Add(-time.Minute))
	equal(t, "document", string(i.Document()), `{"data":"mine"}`)
	equal(t, "bytes", i.Bytes, len(i.Document()))
	i.Document()[2] = 'X'
	equal(t, "document, after a copy was changed", string(i.Document()), `{"data":"mine"}`)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "AuthenticatedAt", s.AuthenticatedAt(), g.clock.Now())
		equal(t, "ID", s.ID(), i.ID)
	})
	id, err := session.ParseID(i.ID.String())
	if err != nil || id != i.ID {
		t.Errorf("ParseID = %v, %v, want %v", id, err, i.ID)
	}
	if shown, err := g.Info(t.Context(), id); err != nil || shown.Version != i.Version {
		t.Errorf("Show = %v, %v", shown, err)
	}
	for _, bad := range []string{"", "0", strings.Repeat("g", 32), i.ID.String() + "0"} {
		var other session.ID
		if _, err := session.ParseID(bad); err == nil || other.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("ParseID(%q): no error", bad)
		}
	}
	if n, err := g.RevokeOwner(t.Context(), ""); n != 0 || err == nil {
		t.Errorf("RevokeOwner of nobody = %d, %v, want an error: anonymous sessions are not one person's", n, err)
	}
	g.kinds()
	for range 2 {
		if err := g.Revoke(t.Context(), id); err != nil {
			t.Errorf("Revoke: %v", err)
		}
	}
	if _, err := g.Info(t.Context(), id); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Show of a revoked session: %v", err)
	}
	equal(t, "records", len(g.spy.all()), 1)
}

// TestStoreTimeout: StoreTimeout limits the load and the commit separately, whatever
// the client does.
func TestStoreTimeout(t *testing.T) {
	for _, op := range []string{"load", "update", "create"} {
		synctest.Test(t, func(t *testing.T) {
			spy := newSpyStore()
			store := &patientStore{plainStore: plainStore{spy}}
			g := newRigOn(t, store, func(c *session.Config) { c.StoreTimeout = 3 * time.Second })
			b := g.signedUp(t, "mine")
			if op == "create" {
				b = newBrowser()
			}
			store.stuck = op
			start := time.Now()
			g.visit(b, write).expect(t, http.StatusServiceUnavailable, 0)
			equal(t, op+": time", time.Since(start), 3*time.Second)
			store.stuck = ""
			equal(t, op+": data", g.data(t, g.token(b))["data"] == any("late"), false)
		})
	}
}

// A patientStore waits in one of its methods until its context ends.
type patientStore struct {
	plainStore
	stuck string
}

func (s *patientStore) wait(ctx context.Context, op string) error {
	if s.stuck != op {
		return nil
	}
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("no deadline")
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *patientStore) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if err := s.wait(ctx, "load"); err != nil {
		return session.Record{}, err
	}
	return s.plainStore.Load(ctx, id)
}

func (s *patientStore) Create(ctx context.Context, r session.Record) error {
	if err := s.wait(ctx, "create"); err != nil {
		return err
	}
	return s.plainStore.Create(ctx, r)
}

func (s *patientStore) Update(ctx context.Context, r session.Record) error {
	if err := s.wait(ctx, "update"); err != nil {
		return err
	}
	return s.plainStore.Update(ctx, r)
}
