package readercheck

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// A variant is a manager's settings, and what a reader has to know of them.
type variant struct {
	cfg            session.Config
	scopes         []string
	idle, absolute time.Duration
}

func variants() []variant {
	const day = 24 * time.Hour
	dual := session.CookieConfig{DangerouslyAllowHTTP: true, IsHTTPS: func(r *http.Request) bool { return r.TLS != nil }}
	domain := session.CookieConfig{Name: "sid", DangerouslyDropHostPrefix: true, Domain: ".Example.com", Path: "/shop"}
	frame := session.CookieConfig{SameSite: http.SameSiteNoneMode, DangerouslyAllowCrossSite: true, Partitioned: true}
	app := session.TransportConfig{Header: "X-Session-Token", HeaderOnly: true}
	both := session.TransportConfig{Header: "X-Session-Token"}
	return []variant{
		{session.Config{}, []string{"__Host-session"}, 2 * time.Hour, day},
		{session.Config{Cookie: domain, Application: "shop"}, []string{"__Secure-sid\x00example.com\x00/shop\x00false\x00application\x00shop"}, 2 * time.Hour, day},
		{session.Config{Cookie: frame, IdleTimeout: 3 * day}, []string{"__Host-session\x00\x00/\x00true"}, 3 * day, 3 * day},
		{session.Config{Cookie: dual, Transport: both, RotateEvery: 15 * time.Minute}, []string{"__Host-session", "session", "\x00header\x00session"}, 2 * time.Hour, day},
		{session.Config{Transport: app, Application: "phone"}, []string{"\x00header\x00session\x00application\x00phone"}, 2 * time.Hour, day},
		// The scope of the first one, with other limits: what it judges, others have written.
		{session.Config{IdleTimeout: 10 * time.Minute, AbsoluteTimeout: time.Hour}, []string{"__Host-session"}, 10 * time.Minute, time.Hour},
		{session.Config{IdleTimeout: -1, AbsoluteTimeout: -1}, []string{"__Host-session"}, -1, -1},
	}
}

// A generator stores sessions, and collects tokens of them, of which many are no longer valid.
type generator struct {
	tb     testing.TB
	r      *rand.Rand
	store  session.Store
	clock  *sessiontest.Clock
	tokens []session.Token

	outcome string // of the last load
}

// walk stores a session of a manager, changes it, and keeps all its tokens. It returns the last one.
func (g *generator) walk(m *session.Manager, steps ...func(*session.Session)) (token session.Token) {
	ctx := context.Background()
	for _, step := range steps {
		s, err := m.Load(ctx, token)
		if err != nil {
			g.tb.Fatal(err)
		}
		step(s)
		if m.TokenHeader() != "" {
			next, changed, err := m.CommitToken(ctx, s)
			if err != nil {
				g.tb.Fatal(err)
			}
			if changed {
				token = next
			}
		} else if c, err := m.Commit(ctx, s); err != nil {
			g.tb.Fatal(err)
		} else if c != nil {
			token = session.Token(c.Value)
		}
		if token != "" {
			g.tokens = append(g.tokens, token)
		}
		g.clock.Advance(pick(g.r, 0, time.Nanosecond, time.Second, 10*time.Second, time.Minute, 16*time.Minute))
	}
	return token
}

// walks stores some sessions that are hard to judge, and many others.
func (g *generator) walks(ms []*session.Manager) {
	write := func(s *session.Session) { s.Set("k", 1) }
	login := func(s *session.Session) { s.Login("ana") }
	g.walk(ms[0], login, func(s *session.Session) { s.SetTimeouts(30*24*time.Hour, 0) }) // raises the absolute timeout
	g.walk(ms[0], write, write, func(s *session.Session) { s.SetTimeouts(-1, time.Hour); s.Login("ana") })
	g.walk(ms[0], login, (*session.Session).Confirm, (*session.Session).Regenerate)
	g.walk(ms[0], login, (*session.Session).Invalidate)
	g.replace(g.walk(ms[0], write), func(r *session.Record) { r.Data[len(r.Data)-2] ^= 1 }) // {"k":0}
	for i := range 5 * len(ms) {
		steps := make([]func(*session.Session), 1+g.r.IntN(6))
		for i := range steps {
			steps[i] = g.change
		}
		g.replace(g.walk(ms[i%len(ms)], steps...), g.edit)
	}
}

// open returns the manager of a variant. Nobody closes it, because that would close the store.
func (g *generator) open(v variant) *session.Manager {
	v.cfg.Now, v.cfg.PruneEvery, v.cfg.Logger = g.clock.Now, -1, slog.New(slog.DiscardHandler)
	v.cfg.OnEvent = func(_ context.Context, e session.Event) {
		if e.Op == session.OpLoad {
			g.outcome = string(e.Outcome)
		}
	}
	m, err := session.New(g.store, v.cfg)
	if err != nil {
		g.tb.Fatal(err)
	}
	return m
}

func (g *generator) change(s *session.Session) {
	s.Set(pick(g.r, "a", "b.c", `dotted\.key`, "用户.ключ", "b.d.e"), pick[any](g.r, nil, true, "", `ü 🎉 <>&"\/`+"\u2028", -1, 1<<60, 0.1, 1e300,
		[]any{}, map[string]any{}, []int{1, 2}, map[string]any{"0": 1, "1": []any{map[string]any{}, nil}}, strings.Repeat("long ", 50)))
	switch g.r.IntN(9) {
	case 0, 1:
		s.Login(pick(g.r, "ana", "Zoë", "用户-42", strings.Repeat("o", session.MaxOwner)))
	case 2:
		s.Regenerate()
	case 3:
		s.SetTimeouts(pick(g.r, 0, 5*time.Minute, -1, 3*time.Hour, 30*24*time.Hour), pick[time.Duration](g.r, 0, time.Hour, -1))
	case 4:
		s.Flash("status", "Saved.")
		s.SetPersistent(g.r.IntN(2) == 0)
	case 5:
		s.AddFlash("list", 1, 2)
		if s.Owner() != "" {
			s.Confirm()
		}
	case 6:
		if g.r.IntN(2) == 0 {
			s.Invalidate()
		}
	}
}

// edit gives the record of a token a client, and may damage it.
func (g *generator) edit(r *session.Record) {
	r.Client = session.Client{Address: pick(g.r, "", "192.0.2.1", "2001:db8::1"), UserAgent: strings.Repeat("U", g.r.IntN(300))}
	switch n := len(r.Data); g.r.IntN(20) {
	case 0:
		r.Data[g.r.IntN(n)] ^= 1 << g.r.IntN(8)
	case 1:
		r.Data = r.Data[:g.r.IntN(n)]
	case 2:
		r.Data[1] = 2
	}
}

// replace changes the record of a token in the store, if there is one.
func (g *generator) replace(t session.Token, change func(*session.Record)) {
	ctx := context.Background()
	rec, err := g.store.Load(ctx, idOf(t))
	if err != nil {
		return // the session has ended
	}
	rec.Data = slices.Clone(rec.Data)
	change(&rec)
	if err := g.store.Update(ctx, rec); err != nil {
		g.tb.Fatal(err)
	}
}

// forge adds tokens that no manager has made.
func (g *generator) forge() {
	text, other := string(g.tokens[0]), string(g.tokens[len(g.tokens)-1])
	swap := func(i int) string {
		c := "A"
		if text[i] == 'A' {
			c = "B"
		}
		return text[:i] + c + text[i+1:]
	}
	for _, t := range []string{
		"", "A", text[:63], text + "A", text + "=", text + "\n", "\n" + text, text[:63] + "\n", " " + text[1:], text[:40] + "+" + text[41:],
		text[:40] + "/" + text[41:], text[:62] + "==", text[:62] + "é", strings.Repeat("A", 64), strings.Repeat("A", 21) + text[21:], "../../" + text[6:],
		swap(0), swap(63), text[:24] + other[24:], other[:24] + text[24:],
	} {
		g.tokens = append(g.tokens, session.Token(t))
	}
}

// idOf returns the ID in a token, or the zero ID.
func idOf(t session.Token) (id session.ID) {
	raw, err := base64.RawURLEncoding.DecodeString(string(t))
	if err == nil && len(raw) == 48 {
		copy(id[:], raw)
	}
	return id
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// verdict returns what a manager says about a token, in the words of the readers.
func (g *generator) verdict(m *session.Manager, t session.Token, rec *session.Record) map[string]any {
	g.outcome = "malformed" // without an event of a load
	s, err := m.Load(context.Background(), t)
	if err != nil {
		g.tb.Fatal(err)
	}
	if g.outcome != "found" {
		return map[string]any{"outcome": g.outcome}
	}
	login := "0"
	if at := s.AuthenticatedAt(); !at.IsZero() {
		login = fmt.Sprint(at.UnixNano())
	}
	return map[string]any{
		"outcome": g.outcome, "owner": s.Owner(), "created": fmt.Sprint(rec.CreatedAt.UnixNano()),
		"authenticated": login, "expires": fmt.Sprint(s.ExpiresAt().UnixNano()), "document": s.All(),
	}
}
