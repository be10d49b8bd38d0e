package sessionconfig

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/expanse-go/session"
)

// WithRedis makes the store "redis" available, which keeps sessions in Redis or Valkey:
//
//	sessionconfig.Open(ctx, "config", sessionconfig.WithRedis(redisstore.Open))
//
// Its connections are in redis.toml, and in variables such as REDIS_CONNECTIONS__MAIN__URL. open
// gets the address of the connection as a URL, which contains the passwords, and the prefix of the
// keys. The manager's Close closes the connections.
func WithRedis[S session.Store](open func(ctx context.Context, url, prefix string) (S, error)) Option {
	return func(l *loader) {
		l.redis = func(ctx context.Context, url, prefix string) (session.Store, error) { return open(ctx, url, prefix) }
	}
}

// loadRedis reads and checks redis.toml and the REDIS_CONNECTION variables, even if the store
// does not use them.
func (c *Config) loadRedis(l *loader, doc document, vars map[string]entry) {
	c.redisSet = settings{specs: redisSpecs, entries: map[string]entry{}, values: map[string]any{}, bad: map[string]bool{}}
	for _, e := range []struct {
		entries map[string]entry
		name    string
	}{{doc.entries, "default"}, {vars, redisVariable}} {
		if e, ok := e.entries[e.name]; ok {
			c.redisSet.entries["default"] = e
		}
	}
	c.redisSet.parse(l, "")
	v := vocabulary{keys: []string{"default"}, tables: []string{"connections"}}
	c.redises, v.open = redises.connectionsOf(l, doc)
	if !doc.broken {
		redises.define(c.redises, vars)
	}
	for _, name := range sortedKeys(c.redises) {
		con := c.redises[name]
		con.settings.overlay(l, vars, redisPrefix+variable("", con.name)+"__", con.prefix(), c.root)
		con.settings.parse(l, con.prefix())
		if s := &con.settings; len(s.list("addresses")) == 0 && !s.given("url") {
			s.values["addresses"] = []string{"127.0.0.1:6379"}
			if s.text("sentinel_master") != "" {
				s.values["addresses"] = []string{"127.0.0.1:26379"}
			}
		}
		con.checkRedis(l)
		for _, key := range con.settings.keys() {
			v.keys = append(v.keys, con.prefix()+key)
		}
	}
	if !doc.broken {
		redises.unknownVariables(l, c.redises, vars)
	}
	l.reportUnknown(doc, v)
}

// checkRedis reports settings of the connection that are wrong or contradictory.
func (c *connection) checkRedis(l *loader) {
	before := len(l.mistakes)
	s := &c.settings
	refuse := func(key, reason, hint string) {
		if !s.bad[key] {
			s.refuse(l, c.prefix(), key, reason, hint)
		}
	}
	if s.given("url") {
		layer := s.entries["url"].origin.layer()
		for _, sp := range s.specs {
			if sp.key != "url" && s.given(sp.key) && s.entries[sp.key].origin.layer() >= layer {
				refuse(sp.key, "has no effect because url is set", "make it part of the url, or remove one of the two")
			}
		}
		c.broken = len(l.mistakes) > before || len(s.bad) > 0
		return
	}
	for _, address := range s.list("addresses") {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" || strings.ContainsAny(host, "/@") {
			refuse("addresses", "must be a list of addresses such as \"127.0.0.1:6379\"", "put a URL in url")
		}
	}
	if n := s.number("database"); n < 0 {
		refuse("database", "is not the number of a database", "use 0 or more")
	}
	sentinel := s.text("sentinel_master") != ""
	for _, key := range []string{"sentinel_username", "sentinel_password"} {
		if s.given(key) && !sentinel {
			refuse(key, "has no effect without sentinel_master", "set sentinel_master, or use username and password")
		}
	}
	for _, key := range []string{"tls_ca_file", "tls_cert_file", "tls_key_file", "tls_server_name"} {
		if s.given(key) && !s.yes("tls") {
			refuse(key, "has no effect without tls", "set tls = true")
		}
	}
	if s.given("tls_cert_file") != s.given("tls_key_file") {
		key := "tls_cert_file"
		if s.given("tls_key_file") {
			key = "tls_key_file"
		}
		refuse(key, "needs the other half", "set both tls_cert_file and tls_key_file")
	}
	if s.yes("cluster") {
		if sentinel {
			refuse("cluster", "contradicts sentinel_master", "remove one of them")
		}
		if s.number("database") > 0 {
			refuse("database", "does not apply to a cluster, which has only database 0", "remove it")
		}
	}
	if len(s.list("addresses")) > 1 && !s.yes("cluster") && !sentinel {
		refuse("addresses", "has several servers, but only a cluster and Sentinel use more than one", "set cluster = true or sentinel_master")
	}
	c.broken = len(l.mistakes) > before || len(s.bad) > 0
}

// checkRedisStore checks that the program contains the store, if it is the configured one, and
// that its connection exists.
func (c *Config) checkRedisStore(l *loader, doc document) {
	const key = "stores.redis.connection"
	s := &c.settings
	if d := c.redisSet.text("default"); d != "" && !doc.broken && c.redises[fold(d)] == nil && (len(c.redises) > 0 || c.StoreName() == "redis") {
		c.redisSet.refuse(l, "", "default", "is not a configured connection", c.redisHint(d))
	}
	if c.StoreName() != "redis" || s.bad["store"] {
		return
	}
	if c.redis == nil {
		s.refuse(l, "", "store", "is not compiled into this program",
			`import "github.com/expanse-go/session/redisstore", and pass sessionconfig.WithRedis(redisstore.Open) to Open`)
		return
	}
	con, name := c.redisConnection()
	switch {
	case con != nil || doc.broken || s.bad[key] || c.redisSet.bad["default"]:
	case s.given(key):
		s.refuse(l, "", key, "is not a configured connection", c.redisHint(name))
	case len(c.redises) == 0:
		l.add(&Error{File: doc.name, Reason: "defines no connection, but the redis store needs one", Hint: c.redisHint("")})
	default:
		l.add(&Error{File: doc.name, Key: "default", Reason: "does not say which connection to use", Hint: configured(c.redises, "")})
	}
}

// redisHint lists the configured connections, or says how to define one.
func (c *Config) redisHint(wanted string) string {
	if len(c.redises) == 0 {
		name := "MAIN"
		if connectionName.MatchString(wanted) {
			name = variable("", wanted)
		}
		return fmt.Sprintf("set %s%s__URL=redis://127.0.0.1:6379/0, or add a table such as [connections.main] to %s", redisPrefix, name, redisFile)
	}
	return configured(c.redises, wanted)
}

// redisConnection returns the connection of the store, chosen like storeConnection.
func (c *Config) redisConnection() (*connection, string) {
	name := cmp.Or(c.settings.text("stores.redis.connection"), c.redisSet.text("default"))
	if name == "" && len(c.redises) == 1 {
		for _, con := range c.redises {
			return con, con.name
		}
	}
	return c.redises[fold(name)], name
}

// redisURL returns the address of the connection, with its passwords.
func (c *connection) redisURL(root string) string {
	s := &c.settings
	if s.given("url") {
		return s.text("url")
	}
	addresses := s.list("addresses")
	sentinel := s.text("sentinel_master")
	u := url.URL{Scheme: "redis", Host: addresses[0]}
	q := url.Values{}
	for _, more := range addresses[1:] {
		q.Add("addr", more)
	}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	user, password := s.text("username"), s.text("password")
	if sentinel != "" { // the user of the URL is that of the sentinels
		set("master_name", sentinel)
		set("username", user)
		set("password", password)
		user, password = s.text("sentinel_username"), s.text("sentinel_password")
	}
	if user != "" || password != "" {
		u.User = url.UserPassword(user, password)
	}
	if s.yes("cluster") {
		set("cluster", "true")
	} else {
		u.Path = "/" + strconv.Itoa(s.number("database"))
	}
	if s.yes("tls") {
		u.Scheme = "rediss"
		set("tls_server_name", s.text("tls_server_name"))
		for _, key := range []string{"tls_ca_file", "tls_cert_file", "tls_key_file"} {
			if file := s.text(key); file != "" {
				if !filepath.IsAbs(file) {
					file = filepath.Join(root, file)
				}
				set(key, file)
			}
		}
	}
	if n := s.number("pool_size"); n > 0 {
		set("pool_size", strconv.Itoa(n))
	}
	if s.yes("auto_pipeline") {
		set("auto_pipeline", "true")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// openRedis opens the store with the function registered with WithRedis, and checks it.
func (c *Config) openRedis(ctx context.Context) (session.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	con, _ := c.redisConnection()
	address := con.redisURL(c.base)
	fail := func(err error) error {
		secrets := []string{address, con.settings.text("password"), con.settings.text("sentinel_password")}
		secrets = append(secrets, passwordsIn(address)...)
		for _, ce := range configErrors(err) {
			m := c.settings.mistake("", "stores.redis.prefix", ce.Reason, "")
			m.Err = ce
			return m
		}
		key := "addresses"
		if con.settings.given("url") {
			key = "url"
		}
		reason := scrub(err, secrets, con.settings.text("url"))
		if reason == "timed out" {
			reason = "the server does not answer in time"
		}
		m := con.settings.mistake(con.prefix(), key, reason, "")
		m.Err = conceal(err, m.Reason)
		return m
	}
	store, err := c.redis(ctx, address, c.settings.text("stores.redis.prefix"))
	if err != nil {
		return nil, fail(err)
	}
	if checker, ok := session.Capability[interface{ Check(context.Context) error }](store); ok {
		if err := checker.Check(ctx); err != nil {
			closeStore(store) // err says more
			return nil, fail(err)
		}
	}
	return store, nil
}

// redisValues returns the settings of redis.toml, if it has a connection.
func (c *Config) redisValues() []Value {
	if len(c.redises) == 0 && !c.redisSet.given("default") {
		return nil
	}
	v := c.redisSet.value(redisSpecs[0], "", "")
	v.File, v.Variable = redisFile, redisVariable
	all := []Value{v}
	for _, name := range sortedKeys(c.redises) {
		con := c.redises[name]
		for _, sp := range con.settings.specs {
			if !con.settings.given(sp.key) && (sp.def == "" || con.settings.given("url")) {
				continue
			}
			v := con.settings.value(sp, con.prefix(), redisPrefix+variable("", con.name)+"__")
			v.File = redisFile
			all = append(all, v)
		}
	}
	return slices.Clip(all)
}
