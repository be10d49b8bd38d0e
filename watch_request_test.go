package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A streamRig serves requests whose sessions are watched.
type streamRig struct {
	*watchRig
	cookie *http.Cookie
}

func streaming(t *testing.T, test func(*streamRig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &watchRig{t: t, calls: &callCounter{}}
		r.store = r.calls.wrap(memstore.New(memstore.Config{}))
		cfg := session.Config{PruneEvery: -1, Logger: quiet}
		r.m, r.other = managerOn(t, r.store, cfg), managerOn(t, r.store, cfg)
		r.token = r.signIn(r.other, "ada")
		r.id = r.load(r.m, r.token).ID()
		test(&streamRig{r, &http.Cookie{Name: r.m.CookieName(), Value: string(r.token)}})
	})
}

// visit serves a request, with ada's cookie if she is to send it, and returns the response.
func (r *streamRig) visit(ada bool, handler func(w http.ResponseWriter, req *http.Request, s *session.Session)) *http.Response {
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "https://example.com/", nil)
	if ada {
		req.AddCookie(r.cookie)
	}
	w := httptest.NewRecorder()
	r.m.HandlerFunc(handler).ServeHTTP(w, req)
	return w.Result()
}

// A watch follows the session through the commit of its own request, whatever comes first.
func TestWatchFollowsItsRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		ada    bool
		change func(*session.Session)
		early  error // the cause, if Watch comes before the change; nil: it goes on
		late   error // if it comes after the change
	}{
		{"set", true, func(s *session.Session) { s.Set("k", 1) }, nil, nil},
		{"login again", true, func(s *session.Session) { s.Login("ada") }, nil, nil},
		{"regenerate", true, func(s *session.Session) { s.Regenerate() }, nil, nil},
		{"keeping data", true, func(s *session.Session) { s.Login("ben", session.KeepingData()) }, nil, nil},
		{"another owner", true, func(s *session.Session) { s.Login("ben") }, session.ErrEnded, nil},
		{"logout", true, func(s *session.Session) { s.Invalidate() }, session.ErrEnded, session.ErrEnded},
		{"logout and set", true, func(s *session.Session) { s.Invalidate(); s.Set("k", 1) }, session.ErrEnded, nil},
		{"a new visitor", false, func(s *session.Session) { s.Set("k", 1) }, session.ErrEnded, nil},
		{"a new login", false, func(s *session.Session) { s.Login("ben") }, session.ErrEnded, nil},
		{"nothing", false, func(*session.Session) {}, session.ErrEnded, session.ErrEnded},
		{"taken back", false, func(s *session.Session) { s.Set("k", 1); s.Rollback() }, session.ErrEnded, session.ErrEnded},
	} {
		for _, late := range []bool{false, true} {
			name, want := c.name+", watched before", c.early
			if late {
				name, want = c.name+", watched after", c.late
			}
			t.Run(name, func(t *testing.T) {
				streaming(t, func(r *streamRig) {
					r.visit(c.ada, func(w http.ResponseWriter, req *http.Request, s *session.Session) {
						var cancel context.CancelFunc
						if late {
							c.change(s)
						}
						r.watched, cancel = s.Watch(req.Context())
						defer cancel()
						if !late {
							c.change(s)
						}
						w.WriteHeader(http.StatusOK)
						time.Sleep(time.Minute)
						if want != nil {
							r.endsWithin(0, want)
							return
						}
						r.goesOn()
						if err := r.other.Revoke(req.Context(), s.ID()); err != nil {
							r.t.Error(err)
						}
						r.endsWithin(5*time.Second, session.ErrEnded)
					})
				})
			})
		}
	}
}

// A watch that waits for a commit ends if that drops what the request has written.
func TestWatchNothingStored(t *testing.T) {
	streaming(t, func(r *streamRig) {
		r.visit(false, func(w http.ResponseWriter, req *http.Request, s *session.Session) {
			s.Set("k", 1)
			var cancel context.CancelFunc
			r.watched, cancel = s.Watch(req.Context())
			defer cancel()
			r.goesOn()
			s.Rollback()
			w.WriteHeader(http.StatusOK)
			r.endsWithin(0, session.ErrEnded)
		})
		r.calls.failing("create", errors.New("out of order"))
		resp := r.visit(false, func(w http.ResponseWriter, req *http.Request, s *session.Session) {
			s.Set("k", 1)
			var cancel context.CancelFunc
			r.watched, cancel = s.Watch(req.Context())
			defer cancel()
			w.WriteHeader(http.StatusOK)
			r.endsWithin(0, session.ErrEnded)
		})
		if resp.StatusCode != http.StatusServiceUnavailable {
			r.t.Errorf("status %d", resp.StatusCode)
		}
	})
}

// Outside the middleware, a commit that has failed may be repeated.
func TestWatchCommitRepeated(t *testing.T) {
	streaming(t, func(r *streamRig) {
		s := r.load(r.m, "")
		s.Login("ben")
		var cancel context.CancelFunc
		r.watched, cancel = s.Watch(r.t.Context())
		defer cancel()
		r.calls.failing("create", errors.New("out of order"))
		if _, err := r.m.Commit(r.t.Context(), s); err == nil {
			r.t.Error("the commit has not failed")
		}
		r.goesOn()
		r.calls.failing("", nil)
		if _, err := r.m.Commit(r.t.Context(), s); err != nil {
			r.t.Error(err)
		}
		r.goesOn()
		if err := r.m.Revoke(r.t.Context(), s.ID()); err != nil {
			r.t.Error(err)
		}
		r.endsWithin(0, session.ErrEnded)
	})
}

// A session that has ended before Watch ends the watch as soon as the store has said so.
func TestWatchEndedBefore(t *testing.T) {
	for _, m := range []string{"in this process", "in another one"} {
		t.Run(m, func(t *testing.T) {
			streaming(t, func(r *streamRig) {
				s := r.load(r.m, r.token)
				m := map[string]*session.Manager{"in this process": r.m, "in another one": r.other}[m]
				r.do(m, r.token, func(s *session.Session) { s.Login("ada") })
				var cancel context.CancelFunc
				r.watched, cancel = s.Watch(r.t.Context())
				defer cancel()
				r.endsWithin(0, session.ErrReplaced)

				// One that is loaded with the old token now is empty.
				r.watched, cancel = r.load(r.m, r.token).Watch(r.t.Context())
				defer cancel()
				r.endsWithin(0, session.ErrReplaced)

				if _, err := m.RevokeOwner(r.t.Context(), "ada"); err != nil {
					r.t.Error(err)
				}
				r.watched, cancel = s.Watch(r.t.Context())
				defer cancel()
				r.endsWithin(0, session.ErrEnded)

				s.Invalidate()
				r.watched, cancel = s.Watch(r.t.Context())
				defer cancel()
				r.endsWithin(0, session.ErrEnded)
				if err := r.m.Close(r.t.Context()); err != nil {
					r.t.Error(err)
				}
				r.watched, cancel = s.Watch(r.t.Context())
				defer cancel()
				r.endsWithin(0, session.ErrClosed)
			})
		})
	}
}

// A login whose session has ended begins a new one, which the watch follows.
func TestWatchLoginBeginsAnew(t *testing.T) {
	streaming(t, func(r *streamRig) {
		r.visit(true, func(w http.ResponseWriter, req *http.Request, s *session.Session) {
			s.Login("ada")
			var cancel context.CancelFunc
			r.watched, cancel = s.Watch(req.Context())
			defer cancel()
			if err := r.m.Revoke(context.Background(), r.id); err != nil {
				r.t.Error(err)
			}
			w.WriteHeader(http.StatusOK)
			if s.ID() == r.id {
				r.t.Error("the session is still the old one")
			}
			r.goesOn()
			r.do(r.m, r.signIn(r.m, "ben"), (*session.Session).Invalidate)
			r.goesOn()
			if err := r.m.Revoke(context.Background(), s.ID()); err != nil {
				r.t.Error(err)
			}
			r.endsWithin(0, session.ErrEnded)
		})
	})
}

// While its request commits a new token, a watch is not judged by the old one. The poll runs
// between the store's update and the end of the commit.
func TestWatchDuringCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spy := newSpyStore()
		r := &watchRig{t: t, m: managerOn(t, spy, session.Config{PruneEvery: -1, WatchEvery: time.Second, Logger: quiet})}
		s := r.load(r.m, r.signIn(r.m, "ada"))
		var cancel context.CancelFunc
		r.watched, cancel = s.Watch(t.Context())
		defer cancel()
		r.goesOn()
		spy.hook(nil, func(op string, _ session.ID, err error) error {
			if op == "update" {
				time.Sleep(3 * time.Second)
			}
			return err
		})
		s.Regenerate()
		if _, err := r.m.Commit(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		r.goesOn()
		time.Sleep(time.Minute)
		r.goesOn()
	})
}

// Several watches of a session end each for its own reason: they may have different tokens.
func TestWatchSeveralTokens(t *testing.T) {
	streaming(t, func(r *streamRig) {
		old, cancelOld := r.load(r.m, r.token).Watch(r.t.Context())
		defer cancelOld()
		next := r.do(r.m, r.token, (*session.Session).Regenerate)
		var cancel context.CancelFunc
		r.watched, cancel = r.load(r.m, next).Watch(r.t.Context())
		defer cancel()
		synctest.Wait()
		checkCause(old, r.t, session.ErrReplaced)
		time.Sleep(time.Minute)
		r.goesOn()
	})
}

// Watches begin and end while the sessions do, from many goroutines.
func TestWatchConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := managerOn(t, memstore.New(memstore.Config{}), session.Config{PruneEvery: -1, WatchEvery: 50 * time.Millisecond, Logger: quiet})
		var all sync.WaitGroup
		for g := range 16 {
			all.Go(func() {
				r := &watchRig{t: t, m: m}
				for i := range 50 {
					token := r.signIn(m, "ada")
					s := r.load(m, token)
					ctx, cancel := s.Watch(t.Context())
					if i%2 == 0 {
						s.Set("k", i)
						if _, err := m.Commit(t.Context(), s); err != nil {
							t.Error(err)
						}
					}
					if i%3 == g%3 {
						cancel()
						<-ctx.Done()
						continue
					}
					r.do(m, token, (*session.Session).Invalidate)
					<-ctx.Done()
					checkCause(ctx, t, session.ErrEnded)
				}
			})
		}
		all.Wait()
	})
}

// A stream and another request of the session meet in every order: the other one commits
// after the stream has loaded the session, after its Watch, or after its commit.
func TestWatchOrders(t *testing.T) {
	changes := []struct {
		name   string
		do     func(*session.Session)
		signIn bool // goes on in a new session if the other request was first
	}{
		{"reads", func(*session.Session) {}, false},
		{"sets", func(s *session.Session) { s.Set("k", 1) }, false},
		{"regenerates", (*session.Session).Regenerate, false},
		{"logs in", func(s *session.Session) { s.Login("ada") }, true},
	}
	others := []struct {
		name  string
		do    func(*session.Session)
		cause error
	}{
		{"logs out", (*session.Session).Invalidate, session.ErrEnded},
		{"logs in", func(s *session.Session) { s.Login("ada") }, session.ErrReplaced},
		{"logs in as another owner", func(s *session.Session) { s.Login("ben") }, session.ErrEnded},
		{"sets", func(s *session.Session) { s.Set("other", 1) }, nil},
	}
	for _, change := range changes {
		for _, other := range others {
			for _, step := range []string{"load", "watch", "commit"} {
				for _, here := range []bool{true, false} {
					t.Run(change.name+", the other "+other.name+" after the "+step, func(t *testing.T) {
						streaming(t, func(r *streamRig) {
							m := r.m
							if !here {
								m = r.other
							}
							now := func(at string, token session.Token) {
								if at == step {
									r.do(m, token, other.do)
								}
							}
							r.visit(true, func(w http.ResponseWriter, req *http.Request, s *session.Session) {
								now("load", r.token)
								change.do(s)
								var cancel context.CancelFunc
								r.watched, cancel = s.Watch(req.Context())
								defer cancel()
								now("watch", r.token)
								w.WriteHeader(http.StatusOK)
								synctest.Wait()
								token := r.token
								for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
									token = session.Token(c.Value)
								}
								now("commit", token)
								time.Sleep(5 * time.Second)
								if other.cause == nil || change.signIn && step != "commit" {
									r.goesOn()
								} else {
									r.endsWithin(0, other.cause)
								}
							})
						})
					})
				}
			}
		}
	}
}
