package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/tools/server"
)

// otherNode reads on one node what another one has just stored, and revokes there what another
// one has just created, while other sessions are in use. With the default of wsrep_sync_wait,
// some of this fails, which is counted; with the recommended one, nothing may.
func (t *trial) otherNode(ctx context.Context, g *server.Galera) (summary string, err error) {
	for _, wait := range []string{"0", syncWait} {
		nodes, _, err := t.openNodes(ctx, g, wait)
		var seen sightings
		if err == nil {
			err = checkWarning(ctx, nodes[0], wait == "0")
		}
		if err == nil {
			seen, err = t.look(ctx, nodes)
		}
		for _, n := range nodes {
			err = errors.Join(err, n.close())
		}
		if err != nil {
			return "", err
		}
		summary += fmt.Sprintf("; wsrep_sync_wait=%s: %v", wait, seen)
		if wait == syncWait && seen.missed+seen.kept > 0 {
			return "", fmt.Errorf("wsrep_sync_wait=%s: %v", wait, seen)
		}
	}
	return summary[2:], nil
}

// checkWarning fails unless the store warns of wsrep_sync_wait, or does not.
func checkWarning(ctx context.Context, n node, want bool) error {
	warnings, err := n.Warnings(ctx)
	if err == nil && strings.Contains(fmt.Sprint(warnings), "wsrep_sync_wait") != want {
		err = fmt.Errorf("got warnings %q, want one of wsrep_sync_wait: %t", warnings, want)
	}
	return err
}

// sightings count what otherNode found.
type sightings struct {
	rounds, missed, kept int
	loads, writes        []time.Duration
}

func (n sightings) String() string {
	median := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)/2].Round(time.Microsecond)
	}
	return fmt.Sprintf("%d of %d sessions not found, %d not revoked, median of a load %v, of a write %v",
		n.missed, n.rounds, n.kept, median(n.loads), median(n.writes))
}

func (t *trial) look(ctx context.Context, nodes []node) (seen sightings, err error) {
	var managers []*session.Manager
	for _, n := range nodes {
		m, err := newManager(n.Store)
		if err != nil {
			return seen, err
		}
		managers = append(managers, m)
	}
	l, err := newLoad(time.Now, nodes[0].Store, nodes[2].Store)
	if err != nil {
		return seen, err
	}
	loading, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(loading, t.seed, 6)
	}()
	defer func() {
		stop()
		<-ended
	}()
	for end := time.Now().Add(t.each); err == nil && (time.Now().Before(end) || seen.rounds < 50); seen.rounds++ {
		err = seen.round(ctx, managers[0], managers[1], fmt.Sprint("owner", seen.rounds))
	}
	return seen, err
}

// round creates a session on one node, and looks for it and revokes it on another.
func (n *sightings) round(ctx context.Context, here, there *session.Manager, owner string) error {
	start := time.Now()
	token, err := write(ctx, here, "", func(s *session.Session) { s.Login(owner) })
	n.writes = append(n.writes, time.Since(start))
	if err != nil {
		return err
	}
	start = time.Now()
	s, err := there.Load(ctx, session.Token(token))
	n.loads = append(n.loads, time.Since(start))
	if err != nil {
		return err
	}
	if s.IsNew() {
		n.missed++
	}
	if token, err = write(ctx, here, "", func(s *session.Session) { s.Login(owner) }); err != nil {
		return err
	}
	if _, err := there.RevokeOwner(ctx, owner); err != nil {
		return err
	}
	if s, err = here.Load(ctx, session.Token(token)); err != nil {
		return err
	}
	if !s.IsNew() {
		n.kept++
	}
	return nil
}
