// Package testserver tells tests which database servers to use.
package testserver

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"
)

// The environment variables with the data source names of the servers, and with the
// programs of a pooler, a proxy, Prometheus and the interpreters of other languages, which each
// test starts for itself.
const (
	Postgres      = "SESSION_TEST_POSTGRES"
	MySQL         = "SESSION_TEST_MYSQL"
	Redis         = "SESSION_TEST_REDIS"
	RedisCluster  = "SESSION_TEST_REDIS_CLUSTER"
	RedisSentinel = "SESSION_TEST_REDIS_SENTINEL"
	PgBouncer     = "SESSION_TEST_PGBOUNCER"
	Nginx         = "SESSION_TEST_NGINX"
	Prometheus    = "SESSION_TEST_PROMETHEUS"
	Python        = "SESSION_TEST_PYTHON"
	Node          = "SESSION_TEST_NODE"
	PHP           = "SESSION_TEST_PHP"
)

// DSN returns the data source name in an environment variable. If the variable is not set,
// DSN skips the test, or fails it in CI.
func DSN(tb testing.TB, env string) string {
	tb.Helper()
	dsn := os.Getenv(env)
	if dsn != "" {
		return dsn
	}
	message := env + ` is not set; "make test" installs the server, starts it and sets the variable`
	if os.Getenv("CI") == "true" {
		tb.Fatal(message)
	}
	tb.Skip(message)
	return ""
}

// Name returns a new name for a schema, a database or a user.
func Name() string { return "test_" + strings.ToLower(rand.Text()[:12]) }
