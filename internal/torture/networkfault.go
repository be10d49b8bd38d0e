package main

import (
	"context"
	"errors"
	"time"

	"github.com/expanse-go/session"
)

// networkFault injects one kind of network fault between a store and its server.
func (t *trial) networkFault(ctx context.Context, f fault) (summary string, err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	before := goroutines(ctx)
	s, err := newProxiedStore(ctx, loc)
	if err != nil {
		return "", err
	}
	summary, err = t.loadStore(ctx, s.store, s.observer, time.Now, func(*load, openStore) error {
		wait(ctx, t.each/4)
		s.proxy.set(f)
		wait(ctx, t.each/2)
		s.proxy.set(noFault)
		return nil
	})
	if err := errors.Join(err, s.close()); err != nil {
		return "", err
	}
	return summary, loc.checkLeaks(ctx, before)
}

// A proxiedStore is a store that reaches its server through a proxy, with an observer that
// reads the stored data over a direct connection.
type proxiedStore struct {
	proxy    *proxy
	store    openStore // through the proxy
	direct   openStore
	observer *session.Manager
}

func newProxiedStore(ctx context.Context, loc location) (*proxiedStore, error) {
	address, err := loc.address()
	if err != nil {
		return nil, err
	}
	s := &proxiedStore{}
	if s.proxy, err = newProxy(address); err != nil {
		return nil, err
	}
	proxied, err := loc.withAddress(s.proxy.address())
	if err == nil {
		s.store, err = proxied.open(ctx)
	}
	if err == nil {
		s.direct, err = loc.open(ctx)
	}
	if err == nil {
		s.observer, err = newManager(s.direct.Store)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *proxiedStore) close() error {
	return errors.Join(s.store.close(), s.direct.close(), s.proxy.close())
}
