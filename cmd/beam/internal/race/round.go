package race

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A visit is one session of the application, in which a single write has succeeded.
type visit struct {
	*runner
	*browser

	prefix string
	number int    // what Plan.Count found after the single write
	lone   answer // the response to the single write
}

// begin creates a session and checks that everything works without concurrency. Otherwise,
// writes that are never kept would count as lost.
func (r *runner) begin(ctx context.Context) (*visit, error) {
	b, err := r.newBrowser()
	if err != nil {
		return nil, err
	}
	v := &visit{runner: r, browser: b, prefix: newPrefix()}
	if err := v.signIn(ctx); err != nil {
		return nil, err
	}
	before, err := v.read(ctx, v.jar)
	if err != nil {
		return nil, err
	}
	if r.SignedIn != nil && r.Login != nil && !r.SignedIn.MatchString(before) {
		return nil, fmt.Errorf("after %s, %s does not match the --signed-in pattern: %s", r.Login, &r.Read, r.SignedIn)
	}
	for i := range r.Writes + 1 {
		if text := v.text(i); r.Plan.Count == nil && strings.Contains(before, text) {
			return nil, fmt.Errorf("%s shows %q before it was written; use {n}, which differs in each round", &r.Read, text)
		}
	}
	if v.lone, err = v.send(ctx, &r.Write, v.mark(0), v.once(v.jar, nil)); err != nil {
		return nil, err
	}
	if err := v.examine(ctx, before); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *visit) signIn(ctx context.Context) error {
	if v.Login == nil {
		return nil
	}
	a, err := v.page(ctx, v.Login, mark{}, v.jar)
	if err == nil && a.status >= 400 {
		err = fmt.Errorf("the login failed: %s got the response %s", v.Login, a)
	}
	return err
}

// examine checks that the single write succeeded and is shown by the read.
func (v *visit) examine(ctx context.Context, before string) error {
	if v.lone.status/100 != 2 && v.lone.status/100 != 3 {
		return fmt.Errorf("a single write fails: %s got the response %s", &v.Write, v.lone)
	}
	if len(v.cookies(&v.Write)) == 0 {
		return fmt.Errorf("the application has not set a cookie for %s, so there is no session to write to", &v.Write)
	}
	after, err := v.read(ctx, v.jar)
	if err != nil {
		return err
	}
	hint := ""
	if v.lone.location != "" {
		hint = "; the write was redirected to " + v.lone.location
	}
	if v.Plan.Count == nil {
		if text := v.text(0); !strings.Contains(after, text) {
			return fmt.Errorf("%s does not show a single write: it does not contain %q%s", &v.Read, text, hint)
		}
		return nil
	}
	old, err := v.count(before)
	if err != nil {
		return err
	}
	if v.number, err = v.count(after); err != nil {
		return err
	}
	if v.number != old+1 {
		return fmt.Errorf("a single write changed the number that %s shows from %d to %d, not by one%s", &v.Read, old, v.number, hint)
	}
	return nil
}

func (v *visit) mark(i int) mark   { return markOf(v.prefix, i, v.Writes) }
func (v *visit) text(i int) string { return v.mark(i).fill(v.Mark) }

func (v *visit) cookies(r *Request) []*http.Cookie {
	req, err := r.build(context.Background(), v.mark(0), nil)
	if err != nil {
		return nil
	}
	return v.jar.Cookies(req.URL)
}

func (v *visit) read(ctx context.Context, cookies http.CookieJar) (string, error) {
	a, err := v.page(ctx, &v.Read, v.mark(0), cookies)
	if err == nil && a.status/100 != 2 {
		err = fmt.Errorf("%s got the response %s", &v.Read, a)
	}
	return a.body, err
}

func (v *visit) count(body string) (int, error) {
	found := v.Plan.Count.FindStringSubmatch(body)
	if found == nil {
		return 0, fmt.Errorf("%s does not show the number: no match for %s", &v.Read, v.Plan.Count)
	}
	n, err := strconv.Atoi(found[len(found)-1])
	if err != nil {
		return 0, fmt.Errorf("%s shows %q instead of a number", &v.Read, found[len(found)-1])
	}
	return n, nil
}

// round sends all writes of a round and counts their outcomes.
func (r *runner) round(ctx context.Context) (Count, error) {
	v, err := r.begin(ctx)
	if err != nil {
		return Count{}, err
	}
	done, err := v.together(ctx, nil)
	if err != nil {
		return Count{}, err
	}
	body, err := v.read(ctx, v.jar)
	if err != nil {
		return Count{}, fmt.Errorf("after the writes: %w", err)
	}
	return v.judge(done, body)
}

// judge compares the responses with what the read shows. In done, status 0 means that a write
// got no response.
func (v *visit) judge(done []answer, body string) (Count, error) {
	c := Count{Sent: len(done), Statuses: map[int]int{}}
	accepted := 0
	for i, a := range done {
		if a.status == 0 {
			c.Unanswered++
			continue
		}
		c.Statuses[a.status]++
		switch {
		case !v.accepts(a):
			c.Refused++
			continue
		case v.Plan.Count == nil && strings.Contains(body, v.text(i+1)):
			c.Kept++
		}
		accepted++
	}
	if v.Plan.Count != nil {
		n, err := v.count(body)
		if err != nil {
			return c, err
		}
		// A write that was refused or got no response may still have been counted. It then
		// hides a lost write. That is better than reporting a loss that did not happen.
		c.Kept = max(0, min(n-v.number, accepted))
	}
	c.Lost = accepted - c.Kept
	return c, nil
}

// accepts reports whether a response means success: status 2xx, or a redirect to the same
// page as for the single write. A redirect to another page, such as the sign-in page, is a
// refusal.
func (v *visit) accepts(a answer) bool {
	return a.status/100 == 2 || a.location != "" && a.location == v.lone.location
}

// together sends the writes of a round concurrently and with the same cookies, like the tabs
// of one browser. If among is not nil, it runs concurrently with the writes. The connections
// are opened in advance, so that connecting does not spread the requests out.
func (v *visit) together(ctx context.Context, among func()) ([]answer, error) {
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range v.Concurrent {
		c, err := v.connect(ctx, &v.Write)
		if err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	tab := tab{v.cookies(&v.Write), v.jar}
	done := make([]answer, v.Writes)
	release, slots := make(chan struct{}), make(chan struct{}, v.Concurrent)
	var all sync.WaitGroup
	for i := range v.Writes {
		var conn net.Conn // later writes connect once they have a slot
		if i < v.Concurrent {
			conn = conns[i]
		}
		client := v.once(tab, conn)
		all.Go(func() {
			<-release
			if i >= v.Concurrent {
				slots <- struct{}{}
			}
			a, err := v.send(ctx, &v.Write, v.mark(i+1), client)
			if err == nil {
				done[i] = a
			}
			<-slots
		})
	}
	for range v.Concurrent { // the first writes have their slots
		slots <- struct{}{}
	}
	if among != nil {
		all.Go(func() { <-release; among() })
	}
	start := time.Now()
	close(release)
	all.Wait()
	v.took = time.Since(start)
	return done, ctx.Err()
}

// once returns a client that does not follow redirects, because a write is complete when its
// response arrives.
func (b *browser) once(cookies http.CookieJar, conn net.Conn) *http.Client {
	return &http.Client{Jar: cookies, Transport: b.plan.transport(conn), CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func (b *browser) connect(ctx context.Context, r *Request) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.plan.Timeout, fmt.Errorf("no connection within %v", b.plan.Timeout))
	defer cancel()
	req, err := r.build(ctx, sample, nil)
	if err != nil {
		return nil, err
	}
	c, err := b.plan.dial(ctx, req.URL.Scheme, address(req.URL))
	if err != nil {
		return nil, failure(ctx, r, err)
	}
	return c, nil
}
