package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/cmd/beam/internal/race"
)

const raceHelp = `Sends writes of one session to a running web application, all at once, as the tabs of one browser
do, then reads, and says how many are there. The application may be written with any library. A
write is lost if it was answered as done and the read does not show it; one that was refused, by
an error or a redirect to elsewhere, is counted apart. That nothing was lost proves nothing if the
handlers were too quick to overlap: then raise -n and --rounds.

In URL, --data and --header, {n} becomes a text that is unique to the write, by which the read
must show it. Where only some values are allowed, {i} becomes its number (01 to 50, and 00 for one
sent alone beforehand), and --mark says how the read shows that: --mark '"w{i}"'. With --count all
writes are the same and raise a number.

With --logout, writes and a logout meet, at another moment in each round. Afterwards the cookie
from before the logout must not reach the session: the read must not show what was written before
it, nor what --signed-in matches.

Each round begins with an empty cookie jar and --login, if it is given. A REQUEST is one line:
'POST /login user=ada&password=x', whose method may be left out. What a form must hold against
forgery, and a password, can come from --login-file: a request that the developer tools of a
browser have copied as curl (for POSIX shells) or as HTTP. It is sent to the host of URL. To race
in a session that exists, give its cookie: -H 'Cookie: id=…'.

  beam race 'http://localhost:8000/set?key={n}' --read /all --login 'POST /login user=ada'
  beam race http://localhost:8000/cart/add -d 'item={n}' --read /cart --login-file login.txt \
    --logout /logout
  beam race http://localhost:8000/visit --read /visits --count '(\d+) visits'

Exits with 1 if anything was lost or a logout undone.`

// race tells on standard error what it is about to send, because whoever mistyped the
// host should see it.
func (a *app) race(ctx context.Context, cmd *cli.Command) error {
	plan, err := a.racePlan(cmd)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "beam: %s\n", clean(announce(plan)))
	progress := a.begin("racing")
	plan.Progress = func(what string) { progress.say("%s", what) }
	report, err := race.Run(ctx, plan)
	progress.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(report.Rounds) == 0 {
		return err
	}
	if cmd.Bool("json") {
		if written := a.json(report); written != nil {
			return written
		}
	} else {
		a.raceTable(report)
	}
	return errors.Join(err, verdict(report))
}

// racePlan reports all that is wrong with the command line at once.
func (a *app) racePlan(cmd *cli.Command) (race.Plan, error) {
	p := race.Plan{
		Mark: cmd.String("mark"), Writes: cmd.Int("writes"), Concurrent: cmd.Int("concurrent"), Rounds: cmd.Int("rounds"),
		Timeout: cmd.Duration("timeout"), Remote: cmd.Bool("remote"), Header: http.Header{},
	}
	if !cmd.IsSet("concurrent") {
		p.Concurrent = p.Writes
	}
	if cmd.NArg() != 1 {
		return p, wrong(cmd, "give one URL, quoted, got %d", cmd.NArg())
	}
	// Only the origin is needed to resolve the others; the path may hold braces.
	base, err := url.Parse(cmd.Args().First())
	if err != nil {
		return p, wrong(cmd, "%q is not a URL", cmd.Args().First())
	}
	if cmd.String("read") == "" {
		return p, wrong(cmd, "give --read: the page that shows what is stored")
	}
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	method := http.MethodGet
	if cmd.IsSet("data") {
		method = http.MethodPost
	}
	if cmd.IsSet("request") {
		method = cmd.String("request")
	}
	p.Write = race.Request{Method: method, URL: cmd.Args().First(), Body: cmd.String("data")}
	for _, line := range cmd.StringSlice("header") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			fail(fmt.Errorf("--header %q is not of the form 'Name: value'", line))
			continue
		}
		p.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	p.Read, err = race.Parse(base, http.MethodGet, cmd.String("read"))
	fail(err)
	p.Login, err = a.login(cmd, base)
	fail(err)
	if cmd.IsSet("logout") {
		out, err := race.Parse(base, http.MethodPost, cmd.String("logout"))
		fail(err)
		p.Logout = &out
	}
	p.Count, err = pattern(cmd, "count")
	fail(err)
	p.SignedIn, err = pattern(cmd, "signed-in")
	fail(err)
	if len(errs) == 0 {
		fail(p.Check())
	}
	if err := errors.Join(errs...); err != nil {
		return p, raceMistake(cmd, err)
	}
	return p, nil
}

// raceMistake adds what to do about a host that nobody may have meant.
func raceMistake(cmd *cli.Command, err error) error {
	text := strings.Join(lines(err), "; ")
	var remote *race.RemoteError
	if errors.As(err, &remote) {
		text += "; if that application is yours and nobody needs it now, add --remote"
	}
	return wrong(cmd, "%s", text)
}

func (a *app) login(cmd *cli.Command, base *url.URL) (*race.Request, error) {
	var r race.Request
	var err error
	switch {
	case cmd.IsSet("login") && cmd.IsSet("login-file"):
		return nil, errors.New("give --login or --login-file, not both")
	case cmd.IsSet("login"):
		r, err = race.Parse(base, http.MethodPost, cmd.String("login"))
	case cmd.IsSet("login-file"):
		var text []byte
		if text, err = os.ReadFile(a.path(cmd.String("login-file"))); err == nil {
			r, err = race.Recorded(base, string(text))
		}
		if err != nil {
			err = fmt.Errorf("--login-file: %w", err)
		}
	default:
		return nil, nil
	}
	return &r, err
}

func pattern(cmd *cli.Command, flag string) (*regexp.Regexp, error) {
	if !cmd.IsSet(flag) {
		return nil, nil
	}
	re, err := regexp.Compile(cmd.String(flag))
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return re, nil
}

// announce has no body: it may hold a password.
func announce(p race.Plan) string {
	at := "at once"
	if p.Concurrent < p.Writes {
		at = fmt.Sprintf("%d at a time", p.Concurrent)
	}
	text := fmt.Sprintf("sending %d × %d of %s, %s", p.Rounds, p.Writes, &p.Write, at)
	if p.Logout != nil {
		text += fmt.Sprintf("; then the same with %s among them", p.Logout)
	}
	return text
}

func (a *app) raceTable(r race.Report) {
	var rows [][]string
	for i, c := range r.Rounds {
		rows = append(rows, raceRow(strconv.Itoa(i+1), c))
	}
	a.table([]string{"ROUND", "SENT", "KEPT", "REFUSED", "NO ANSWER", "LOST"}, append(rows, raceRow("all", r.Count)))
	result := "not tried (see --logout)"
	if l := r.Logout; l != nil {
		switch {
		case !l.Alone:
			result = "the old cookie still works, even with nothing else under way"
		case l.Undone > 0:
			result = fmt.Sprintf("undone by writes in %d of %s: the old cookie works again", l.Undone, plural(l.Rounds, "round"))
		default:
			result = fmt.Sprintf("stayed one in %d of %s", l.Rounds-l.Refused, plural(l.Rounds, "round"))
		}
		if l.Refused > 0 {
			result += fmt.Sprintf("; refused in %d", l.Refused)
		}
	}
	a.printf("\nlogout: %s\n", result)
}

func raceRow(name string, c race.Count) []string {
	row := []string{name}
	for _, n := range []int{c.Sent, c.Kept, c.Refused, c.Unanswered, c.Lost} {
		row = append(row, strconv.Itoa(n))
	}
	return row
}

// verdict is the error with which a race ends that the application did not stand.
func verdict(r race.Report) error {
	var errs []error
	if r.Lost > 0 {
		errs = append(errs, fmt.Errorf("%d of %s that were answered as done are lost", r.Lost, plural(r.Kept+r.Lost, "write")))
	}
	if r.Logout != nil && !r.Logout.Stayed() {
		errs = append(errs, errors.New("a logout does not stay one"))
	}
	return errors.Join(errs...)
}
