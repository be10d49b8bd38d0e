package pagemodel

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// An owned is a session of an owner, as it is listed.
type owned struct {
	id   session.ID
	last time.Time
}

func (a owned) compare(b owned) int {
	if c := a.last.Compare(b.last); c != 0 {
		return c
	}
	return bytes.Compare(a.id[:], b.id[:])
}

// limited lists the sessions of each owner, if their number is limited.
func (o *overlaps) limited() (map[string][]owned, error) {
	all := map[string][]owned{}
	if o.maxPerOwner == 0 {
		return all, nil
	}
	for i, err := range o.probe.ListAll(context.Background()) {
		if err != nil {
			return nil, err
		}
		all[i.Owner] = append(all[i.Owner], owned{i.ID, i.LastActivity})
	}
	return all, nil
}

// limit ends what a login has ended in a world: of the sessions that were listed before it, the
// least recently active ones that are too many.
func (o *overlaps) limit(w world, before map[string][]owned) {
	if o.maxPerOwner == 0 {
		return
	}
	for id, rec := range w {
		was := o.world[id]
		if rec.owner == "" || rec.ended || was != nil && was.login == rec.login && was.owner == rec.owner {
			continue
		}
		own, over := owned{id, o.now}, 1-o.maxPerOwner
		var older []owned
		for _, u := range before[rec.owner] {
			if u.id == id || w[u.id].ended || w[u.id].owner != rec.owner {
				continue
			}
			over++
			if u.compare(own) < 0 {
				older = append(older, u)
			}
		}
		slices.SortFunc(older, owned.compare)
		for _, u := range older[:max(0, min(over, len(older)))] {
			w[u.id].ended = true
		}
		return
	}
}

// compare compares all that is stored with the model, and notes which sessions have expired.
func (o *overlaps) compare() error { return o.compareWith(o.world) }

func (o *overlaps) compareWith(w world) error {
	for _, t := range o.tokens {
		if err := o.compareToken(w, t); err != nil {
			return err
		}
	}
	for id, rec := range w {
		if err := o.compareToken(w, issued{id, rec.current()}); err != nil {
			return err
		}
	}
	return nil
}

// compareToken compares what a token leads to with the model.
func (o *overlaps) compareToken(w world, t issued) error {
	s, err := o.probe.Load(context.Background(), session.Token(t.text))
	if err != nil {
		return err
	}
	rec, found := w[t.id], !s.IsNew()
	if rec == nil {
		return nil // in this order, the request that got the token comes later
	}
	replaced, current, recognised := rec.find(t.text, o.now)
	grants := current || recognised && replaced.periodic
	switch {
	case rec.ended && found:
		return fmt.Errorf("session %v has ended, and is found: %v", t.id, s.All())
	case found && !grants:
		return fmt.Errorf("session %v is found with a token that was replaced", t.id)
	case found && !o.now.Before(rec.to):
		return fmt.Errorf("session %v should have expired at %v", t.id, rec.to.Sub(o.now))
	case found && (s.ExpiresAt().Before(rec.from) || s.ExpiresAt().After(rec.to)):
		return fmt.Errorf("session %v expires in %v, want %v to %v", t.id, s.ExpiresAt().Sub(o.now), rec.from.Sub(o.now), rec.to.Sub(o.now))
	case found && (!same(s.All(), rec.data) || s.Owner() != rec.owner):
		return fmt.Errorf("session %v of %q holds %v, want %v of %q", t.id, s.Owner(), s.All(), rec.data, rec.owner)
	case !found && grants && !rec.ended && o.now.Before(rec.from):
		return fmt.Errorf("session %v is not found, %v before it expires", t.id, rec.from.Sub(o.now))
	case found && !rec.from.After(o.now):
		rec.from = o.now.Add(1)
	case !found && grants:
		rec.ended = true
	}
	return nil
}
