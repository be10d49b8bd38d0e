package stores

import (
	"errors"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/network"
)

// networkStores are the stores of the part network. Their peers connect to a proxy instead
// of the server.
var networkStores = []struct {
	name, env string
	proxied   func(server string) (p *network.Proxy, address string, err error)
	peers     func(server string) []bench.Peer
}{
	{"PostgreSQL", "SESSION_TEST_POSTGRES", proxiedURL, func(server string) []bench.Peer {
		pgx := PostgreSQLPool(server).Peers[1]
		pgx.Name += ", pgxstore"
		return slices.Insert(PostgreSQL(server).Peers, 2, pgx)
	}},
	{"MariaDB", "SESSION_TEST_MYSQL", proxiedDSN, func(server string) []bench.Peer { return MariaDB(server).Peers }},
	{"Redis", "SESSION_TEST_REDIS", proxiedURL, func(server string) []bench.Peer { return Redis(server).Peers }},
}

// Network measures those of the named servers that can run here, at each round trip. The
// plan lacks the store, its peers, and the round trip.
func Network(names []string, plan bench.NetworkPlan, trips []time.Duration) (all []bench.Network, err error) {
	for _, s := range networkStores {
		server := os.Getenv(s.env)
		if server == "" || !slices.Contains(names, s.name) {
			continue
		}
		for _, trip := range trips {
			p, address, err := s.proxied(server)
			if err != nil {
				return all, err
			}
			p.SetRoundTrip(trip)
			plan.Store, plan.Peers, plan.RoundTrip = s.name, s.peers(address), trip
			more, err := bench.MeasureNetwork(plan)
			if err = errors.Join(err, p.Close()); err != nil {
				return all, err
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

// proxiedURL returns a proxy for the server at a URL, and its URL.
func proxiedURL(server string) (*network.Proxy, string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, "", err
	}
	p, err := network.NewProxy(u.Host)
	if err != nil {
		return nil, "", err
	}
	u.Host = p.Address()
	return p, u.String(), nil
}

// proxiedDSN returns a proxy for the server at a DSN of go-sql-driver, and its DSN.
func proxiedDSN(server string) (*network.Proxy, string, error) {
	cfg, err := mysql.ParseDSN(server)
	if err != nil {
		return nil, "", err
	}
	p, err := network.NewProxy(cfg.Addr)
	if err != nil {
		return nil, "", err
	}
	cfg.Addr = p.Address()
	return p, cfg.FormatDSN(), nil
}
