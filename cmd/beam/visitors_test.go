package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A load is several visitors who use the demo until they are told to stop. Each visitor checks
// after each write that all writes of the session are there, whichever replica answers.
type load struct {
	t    *testing.T
	url  string
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	live  []*visit // to be visited again
	ended []*visit

	sessions, writes, logouts, retries atomic.Int64
}

// A visit is a session as its visitor knows it.
type visit struct {
	sync.Mutex

	http  *http.Client
	name  string
	marks []string // the writes that were confirmed
}

const visitors = 6

// begin starts the visitors.
func begin(t *testing.T, url string) *load {
	l := &load{t: t, url: url, stop: make(chan struct{})}
	for range visitors {
		l.done.Go(func() {
			for l.goesOn() {
				if err := l.visit(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return l
}

// more waits until the visitors have made n more writes.
func (l *load) more(n int64) {
	for want := l.writes.Load() + n; l.writes.Load() < want && l.goesOn(); {
		time.Sleep(time.Millisecond)
	}
}

func (l *load) goesOn() bool {
	select {
	case <-l.stop:
		return false
	default:
		return !l.t.Failed()
	}
}

// visit signs in, writes, and signs out or stays; or it continues an earlier visit.
func (l *load) visit() error {
	v, err := l.arrive()
	if err != nil {
		return err
	}
	defer v.Unlock()
	for range 5 {
		mark := fmt.Sprintf("w%02d", rand.IntN(100))
		if _, err := l.send(v, "POST", "/race/write", url.Values{"writer": {mark}}); err != nil {
			return err
		}
		v.marks = append(v.marks, mark)
		l.writes.Add(1)
		if err := l.check(v); err != nil {
			return err
		}
	}
	if rand.IntN(3) > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !slices.Contains(l.live, v) {
			l.live = append(l.live, v)
		}
		return nil
	}
	return l.leave(v)
}

// arrive returns a locked visit.
func (l *load) arrive() (*visit, error) {
	l.mu.Lock()
	if len(l.live) > 0 && (rand.IntN(2) == 0 || len(l.live) > 100) {
		v := l.live[rand.IntN(len(l.live))]
		l.mu.Unlock()
		if v.TryLock() {
			if v.name != "" {
				return v, l.check(v)
			}
			v.Unlock() // it has just ended
		}
	} else {
		l.mu.Unlock()
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &visit{name: fmt.Sprintf("visitor-%d", l.sessions.Add(1)), http: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	v.Lock()
	_, err = l.send(v, "POST", "/account/sign-in", url.Values{"name": {v.name}})
	return v, err
}

// leave signs out, and checks that the cookie is of no more use.
func (l *load) leave(v *visit) error {
	u, err := url.Parse(l.url)
	if err != nil {
		return err
	}
	cookies := v.http.Jar.Cookies(u)
	if _, err := l.send(v, "POST", "/account/sign-out", nil); err != nil {
		return err
	}
	l.logouts.Add(1)
	if v.http.Jar, err = cookiejar.New(nil); err != nil {
		return err
	}
	v.http.Jar.SetCookies(u, cookies)
	l.mu.Lock()
	l.live = slices.DeleteFunc(l.live, func(o *visit) bool { return o == v })
	l.ended = append(l.ended, &visit{http: v.http})
	v.name = ""
	l.mu.Unlock()
	return l.checkEnded(v)
}

// check compares the session with what the visitor knows.
func (l *load) check(v *visit) error {
	body, err := l.send(v, "GET", "/race/result", nil)
	if err != nil {
		return err
	}
	var result struct{ Kept []string }
	if err := json.Unmarshal(body, &result); err != nil {
		return err
	}
	for _, mark := range v.marks {
		if !slices.Contains(result.Kept, mark) {
			return fmt.Errorf("%s: the write %s is lost; %d writes, kept %q", v.name, mark, len(v.marks), result.Kept)
		}
	}
	return nil
}

func (l *load) checkEnded(v *visit) error {
	body, err := l.send(v, "GET", "/account", nil)
	if err == nil && bytes.Contains(body, []byte("Signed in as")) {
		err = fmt.Errorf("a visitor who has signed out is signed in")
	}
	return err
}

// send sends a request until a replica answers it. Each request can be sent twice without harm.
func (l *load) send(v *visit, method, path string, form url.Values) (body []byte, err error) {
	for try := 0; ; try++ {
		var status int
		body, status, err = l.try(v, method, path, form)
		if err == nil && status < 400 {
			return body, nil
		}
		if err == nil {
			err = fmt.Errorf("%s %s: status %d: %s", method, path, status, body)
		}
		if try == 100 || status >= 400 && status < 500 {
			return nil, err
		}
		l.retries.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *load) try(v *visit, method, path string, form url.Values) (body []byte, status int, err error) {
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, 0, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return body, res.StatusCode, err
}

// end stops the visitors, and checks all sessions, those that have ended, too.
func (l *load) end() {
	l.t.Helper()
	close(l.stop)
	l.done.Wait()
	for _, v := range l.live {
		if err := l.check(v); err != nil {
			l.t.Error(err)
		}
		body, err := l.send(v, "GET", "/account", nil)
		if err != nil || !bytes.Contains(body, []byte("Signed in as "+v.name)) {
			l.t.Errorf("%s has lost the session: %v", v.name, err)
		}
	}
	for _, v := range l.ended {
		if err := l.checkEnded(v); err != nil {
			l.t.Error(err)
		}
	}
}

func (l *load) String() string {
	return fmt.Sprintf("%d sessions, %d writes, %d logouts, %d retries", l.sessions.Load(), l.writes.Load(), l.logouts.Load(), l.retries.Load())
}
