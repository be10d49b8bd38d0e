package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionRevoke revokes the given sessions one by one. An unknown ID does not stop it, but is
// reported as an error at the end, so that a mistyped ID is noticed.
func (a *app) sessionRevoke(ctx context.Context, cmd *cli.Command) error {
	owner, byOwner := cmd.String("owner"), cmd.IsSet("owner")
	switch {
	case byOwner && cmd.NArg() > 0:
		return wrong(cmd, "give IDs or --owner, not both")
	case byOwner && owner == "":
		return wrong(cmd, "--owner needs a name; to end anonymous sessions too, run beam session clear --all")
	case !byOwner && cmd.NArg() == 0:
		return wrong(cmd, "give session IDs, or --owner NAME")
	case !byOwner && cmd.IsSet("keep"):
		return wrong(cmd, "--keep requires --owner")
	}
	ids, err := parseIDs(cmd, cmd.Args().Slice())
	if err != nil {
		return err
	}
	keep, err := parseIDs(cmd, cmd.StringSlice("keep"))
	if err != nil {
		return err
	}
	manager, done, err := a.manager(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	if byOwner {
		p := a.begin("revoking the sessions of %s", owner)
		n, err := manager.RevokeOwner(ctx, owner, keep...)
		p.end()
		return errors.Join(a.revoked(cmd, n), err)
	}
	return a.revokeIDs(ctx, cmd, manager, ids)
}

func (a *app) revokeIDs(ctx context.Context, cmd *cli.Command, m *session.Manager, ids []session.ID) error {
	var errs []error
	n := 0
	for _, id := range ids {
		_, err := m.Store().Load(ctx, id) // not Info: a record that cannot be decoded can still be revoked
		if err == nil {
			err = m.Revoke(ctx, id)
		}
		switch {
		case errors.Is(err, session.ErrNotFound):
			errs = append(errs, fmt.Errorf("no session has the ID %s", id))
		case err != nil:
			errs = append(errs, err)
		default:
			n++
		}
	}
	return errors.Join(a.revoked(cmd, n), errors.Join(errs...))
}

func (a *app) revoked(cmd *cli.Command, n int) error {
	if cmd.Bool("json") {
		return a.json(map[string]int{"revoked": n})
	}
	a.printf("revoked %s\n", plural(n, "session"))
	return nil
}

func parseIDs(cmd *cli.Command, texts []string) ([]session.ID, error) {
	ids := make([]session.ID, 0, len(texts))
	for _, text := range texts {
		id, err := parseID(cmd, text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
