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

const raceHelp = `Sends concurrent writes of one session to a running web application, as the tabs of one browser
do. Then it reads the session and counts the writes that were kept. The application can use any
session library. A write is lost if the application reported success but the read does not show
it. A write that was refused, with an error or a redirect to another page, is counted separately.
If nothing was lost, the handlers may have been too fast to overlap; increase -n and --rounds.

In URL, --data and --header, {n} is replaced with a text that is unique to each write. The read
must show that text. If the application accepts only certain values, use {i}, which is replaced
with the number of the write (01 to 50, or 00 for a single write that is sent first). Then --mark
specifies how the read shows the write, such as --mark '"w{i}"'. With --count, all writes are the
same, and each increments a number that the read shows.

With --logout, further rounds send a logout among the writes, at a different time in each round.
Afterwards, the cookie from before the logout must no longer give access to the session: the read
must show neither what was written before the logout nor anything that --signed-in matches.

Each round starts with an empty cookie jar and the --login request, if given. A REQUEST is one
line, such as 'POST /login user=ada&password=x'; the method is optional. If signing in needs a
CSRF token or a secret password, use --login-file with a request that you copied from the
developer tools of a browser, as curl (for POSIX shells) or as HTTP. The request is sent to the
host in URL. To use an existing session, pass its cookie: -H 'Cookie: id=…'.

  beam race 'http://localhost:8000/set?key={n}' --read /all --login 'POST /login user=ada'
  beam race http://localhost:8000/cart/add -d 'item={n}' --read /cart --login-file login.txt \
    --logout /logout
  beam race http://localhost:8000/visit --read /visits --count '(\d+) visits'

The exit code is 1 if a write was lost or a logout did not end the session.`

// race prints what it is about to send to standard error, so that a mistyped host is
// noticed.
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

// racePlan builds the plan, and reports all mistakes on the command line at once.
func (a *app) racePlan(cmd *cli.Command) (race.Plan, error) {
	p := race.Plan{
		Mark: cmd.String("mark"), Writes: cmd.Int("writes"), Concurrent: cmd.Int("concurrent"), Rounds: cmd.Int("rounds"),
		Timeout: cmd.Duration("timeout"), Remote: cmd.Bool("remote"), Header: http.Header{},
	}
	if !cmd.IsSet("concurrent") {
		p.Concurrent = p.Writes
	}
	if cmd.NArg() != 1 {
		return p, wrong(cmd, "give exactly one URL, in quotes; got %d", cmd.NArg())
	}
	// base only resolves the other URLs, so braces in its path do no harm.
	base, err := url.Parse(cmd.Args().First())
	if err != nil {
		return p, wrong(cmd, "%q is not a URL", cmd.Args().First())
	}
	if cmd.String("read") == "" {
		return p, wrong(cmd, "give --read, the request that shows what is stored")
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

// raceMistake adds a remedy if the host is not this computer.
func raceMistake(cmd *cli.Command, err error) error {
	text := strings.Join(lines(err), "; ")
	var remote *race.RemoteError
	if errors.As(err, &remote) {
		text += "; if the application is yours and not in production use, add --remote"
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

// announce describes the plan. It omits bodies, which may contain passwords.
func announce(p race.Plan) string {
	at := "at once"
	if p.Concurrent < p.Writes {
		at = fmt.Sprintf("%d at a time", p.Concurrent)
	}
	text := fmt.Sprintf("sending %d × %d of %s, %s", p.Rounds, p.Writes, &p.Write, at)
	if p.Logout != nil {
		text += fmt.Sprintf("; then again, with %s among the writes", p.Logout)
	}
	return text
}

func (a *app) raceTable(r race.Report) {
	var rows [][]string
	for i, c := range r.Rounds {
		rows = append(rows, raceRow(strconv.Itoa(i+1), c))
	}
	a.table([]string{"ROUND", "SENT", "KEPT", "REFUSED", "NO ANSWER", "LOST"}, append(rows, raceRow("all", r.Count)))
	result := "not tested (see --logout)"
	if l := r.Logout; l != nil {
		switch {
		case !l.Alone:
			result = "the old cookie still works, even without concurrent writes"
		case l.Undone > 0:
			result = fmt.Sprintf("undone by concurrent writes in %d of %s: the old cookie works again", l.Undone, plural(l.Rounds, "round"))
		default:
			result = fmt.Sprintf("effective in %d of %s", l.Rounds-l.Refused, plural(l.Rounds, "round"))
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

// verdict returns an error if the application lost writes or a logout.
func verdict(r race.Report) error {
	var errs []error
	if r.Lost > 0 {
		errs = append(errs, fmt.Errorf("%d of %s that were reported as successful were lost", r.Lost, plural(r.Kept+r.Lost, "write")))
	}
	if r.Logout != nil && !r.Logout.Stayed() {
		errs = append(errs, errors.New("a logout does not reliably end the session"))
	}
	return errors.Join(errs...)
}
