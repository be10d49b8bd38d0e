package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Open connects to Redis, waits until it answers, and returns a store with a client of its own,
// which [Store.Close] closes. Call [Store.Check] before serving. ctx limits how long Open may
// take.
//
// The address is a URL. One server, with TLS if the scheme is rediss, or through a Unix socket:
//
//	redis://USER:PASSWORD@HOST:PORT/DATABASE
//	unix://USER:PASSWORD@/path/to/socket?db=DATABASE
//
// A server that Sentinel makes the primary, with the addresses of the sentinels. The user and
// the password before the host are those of the sentinels:
//
//	redis://HOST:26379/DATABASE?master_name=NAME&addr=HOST2:26379&username=USER&password=PASSWORD
//
// A cluster, with one or more of its nodes:
//
//	redis://USER:PASSWORD@HOST:PORT?cluster=true&addr=HOST2:PORT
//
// Other parameters are those of [redis.ParseURL], [redis.ParseFailoverURL] and
// [redis.ParseClusterURL], such as pool_size, and
//
//   - tls_ca_file, tls_cert_file, tls_key_file: PEM files with the authorities that sign the
//     server's certificate, and with a certificate of the client,
//   - tls_server_name: the name in the server's certificate, if it is not the host,
//   - cache_for: Config.CacheFor, such as 2s,
//   - auto_pipeline=true: commands that wait at the same time share a pipeline (see
//     [redis.AutoPipeliner], which go-redis calls experimental).
//
// The prefix is that of [Config]; "" means the default.
//
// To use the client for other purposes too, create it yourself and call [New]. To read the
// settings from files and variables, pass Open to sessionconfig.WithRedis.
func Open(ctx context.Context, address, prefix string) (*Store, error) {
	base, own, err := connect(address)
	if err != nil {
		return nil, err
	}
	client, closeAll := base, base.Close
	if own.pipeline {
		p, err := autoPipeline(base)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("session: %w", err), base.Close())
		}
		client, closeAll = p, func() error { return errors.Join(p.Close(), base.Close()) }
	}
	s, err := New(client, Config{Prefix: prefix, Base: base, CacheFor: own.cacheFor})
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	s.closeClient = closeAll
	_, err = await(ctx, s, func(ctx context.Context) (string, error) { return base.Ping(ctx).Result() })
	if err != nil {
		_ = s.Close() // err says more
		return nil, fmt.Errorf("session: %w", explain(err))
	}
	return s, nil
}

func autoPipeline(c redis.UniversalClient) (*redis.AutoPipeliner, error) {
	return c.(interface {
		AutoPipeline() (*redis.AutoPipeliner, error)
	}).AutoPipeline()
}

// Errors of an address never quote it, because it contains a password, and a password that is
// not escaped can be in any part of it.
var errAddress = errors.New("session: the address of Redis is not a URL such as redis://USER:PASSWORD@HOST:6379/0; write special characters in the password as percent escapes")

// parameters are those of an address that are not go-redis's.
type parameters struct {
	cluster, pipeline   bool
	cacheFor            time.Duration
	ca, cert, key, name string
}

// take removes the parameters from q.
func (p *parameters) take(q url.Values) error {
	get := func(name string) string {
		v := q.Get(name)
		q.Del(name)
		return v
	}
	for name, to := range map[string]*bool{"cluster": &p.cluster, "auto_pipeline": &p.pipeline} {
		v := get(name)
		if v != "" && v != "true" && v != "false" {
			return fmt.Errorf("session: the address of Redis is not valid: %s is true or false", name)
		}
		*to = v == "true"
	}
	if v := get("cache_for"); v != "" {
		var err error
		if p.cacheFor, err = time.ParseDuration(v); err != nil {
			return errors.New("session: the address of Redis is not valid: cache_for is a duration such as 2s")
		}
	}
	p.ca, p.cert, p.key, p.name = get("tls_ca_file"), get("tls_cert_file"), get("tls_key_file"), get("tls_server_name")
	return nil
}

// connect creates a client for an address.
func connect(address string) (c redis.UniversalClient, own parameters, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" && u.Scheme != "unix" {
		return nil, own, errAddress
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, own, errAddress
	}
	if err := own.take(q); err != nil {
		return nil, own, err
	}
	u.RawQuery = q.Encode()
	if own.ca+own.cert+own.key+own.name != "" && u.Scheme != "rediss" {
		return nil, own, errors.New("session: the address of Redis is not valid: its parameters are for TLS, which needs the scheme rediss")
	}

	var secure *tls.Config
	var dial func() redis.UniversalClient
	switch {
	case own.cluster:
		o, perr := redis.ParseClusterURL(u.String())
		if perr != nil {
			return nil, own, invalid(perr)
		}
		o.ContextTimeoutEnabled = true
		secure, dial = o.TLSConfig, func() redis.UniversalClient { return redis.NewClusterClient(o) }
	case q.Has("master_name"):
		o, perr := redis.ParseFailoverURL(u.String())
		if perr != nil {
			return nil, own, invalid(perr)
		}
		if o.RouteByLatency || o.RouteRandomly || o.ReplicaOnly {
			return nil, own, errors.New("session: the address of Redis is not valid: it asks for replicas, which may still have a session that has ended")
		}
		o.ContextTimeoutEnabled = true
		secure, dial = o.TLSConfig, func() redis.UniversalClient { return redis.NewFailoverClient(o) }
	default:
		o, perr := redis.ParseURL(u.String())
		if perr != nil {
			return nil, own, invalid(perr)
		}
		o.ContextTimeoutEnabled = true
		secure, dial = o.TLSConfig, func() redis.UniversalClient { return redis.NewClient(o) }
	}
	if secure != nil {
		if err := own.certify(secure); err != nil {
			return nil, own, err
		}
	}
	return dial(), own, nil
}

// invalid returns what is wrong with an address without quoting it: go-redis puts what it quotes
// behind a colon.
func invalid(err error) error {
	what, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "redis: "), ":")
	return fmt.Errorf("session: the address of Redis is not valid: %s; see redisstore.Open", what)
}

// certify adds certificates to the settings of TLS.
func (p *parameters) certify(t *tls.Config) error {
	ca, cert, key, name := p.ca, p.cert, p.key, p.name
	if name != "" {
		t.ServerName = name
	}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("session: tls_ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("session: tls_ca_file: %s has no certificate in PEM form", ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("session: tls_cert_file and tls_key_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return nil
}
