package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// lawManager returns a manager and a function that advances its clock.
func lawManager(t *testing.T, store session.Store, cfg session.Config) (*session.Manager, func(time.Duration)) {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg.Now, cfg.PruneEvery = func() time.Time { return now }, -1
	m, err := session.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m, func(d time.Duration) { now = now.Add(d) }
}

func commitOf(t *testing.T, m *session.Manager, s *session.Session) *http.Cookie {
	t.Helper()
	c, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLawL1TouchDoesNotRevive: a request that lasts longer than the session must not
// revive it, whatever the limits were when the request began.
func TestLawL1TouchDoesNotRevive(t *testing.T) {
	for name, touchEvery := range map[string]time.Duration{"default": 0, "every request": -1} {
		t.Run(name, func(t *testing.T) {
			m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{TouchEvery: touchEvery})
			token := stored(t, m, func(s *session.Session) { s.Set("k", 1) })
			advance(time.Second)
			stream := load(t, m, token)
			login := load(t, m, token)
			login.Login("admin")
			login.Set("secret", 42)
			login.SetTimeouts(10*time.Minute, 0)
			token = session.Token(commitOf(t, m, login).Value)
			advance(time.Hour)
			if !load(t, m, token).IsNew() {
				t.Fatal("the session has not expired")
			}
			commitOf(t, m, stream)
			if s := load(t, m, token); !s.IsNew() || s.Has("secret") {
				t.Error("a touch has revived the session")
			}
		})
	}
}

// TestLawL1TouchKeepsNewLimits: a long request that ends in time extends the session by
// the limits that are stored, not by those that it loaded.
func TestLawL1TouchKeepsNewLimits(t *testing.T) {
	m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{TouchEvery: -1})
	token := stored(t, m, func(s *session.Session) { s.Set("k", 1) })
	advance(time.Second)
	stream := load(t, m, token)
	other := load(t, m, token)
	other.SetTimeouts(10*time.Minute, 0)
	commitOf(t, m, other)
	advance(5 * time.Minute)
	commitOf(t, m, stream)
	advance(9 * time.Minute)
	if load(t, m, token).IsNew() {
		t.Error("the touch has not extended the session")
	}
	advance(2 * time.Minute)
	if !load(t, m, token).IsNew() {
		t.Error("the session lives longer than its own limits")
	}
}

// TestLawL2TwoRotationsWithinTheGrace: every token that was replaced within the grace
// period is recognised, so a concurrent request with such a token does not start a new
// session.
func TestLawL2TwoRotationsWithinTheGrace(t *testing.T) {
	m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
	tokens := []session.Token{stored(t, m, func(s *session.Session) { s.Set("k", 1) })}
	for i := range 4 {
		advance(time.Second)
		s := load(t, m, tokens[i])
		if i == 0 {
			s.Login("ada")
		} else {
			s.Regenerate()
		}
		tokens = append(tokens, session.Token(commitOf(t, m, s).Value))
	}
	for i, token := range tokens[:4] {
		late := load(t, m, token)
		late.Set("seen", true)
		if c, err := m.Commit(t.Context(), late); c != nil || !errors.Is(err, session.ErrEnded) {
			t.Errorf("token %d: cookie %v, error %v; want ErrEnded", i, c != nil, err)
		}
	}
	if load(t, m, tokens[4]).Owner() != "ada" {
		t.Error("the current token does not work")
	}
	advance(time.Minute)
	late := load(t, m, tokens[0])
	late.Set("seen", true)
	if c := commitOf(t, m, late); c == nil {
		t.Error("after the grace, the old token is unknown, but starts no new session")
	}
}

// TestLawL3NoFailureFromAnOldRecord: a commit that fails on the record that its process has
// kept looks at the newest one before it says so.
func TestLawL3NoFailureFromAnOldRecord(t *testing.T) {
	store := memstore.New(memstore.Config{})
	m, _ := lawManager(t, store, session.Config{MaxBytes: 120})
	elsewhere, _ := lawManager(t, store, session.Config{MaxBytes: 120})
	token := stored(t, m, func(s *session.Session) { s.Set("k", 1) })
	late, one, other := load(t, m, token), load(t, m, token), load(t, m, token)
	one.Set("k", 2)
	commitOf(t, m, one)
	other.Set("a", strings.Repeat("x", 80)) // after a conflict, so the process keeps this record
	commitOf(t, m, other)
	removal := load(t, elsewhere, token)
	removal.Remove("a")
	commitOf(t, elsewhere, removal)
	late.Append("b", strings.Repeat("y", 40)) // which has no room beside "a"
	if _, err := m.Commit(t.Context(), late); err != nil {
		t.Errorf("Commit = %v", err)
	}
	if !load(t, m, token).Has("b") {
		t.Error("the write is lost")
	}
}

// TestLawL3EndedIsNoOtherError: what fails on an old record of a session that has expired
// meanwhile is answered like any write to a session that has ended, and a login begins a new
// session.
func TestLawL3EndedIsNoOtherError(t *testing.T) {
	for _, login := range []bool{false, true} {
		store := memstore.New(memstore.Config{})
		m, advance := lawManager(t, store, session.Config{})
		elsewhere, advanceElsewhere := lawManager(t, store, session.Config{})
		token := stored(t, m, func(s *session.Session) { s.Set("k", 1) })
		late, other, limits := load(t, m, token), load(t, m, token), load(t, elsewhere, token)
		other.Set("list", "none")
		commitOf(t, m, other)
		late.Set("k", 2)
		commitOf(t, m, late)
		limits.SetTimeouts(10*time.Minute, 0)
		commitOf(t, elsewhere, limits)
		advance(time.Hour)
		advanceElsewhere(time.Hour)
		late.Append("list", 1) // late has not seen what other has stored there
		if login {
			late.Login("ada")
		}
		if _, err := m.Commit(t.Context(), late); login != (err == nil) || !login && !errors.Is(err, session.ErrEnded) {
			t.Errorf("login %v: Commit = %v", login, err)
		}
	}
}

// TestLawL6RotationAfterTheGrace: a request whose token was replaced by a periodic
// rotation may store data for as long as it lasts, but it gets a new token only within
// the grace period.
func TestLawL6RotationAfterTheGrace(t *testing.T) {
	for _, after := range []time.Duration{30 * time.Second, 9 * time.Minute} {
		m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{RotateEvery: 10 * time.Minute, Grace: time.Minute})
		old := stored(t, m, func(s *session.Session) { s.Login("ada") })
		advance(11 * time.Minute)
		s := load(t, m, old)
		thief, writer := load(t, m, old), load(t, m, old)
		s.Set("a", 1)
		token := session.Token(commitOf(t, m, s).Value)
		advance(after)
		writer.Set("w", 1)
		if c := commitOf(t, m, writer); c != nil {
			t.Errorf("%v: a write with a replaced token got a new one", after)
		}
		thief.Regenerate()
		c, err := m.Commit(t.Context(), thief)
		if within := after < time.Minute; within != (err == nil) || within != (c != nil) || !within && !errors.Is(err, session.ErrEnded) {
			t.Errorf("%v: Regenerate = %v, %v", after, c != nil, err)
		}
		if alive := load(t, m, token).Owner() == "ada"; alive != (after > time.Minute) {
			t.Errorf("%v: the current token works: %v", after, alive)
		}
	}
}

// TestLawL6RotationAfterTheGraceIsNoOtherError: whatever else stands in the way of such a
// request, it is answered like one whose session has ended.
func TestLawL6RotationAfterTheGraceIsNoOtherError(t *testing.T) {
	m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{RotateEvery: 10 * time.Minute, Grace: time.Minute})
	old := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
	advance(11 * time.Minute)
	other, late := load(t, m, old), load(t, m, old)
	other.Set("list", "none")
	commitOf(t, m, other)
	advance(2 * time.Minute)
	late.Append("list", 1)
	late.Regenerate()
	if _, err := m.Commit(t.Context(), late); !errors.Is(err, session.ErrEnded) {
		t.Errorf("Commit = %v, want ErrEnded", err)
	}
}

// TestLawL5NothingAfterAnError: after an error, later writes do nothing, not even to the
// values of FlashNow.
func TestLawL5NothingAfterAnError(t *testing.T) {
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
	s := load(t, m, "")
	s.FlashNow("a", "now")
	s.Set("b..c", 1)
	session.PopOnce(s, "a", "")
	session.Pop(s, "a", "")
	if !s.Has("a") {
		t.Error("a value of FlashNow was taken after an error")
	}
}

// TestLawL4RemoveOfTheUnseen: Remove and Clear delete what the request sees. What
// another request has stored in the meantime stays.
func TestLawL4RemoveOfTheUnseen(t *testing.T) {
	for name, remove := range map[string]func(*session.Session){
		"remove": func(s *session.Session) { s.Remove("draft") },
		"clear":  func(s *session.Session) { s.Clear() },
	} {
		m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
		token := stored(t, m, func(s *session.Session) { s.Login("ada") })
		early, other := load(t, m, token), load(t, m, token)
		other.Set("draft", "x")
		commitOf(t, m, other)
		remove(early)
		commitOf(t, m, early)
		if got := session.Get(load(t, m, token), "draft", ""); got != "x" {
			t.Errorf("%s: draft = %q", name, got)
		}
	}
}

// TestAttackS3ErrorsQuoteNoValue: the error for a value of another type appears in logs
// and events, so it must not contain the value.
func TestAttackS3ErrorsQuoteNoValue(t *testing.T) {
	var log strings.Builder
	var events []session.Event
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		OnEvent: func(_ context.Context, e session.Event) { events = append(events, e) },
	})
	s := load(t, m, "")
	s.Set("text", "SECRET-token")
	s.Set("number", 31415926)
	var when time.Time
	var small int8
	for _, err := range []error{s.Decode("text", &when), s.Decode("number", &small)} {
		for ; err != nil; err = errors.Unwrap(err) {
			if text := err.Error(); strings.Contains(text, "SECRET") || strings.Contains(text, "31415926") {
				t.Errorf("an error quotes the value: %s", text)
			}
		}
	}
	session.Update(s, "text", func(t time.Time) time.Time { return t })
	for _, e := range events {
		log.WriteString(fmt.Sprint(e))
	}
	if !strings.Contains(log.String(), "time.Time") || strings.Contains(log.String(), "SECRET") {
		t.Errorf("log and events: %s", &log)
	}
	if err := s.Decode("text", nil); err == nil {
		t.Error("Decode into nil gives no error")
	}
}

// TestAttackS4ClientIsClean: what a client sends about itself appears in logs,
// terminals and pages, so it is stored without control characters.
func TestAttackS4ClientIsClean(t *testing.T) {
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	r.Header["User-Agent"] = []string{"Moz\x1b[2Jilla\r\n\u202e\u200fevil\u2028\u2029\x7f é"}
	var id session.ID
	m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("a", 1)
		id = s.ID()
	}).ServeHTTP(httptest.NewRecorder(), r)
	info, err := m.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Moz[2Jillaevil é"; info.Client.UserAgent != want {
		t.Errorf("user agent %q, want %q", info.Client.UserAgent, want)
	}
}
