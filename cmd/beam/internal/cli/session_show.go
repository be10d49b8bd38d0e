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

// sessionShow shows what a session holds, which may be private: it is what the
// application stored, without the digests and marks that the library keeps.
func (a *app) sessionShow(ctx context.Context, cmd *cli.Command) error {
	if cmd.NArg() != 1 {
		return wrong(cmd, "give one ID, as beam session list shows it")
	}
	id, err := parseID(cmd, cmd.Args().First())
	if err != nil {
		return err
	}
	manager, done, err := a.manager(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	info, err := manager.Info(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		return fmt.Errorf("no session has the ID %s; it may have expired or been signed out", id)
	}
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

func parseID(cmd *cli.Command, text string) (session.ID, error) {
	id, err := session.ParseID(text)
	if err != nil {
		return id, wrong(cmd, "%q is not an ID: an ID has 32 hexadecimal digits, as beam session list shows it", text)
	}
	return id, nil
}
