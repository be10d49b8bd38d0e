package sessionpage

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// A row is one session in a list. It keeps what the page shows, and not the session's data.
type row struct {
	ID         string
	Device     Device
	Address    string
	Place      string
	Active     time.Time
	Created    time.Time
	SignedIn   time.Time // zero if the data cannot be read
	Here       bool      // the session of this request
	Unreadable bool
}

// hooks are what the application says about a client.
type hooks struct {
	device func(session.Client) Device
	place  func(context.Context, string) string
}

// listTime limits how long a list may take, in the store and in the hooks, each.
const listTime = 2 * time.Second

// recent returns the sessions of an owner: the one of this request first, then the most
// recently active ones, limit at most. more reports whether there are others. Its memory
// depends on the limit and not on the number of sessions.
func (h hooks) recent(ctx context.Context, all iter.Seq2[session.Info, error], here session.ID, limit int) (rows []row, more bool, err error) {
	seen := 0
	for info, err := range all {
		if err != nil && !errors.Is(err, session.ErrCorrupt) {
			if ctx.Err() != nil { // the time limit of the page
				more = true
				break
			}
			return nil, false, err
		}
		seen++
		if rows = append(rows, h.row(info, here, err != nil)); len(rows) >= 2*limit {
			rows = best(rows, limit)
		}
		if ctx.Err() != nil {
			more = true
			break
		}
	}
	rows = best(rows, limit)
	return rows, more || seen > len(rows), nil
}

func best(rows []row, limit int) []row {
	slices.SortFunc(rows, func(a, b row) int {
		if a.Here != b.Here {
			if a.Here {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Active.Compare(a.Active), cmp.Compare(a.ID, b.ID))
	})
	return rows[:min(len(rows), limit)]
}

func (h hooks) row(i session.Info, here session.ID, unreadable bool) row {
	return row{
		ID: i.ID.String(), Device: h.device(i.Client).clean(), Address: clip(i.Client.Address),
		Active: i.LastActivity, Created: i.CreatedAt, SignedIn: i.AuthenticatedAt,
		Here: i.ID == here, Unreadable: unreadable,
	}
}

// locate asks for the place of each address, once, within a time limit.
func (h hooks) locate(ctx context.Context, rows []row) {
	if h.place == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	known := map[string]string{"": ""}
	for i := range rows {
		place, ok := known[rows[i].Address]
		if !ok && ctx.Err() == nil {
			place = clip(h.place(ctx, rows[i].Address))
			known[rows[i].Address] = place
		}
		rows[i].Place = place
	}
}
