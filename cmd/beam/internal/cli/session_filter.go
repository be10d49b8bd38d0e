package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
)

// A filter selects sessions by owner and time. An empty owner and a zero time select all.
type filter struct {
	owner                                    string
	activeSince, activeBefore, expiresBefore time.Time
}

func filterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "owner", Usage: "only the sessions of `NAME`", Local: true},
		&cli.StringFlag{Name: "active-since", Usage: "only sessions active at or after `TIME`: 2h (ago), 7d, 2026-01-31, 2026-01-31T08:00:00Z", Local: true},
		&cli.StringFlag{Name: "active-before", Usage: "only sessions last active before `TIME`", Local: true},
		&cli.StringFlag{Name: "expires-before", Usage: "only sessions that expire before `TIME`: 2h (from now), or as above", Local: true},
	}
}

// filterOf reads the flags of filterFlags.
func filterOf(cmd *cli.Command) (f filter, err error) {
	if cmd.IsSet("owner") && cmd.String("owner") == "" {
		return f, wrong(cmd, "--owner needs a name")
	}
	f.owner = cmd.String("owner")
	now := time.Now()
	for _, flag := range []struct {
		name string
		sign int
		into *time.Time
	}{
		{"active-since", -1, &f.activeSince},
		{"active-before", -1, &f.activeBefore},
		{"expires-before", 1, &f.expiresBefore},
	} {
		if !cmd.IsSet(flag.name) {
			continue
		}
		at, ok := instant(cmd.String(flag.name), now, flag.sign)
		if !ok {
			return f, wrong(cmd, "--%s %q: want a duration such as 90m, 2h or 7d, a date such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z",
				flag.name, cmd.String(flag.name))
		}
		*flag.into = at
	}
	return f, nil
}

// instant parses a date, which means midnight in UTC, a time in RFC 3339, or a duration from
// now: ahead if sign is 1, ago if it is -1.
func instant(text string, now time.Time, sign int) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return now.Add(time.Duration(sign*int(n)) * 24 * time.Hour), err == nil
	}
	d, err := time.ParseDuration(text)
	if sign < 0 {
		return now.Add(-d), err == nil && d >= 0
	}
	return now.Add(d), err == nil && d >= 0
}

// wants ignores the owner, by which the store selects.
func (f filter) wants(active, expires time.Time) bool {
	return !active.Before(f.activeSince) &&
		(f.activeBefore.IsZero() || active.Before(f.activeBefore)) &&
		(f.expiresBefore.IsZero() || expires.Before(f.expiresBefore))
}
