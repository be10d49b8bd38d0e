// Package race measures what a running web application loses when requests of one session
// overlap: how many of many concurrent writes are kept, and whether a logout among them ends
// the session. It uses only the URLs of the application.
//
// A write is lost if the application reported success and a later read does not show it. A
// write that was refused (such as with a 409 or 503) or got no response is counted
// separately, because its client knows that it may be missing.
package race

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of a [Plan]: large enough to show a race, too small for an attack.
const (
	MaxWrites = 1000
	MaxRounds = 100
)

// A Plan describes what to send. In its requests and in Mark, {n} is replaced with a text
// that is unique to the write, and {i} with the number of the write, padded with zeros. The
// numbers start at 1; 0 is a single write that is sent before the others.
type Plan struct {
	Write  Request     // sent concurrently
	Read   Request     // its response shows what is stored
	Login  *Request    // sent first in each round; nil: the first write creates the session
	Logout *Request    // nil: logouts are not tested
	Header http.Header // for all requests that do not override it; a Cookie is put in the jar

	Mark     string         // the text in Read that shows a write; "" means {n}
	Count    *regexp.Regexp // instead of Mark: matches a number in Read that each write increments
	SignedIn *regexp.Regexp // matches Read while a user is signed in; nil if Read does not show that

	Writes     int           // per round, 1 to MaxWrites
	Concurrent int           // writes at a time, 1 to Writes
	Rounds     int           // 1 to MaxRounds
	Timeout    time.Duration // for one request and its response
	Remote     bool          // allow hosts other than this computer

	Progress func(what string) // called during the run; may be nil
}

// A Report is the result of [Run].
type Report struct {
	Count

	Rounds []Count `json:"rounds"`
	Logout *Logout `json:"logout"` // null: not tested
}

// A Count counts the outcomes of writes. Kept, Refused, Unanswered and Lost add up to Sent.
type Count struct {
	Sent       int         `json:"sent"`
	Kept       int         `json:"kept"`       // reported as successful, and shown by the read
	Refused    int         `json:"refused"`    // got an error, or a redirect to another page
	Unanswered int         `json:"unanswered"` // timed out, or the connection broke
	Lost       int         `json:"lost"`       // reported as successful, but not shown by the read
	Statuses   map[int]int `json:"statuses"`   // number of responses by status
}

func (c *Count) add(d Count) {
	c.Sent += d.Sent
	c.Kept += d.Kept
	c.Refused += d.Refused
	c.Unanswered += d.Unanswered
	c.Lost += d.Lost
	if c.Statuses == nil {
		c.Statuses = map[int]int{}
	}
	for status, n := range d.Statuses {
		c.Statuses[status] += n
	}
}

// Check reports everything that is wrong with a plan. The errors name the flags of the
// command line.
func (p *Plan) Check() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	has := func(placeholder string) bool {
		texts := []string{p.Write.URL, p.Write.Body}
		for _, h := range []http.Header{p.Header, p.Write.Header} {
			for values := range maps.Values(h) {
				texts = append(texts, values...)
			}
		}
		return strings.Contains(strings.Join(texts, "\n"), placeholder)
	}
	wrong(p.Writes < 1 || p.Writes > MaxWrites, "--writes must be 1 to %d, got %d", MaxWrites, p.Writes)
	wrong(p.Concurrent < 1, "--concurrent must be at least 1, got %d", p.Concurrent)
	wrong(p.Rounds < 1 || p.Rounds > MaxRounds, "--rounds must be 1 to %d, got %d", MaxRounds, p.Rounds)
	wrong(p.Timeout <= 0, "--timeout must be greater than 0, got %v", p.Timeout)
	if p.Count == nil {
		unique, number := has("{n}"), has("{i}")
		wrong(!unique && !number, "the writes are all the same; put {n} where each write needs its own value, or use --count")
		wrong(number && !unique && p.Mark == "", "specify with --mark how the read shows the write {i}, because a number alone is ambiguous")
		wrong(p.Mark != "" && !strings.Contains(p.Mark, "{n}") && !strings.Contains(p.Mark, "{i}"), "--mark %q contains neither {n} nor {i}, so it is the same for all writes", p.Mark)
		wrong(strings.Contains(p.Mark, "{n}") && !unique, "--mark contains {n}, but the writes do not")
	} else {
		wrong(p.Mark != "", "give --mark or --count, not both")
		wrong(p.Logout != nil && p.SignedIn == nil, "--count with --logout requires --signed-in, because a number alone does not identify a session")
	}
	wrong(p.Logout != nil && p.Login == nil && p.Header.Get("Cookie") != "", "--logout ends the session of the given cookie; add --login to start a new session in each round")
	for _, r := range p.requests() {
		if err := r.check(p.Remote); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *Plan) requests() []*Request {
	all := []*Request{&p.Write, &p.Read, p.Login, p.Logout}
	return slices.DeleteFunc(all, func(r *Request) bool { return r == nil })
}

// Run executes the plan. It returns an error if it cannot judge the application, because a
// request failed that must work even without a race. Lost writes are not an error. Run stops
// early when ctx is canceled.
func Run(ctx context.Context, p Plan) (Report, error) {
	report := Report{Rounds: []Count{}}
	if err := p.Check(); err != nil {
		return report, err
	}
	p.Concurrent = min(p.Concurrent, p.Writes)
	if p.Mark == "" {
		p.Mark = "{n}"
	}
	r := &runner{Plan: p}
	for i := range p.Rounds {
		r.say("round %d of %d", i+1, p.Rounds)
		c, err := r.round(ctx)
		if err != nil {
			return report, fmt.Errorf("round %d: %w", i+1, err)
		}
		report.Rounds = append(report.Rounds, c)
		report.Count.add(c)
	}
	if report.Kept+report.Lost == 0 {
		return report, errors.New("no concurrent write was successful, so there is no result")
	}
	if p.Logout == nil {
		return report, nil
	}
	var err error
	report.Logout, err = r.logouts(ctx)
	return report, err
}

// A runner executes a plan.
type runner struct {
	Plan

	took time.Duration // the duration of all writes of the latest round
}

func (r *runner) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}
