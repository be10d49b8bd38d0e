// Package race finds out what a running web application loses when requests of one
// session overlap: of many writes sent at once, how many are there afterwards, and
// does a logout among them stay one. It knows the application by its URLs only.
//
// A write is lost if it was answered as done and a later read does not show it. One
// that was refused (a 409, a 503) or not answered is counted apart: whoever sent it
// knows that it may be missing.
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

// Bounds of a [Plan]: enough to see a race, too little to be an attack.
const (
	MaxWrites = 1000
	MaxRounds = 100
)

// A Plan is what to send. The texts of its requests, and Mark, may hold {n}, which
// becomes a text that is unique to the write, and {i}, which becomes its number, from 1
// up, with zeros in front; 0 is that of a write which is sent alone, before the others.
type Plan struct {
	Write  Request     // what is sent in parallel
	Read   Request     // its answer shows what is stored
	Login  *Request    // begins each round; nil: the first request of a round begins the session
	Logout *Request    // nil: logouts are not tried
	Header http.Header // of every request, unless it has its own; a Cookie begins in the jar

	Mark     string         // how Read shows a write; "" is {n}
	Count    *regexp.Regexp // instead of Mark: finds a number in Read that each write raises by one
	SignedIn *regexp.Regexp // matches Read while somebody is signed in; nil if that does not show

	Writes     int           // how many in a round, 1 to MaxWrites
	Concurrent int           // how many of them at once, 1 to Writes
	Rounds     int           // 1 to MaxRounds
	Timeout    time.Duration // of one request with its answer
	Remote     bool          // allow hosts other than this computer

	Progress func(what string) // called as the run goes on; may be nil
}

// A Report is what [Run] found.
type Report struct {
	Count

	Rounds []Count `json:"rounds"`
	Logout *Logout `json:"logout"` // null: not tried
}

// A Count says what became of writes. The last four add up to Sent.
type Count struct {
	Sent       int         `json:"sent"`
	Kept       int         `json:"kept"`       // answered as done, and there
	Refused    int         `json:"refused"`    // answered by an error, or a redirect to elsewhere
	Unanswered int         `json:"unanswered"` // timed out, or the connection broke
	Lost       int         `json:"lost"`       // answered as done, and not there
	Statuses   map[int]int `json:"statuses"`   // the answers by their status
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

// Check finds all that is wrong with a plan, before anything is sent. What it says is
// for the command line, and names its flags.
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
	wrong(p.Timeout <= 0, "--timeout must be above 0, got %v", p.Timeout)
	if p.Count == nil {
		unique, number := has("{n}"), has("{i}")
		wrong(!unique && !number, "the writes are all the same: put {n} where each shall have a value of its own, or use --count")
		wrong(number && !unique && p.Mark == "", "say with --mark how the read shows the write {i}: a bare number could be anything")
		wrong(p.Mark != "" && !strings.Contains(p.Mark, "{n}") && !strings.Contains(p.Mark, "{i}"), "--mark %q has neither {n} nor {i}, so it is the same for all writes", p.Mark)
		wrong(strings.Contains(p.Mark, "{n}") && !unique, "--mark has {n}, and the writes do not")
	} else {
		wrong(p.Mark != "", "give --mark or --count, not both")
		wrong(p.Logout != nil && p.SignedIn == nil, "--count and --logout together need --signed-in: a number alone does not tell one session from another")
	}
	wrong(p.Logout != nil && p.Login == nil && p.Header.Get("Cookie") != "", "--logout ends the session of the cookie that was given; it needs --login, to begin another one")
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

// Run does what p says. An error means that nothing is known about the application,
// because something that must work before any race did not; what was lost is no
// error. Run stops early when ctx is cancelled.
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
		return report, errors.New("no write sent in parallel was answered as done, so there is nothing to look for")
	}
	if p.Logout == nil {
		return report, nil
	}
	var err error
	report.Logout, err = r.logouts(ctx)
	return report, err
}

// A runner is a plan under way.
type runner struct {
	Plan

	took time.Duration // how long the writes of the latest round took together
}

func (r *runner) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}
