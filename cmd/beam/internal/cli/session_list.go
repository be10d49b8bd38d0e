package cli

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionReport is the JSON form of a session.
type sessionReport struct {
	ID              session.ID      `json:"id"`
	Owner           string          `json:"owner"`
	Address         string          `json:"address"`
	UserAgent       string          `json:"user_agent"`
	CreatedAt       time.Time       `json:"created_at"`
	LastActivity    time.Time       `json:"last_activity"`
	ExpiresAt       time.Time       `json:"expires_at"`
	AuthenticatedAt *time.Time      `json:"authenticated_at"` // null while anonymous
	Version         uint64          `json:"version"`
	Bytes           int             `json:"bytes"`
	Document        json.RawMessage `json:"document,omitempty"` // only in session show
}

func report(i session.Info) sessionReport {
	r := sessionReport{
		ID: i.ID, Owner: i.Owner, Address: i.Client.Address, UserAgent: i.Client.UserAgent,
		CreatedAt: i.CreatedAt.UTC(), LastActivity: i.LastActivity.UTC(), ExpiresAt: i.ExpiresAt.UTC(),
		Version: i.Version, Bytes: i.Bytes,
	}
	if !i.AuthenticatedAt.IsZero() {
		at := i.AuthenticatedAt.UTC()
		r.AuthenticatedAt = &at
	}
	return r
}

func (a *app) sessionList(ctx context.Context, cmd *cli.Command) error {
	if cmd.IsSet("owner") && cmd.String("owner") == "" {
		return wrong(cmd, "--owner needs a name")
	}
	manager, done, err := a.viewer(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	p := a.begin("reading sessions")
	defer p.end()
	all := []session.Info{}
	var corrupt []session.ID
	sessions := manager.ListAll(ctx)
	if owner := cmd.String("owner"); owner != "" {
		sessions = manager.List(ctx, owner)
	}
	for info, err := range sessions {
		if errors.Is(err, session.ErrCorrupt) {
			corrupt = append(corrupt, info.ID)
		} else if err != nil {
			return err
		}
		all = append(all, info)
		p.say("reading sessions: %d", len(all))
	}
	p.end()
	for _, id := range corrupt {
		a.warn("session %s cannot be decoded; its client will get a new session", id)
	}
	slices.SortFunc(all, func(x, y session.Info) int {
		if c := y.LastActivity.Compare(x.LastActivity); c != 0 {
			return c
		}
		return strings.Compare(x.ID.String(), y.ID.String())
	})
	if cmd.Bool("json") {
		out := make([]sessionReport, 0, len(all))
		for _, info := range all {
			out = append(out, report(info))
		}
		return a.json(out)
	}
	a.listTable(all)
	return nil
}

func (a *app) listTable(all []session.Info) {
	if len(all) == 0 {
		a.printf("no sessions\n")
		return
	}
	rows := make([][]string, 0, len(all))
	for _, i := range all {
		rows = append(rows, []string{
			i.ID.String(), orDash(i.Owner), stamp(i.LastActivity), stamp(i.ExpiresAt),
			orDash(i.Client.Address), orDash(cut(i.Client.UserAgent, 40)),
		})
	}
	a.table([]string{"ID", "OWNER", "LAST ACTIVITY", "EXPIRES", "ADDRESS", "USER AGENT"}, rows)
}

// stamp formats a time in UTC, to the second, or "-" if it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// orDash cleans untrusted text, and returns "-" if it is empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return clean(s)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
