package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionRevoke ends what it is told to, one after the other. An ID that is not
// there is an error in the end, after the others were revoked: who revokes in a
// hurry must learn of a slip of the pen.
func (a *app) sessionRevoke(ctx context.Context, cmd *cli.Command) error {
	owner, byOwner := cmd.String("owner"), cmd.IsSet("owner")
	switch {
	case byOwner && cmd.NArg() > 0:
		return wrong(cmd, "give IDs or --owner, not both")
	case byOwner && owner == "":
		return wrong(cmd, "--owner needs a name; beam session clear --all ends anonymous sessions too")
	case !byOwner && cmd.NArg() == 0:
		return wrong(cmd, "give the IDs of sessions, or --owner NAME")
	case !byOwner && cmd.IsSet("keep"):
		return wrong(cmd, "--keep goes with --owner")
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
		_, err := m.Store().Load(ctx, id) // not Show: a record that does not decode can be revoked too
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
