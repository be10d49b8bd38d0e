package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionShow shows the data of a session, which may be private: everything that the
// application stored, but not the digests and marks of the library.
func (a *app) sessionShow(ctx context.Context, cmd *cli.Command) error {
	info, err := a.oneSession(ctx, cmd)
	if err != nil {
		return err
	}
	r := report(info)
	r.Document = info.Document()
	if cmd.Bool("json") {
		return a.json(r)
	}
	for _, row := range [][2]string{
		{"id", r.ID.String()},
		{"owner", orDash(r.Owner)},
		{"created", stamp(info.CreatedAt)},
		{"signed in", stamp(info.AuthenticatedAt)},
		{"last activity", stamp(info.LastActivity)},
		{"expires", stamp(info.ExpiresAt)},
		{"address", orDash(r.Address)},
		{"user agent", orDash(r.UserAgent)},
		{"version", fmt.Sprint(r.Version)},
		{"bytes", fmt.Sprint(r.Bytes)},
	} {
		a.printf("%s %s\n", a.stdout.paint(faint, fmt.Sprintf("%-14s", row[0])), row[1])
	}
	var b bytes.Buffer
	if err := json.Indent(&b, r.Document, "", "  "); err != nil {
		return fmt.Errorf("the document of the session is not valid JSON: %w", err)
	}
	a.printf("%s\n", escapeControls(b.String()))
	return nil
}

// oneSession returns the session that the argument names.
func (a *app) oneSession(ctx context.Context, cmd *cli.Command) (info session.Info, err error) {
	if cmd.NArg() != 1 {
		return info, wrong(cmd, "give one session ID; beam session list shows them")
	}
	id, err := parseID(cmd, cmd.Args().First())
	if err != nil {
		return info, err
	}
	manager, done, err := a.viewer(ctx, cmd)
	if err != nil {
		return info, err
	}
	defer done()
	info, err = manager.Info(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		err = fmt.Errorf("no session has the ID %s; it may have expired, or its user may have signed out", id)
	}
	return info, err
}

func parseID(cmd *cli.Command, text string) (session.ID, error) {
	id, err := session.ParseID(text)
	if err != nil {
		return id, wrong(cmd, "%q is not a session ID, which has 32 hexadecimal digits; beam session list shows them", text)
	}
	return id, nil
}
