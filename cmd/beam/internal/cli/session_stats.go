package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sessionmigrate"
)

// stats counts live sessions. Only Expired counts records that are expired and not yet
// removed.
type stats struct {
	Store          string     `json:"store"`
	Live           int        `json:"live"`
	SignedIn       int        `json:"signed_in"`
	Anonymous      int        `json:"anonymous"`
	Owners         int        `json:"owners"`
	OwnersExact    bool       `json:"owners_exact"` // or else an estimate, off by about 0.4 %
	Expired        int        `json:"expired"`
	Bytes          int64      `json:"bytes"`
	LargestBytes   int        `json:"largest_bytes"`
	LargestID      string     `json:"largest_id"` // "" if there are no sessions
	OldestCreated  *time.Time `json:"oldest_created"`
	LatestActivity *time.Time `json:"latest_activity"`
}

func (a *app) sessionStats(ctx context.Context, cmd *cli.Command) error {
	f, err := filterOf(cmd)
	if err != nil {
		return err
	}
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
	if err := a.count(ctx, store, f, &s); err != nil {
		return err
	}
	if cmd.Bool("json") {
		return a.json(s)
	}
	a.printf("store      %s\n", s.Store)
	a.printf("live       %d\n", s.Live)
	about := "about "
	if s.OwnersExact {
		about = ""
	}
	a.printf("signed in  %d, of %s%s\n", s.SignedIn, about, plural(s.Owners, "owner"))
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

// count reads the records one by one. Its memory does not depend on how many there are.
func (a *app) count(ctx context.Context, store session.Store, f filter, s *stats) error {
	p := a.begin("reading sessions")
	defer p.end()
	now, read, owners := time.Now(), 0, newDistinct()
	records := session.List(ctx, store)
	if f.owner != "" {
		records = session.ListOwner(ctx, store, f.owner)
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		read++
		p.say("reading sessions: %d", read)
		switch {
		case fallbackstore.IsMark(r), sessionmigrate.IsMark(r): // of sessions that have moved
		case !f.wants(r.LastActivity, r.ExpiresAt):
		case !now.Before(r.ExpiresAt):
			s.Expired++
		default:
			s.add(r)
			if r.Owner != "" {
				owners.add(r.Owner)
			}
		}
	}
	s.Owners, s.OwnersExact = owners.count()
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
