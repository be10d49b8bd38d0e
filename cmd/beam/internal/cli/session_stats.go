package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/sessionconfig"
)

// stats counts live sessions. Only Expired counts records that are expired and not yet
// removed.
type stats struct {
	Store          string     `json:"store"`
	Live           int        `json:"live"`
	SignedIn       int        `json:"signed_in"`
	Anonymous      int        `json:"anonymous"`
	Owners         int        `json:"owners"`
	Expired        int        `json:"expired"`
	Bytes          int64      `json:"bytes"`
	LargestBytes   int        `json:"largest_bytes"`
	LargestID      string     `json:"largest_id"` // "" if there are no sessions
	OldestCreated  *time.Time `json:"oldest_created"`
	LatestActivity *time.Time `json:"latest_activity"`
}

func (a *app) sessionStats(ctx context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd, sessionconfig.ReadOnly())
	if err != nil {
		return err
	}
	store, done, err := a.store(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	s := stats{Store: c.StoreName()}
	if err := a.count(ctx, store, &s); err != nil {
		return err
	}
	if cmd.Bool("json") {
		return a.json(s)
	}
	a.printf("store      %s\n", s.Store)
	a.printf("live       %d\n", s.Live)
	a.printf("signed in  %d, of %s\n", s.SignedIn, plural(s.Owners, "owner"))
	a.printf("anonymous  %d\n", s.Anonymous)
	a.printf("expired    %d, not yet removed\n", s.Expired)
	a.printf("bytes      %d\n", s.Bytes)
	if s.Live > 0 {
		a.printf("largest    %d bytes, %s\n", s.LargestBytes, s.LargestID)
		a.printf("oldest     created %s\n", stamp(*s.OldestCreated))
		a.printf("latest     active %s\n", stamp(*s.LatestActivity))
	}
	return nil
}

func (a *app) count(ctx context.Context, store session.Store, s *stats) error {
	p := a.begin("reading sessions")
	defer p.end()
	now := time.Now()
	owners := map[string]bool{}
	for r, err := range session.List(ctx, store) {
		if err != nil {
			return err
		}
		if fallbackstore.IsMark(r) { // in a store that sessions have moved from
			continue
		}
		if !now.Before(r.ExpiresAt) {
			s.Expired++
			continue
		}
		s.add(r)
		if r.Owner != "" {
			owners[r.Owner] = true
		}
		p.say("reading sessions: %d", s.Live)
	}
	s.Owners = len(owners)
	return nil
}

func (s *stats) add(r session.Record) {
	s.Live++
	if r.Owner == "" {
		s.Anonymous++
	} else {
		s.SignedIn++
	}
	s.Bytes += int64(len(r.Data))
	if len(r.Data) > s.LargestBytes {
		s.LargestBytes, s.LargestID = len(r.Data), r.ID.String()
	}
	created, active := r.CreatedAt.UTC(), r.LastActivity.UTC()
	if s.OldestCreated == nil || created.Before(*s.OldestCreated) {
		s.OldestCreated = &created
	}
	if s.LatestActivity == nil || active.After(*s.LatestActivity) {
		s.LatestActivity = &active
	}
}
