package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionClear removes expired records, which the application also does every few minutes,
// or with --all every record.
func (a *app) sessionClear(ctx context.Context, cmd *cli.Command) error {
	if cmd.Bool("yes") && !cmd.Bool("all") {
		return wrong(cmd, "--yes requires --all; removing expired sessions needs no confirmation")
	}
	open := a.manager
	if cmd.Bool("dry-run") {
		open = a.viewer
	}
	manager, done, err := open(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	var n int
	switch {
	case cmd.Bool("dry-run"):
		n, err = a.removable(ctx, manager.Store(), cmd.Bool("all"))
	case cmd.Bool("all"):
		n, err = a.clearAll(ctx, cmd, manager)
	default:
		p := a.begin("removing expired sessions")
		n, err = manager.Prune(ctx)
		p.end()
	}
	if err != nil && n == 0 {
		return err
	}
	return errors.Join(a.cleared(cmd, n), err)
}

func (a *app) cleared(cmd *cli.Command, n int) error {
	if cmd.Bool("json") {
		return a.json(map[string]any{"cleared": n, "dry_run": cmd.Bool("dry-run")})
	}
	kind, verb := "expired session", "removed"
	if cmd.Bool("all") {
		kind = "session"
	}
	if cmd.Bool("dry-run") {
		verb = "would remove"
	}
	a.printf("%s %s\n", verb, plural(n, kind))
	return nil
}

// removable counts the records that would be removed. Expired records are kept for another
// [session.PruneSlack], and are not counted before that.
func (a *app) removable(ctx context.Context, store session.Store, all bool) (n int, err error) {
	p := a.begin("reading sessions")
	defer p.end()
	before := time.Now().Add(-session.PruneSlack)
	for r, err := range session.List(ctx, store) {
		if err != nil {
			return n, err
		}
		if all || r.ExpiresAt.Before(before) {
			n++
			p.say("reading sessions: %d", n)
		}
	}
	return n, nil
}

// clearAll asks for confirmation, unless --yes is given. It reads the store twice instead of
// keeping all IDs.
func (a *app) clearAll(ctx context.Context, cmd *cli.Command, m *session.Manager) (n int, err error) {
	total, err := a.removable(ctx, m.Store(), true)
	if err != nil || total == 0 {
		return 0, err
	}
	if !cmd.Bool("yes") {
		if err := a.confirm(cmd, total, "nothing was removed; to sign everyone out, add --yes to --all", errKept); err != nil {
			return 0, err
		}
	}
	p := a.begin("removing sessions")
	defer p.end()
	for r, err := range session.List(ctx, m.Store()) {
		if err == nil {
			err = m.Revoke(ctx, r.ID)
		}
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return n, err
		}
		n++
		p.say("removing sessions: %d of %d", n, total)
	}
	return n, nil
}

var errKept = errors.New("nothing was removed")

// confirm asks for confirmation on a terminal, and returns the error no if the answer is not
// yes. If standard input is not a terminal, it returns a usage error with the text refusal.
func (a *app) confirm(cmd *cli.Command, n int, refusal string, no error) error {
	f, ok := a.stdin.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return wrong(cmd, "%s", refusal)
	}
	fmt.Fprintf(a.stderr, "beam: remove %s and sign everyone out? type yes to confirm: ", plural(n, "session"))
	answer, err := bufio.NewReader(f).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		return no
	}
	return err
}
