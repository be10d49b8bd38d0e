package main

import (
	"context"
	"errors"
	"time"

	"github.com/expanse-go/session"
)

// storm lets one kind of weather pass over a store and its server.
func (t *trial) storm(ctx context.Context, w weather) (told string, err error) {
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	before := goroutines(ctx)
	s, err := newStorm(ctx, p)
	if err != nil {
		return "", err
	}
	told, err = t.onStore(ctx, s.store, s.witness, time.Now, func(*load, opened) error {
		wait(ctx, t.each/4)
		s.proxy.set(w)
		wait(ctx, t.each/2)
		s.proxy.set(fair)
		return nil
	})
	if err := errors.Join(err, s.close()); err != nil {
		return "", err
	}
	return told, p.atRest(ctx, before)
}

// A storm is a store behind a proxy, and a witness that sees what is stored.
type storm struct {
	proxy   *proxy
	store   opened // through the proxy
	direct  opened
	witness *session.Manager
}

func newStorm(ctx context.Context, p place) (*storm, error) {
	address, err := p.address()
	if err != nil {
		return nil, err
	}
	s := &storm{}
	if s.proxy, err = newProxy(address); err != nil {
		return nil, err
	}
	behind, err := p.via(s.proxy.address())
	if err == nil {
		s.store, err = behind.open(ctx)
	}
	if err == nil {
		s.direct, err = p.open(ctx)
	}
	if err == nil {
		s.witness, err = newManager(s.direct.Store)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *storm) close() error {
	return errors.Join(s.store.close(), s.direct.close(), s.proxy.close())
}
