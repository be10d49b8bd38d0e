package stores

import (
	"os"

	bench "github.com/expanse-go/session/benchmarks"
)

// All returns the stores that can run here. It creates files in dir. The addresses of the
// servers come from the variables that "go run ./internal/tools servers" sets.
func All(dir, driver string) []bench.Store {
	all := []bench.Store{
		Memory(),
		Cookie(),
		File(dir, true),
		File(dir, false),
		SQLite(dir, driver, "NORMAL"),
		SQLite(dir, driver, "FULL"),
	}
	for _, s := range []struct {
		env  string
		open func(string) bench.Store
	}{
		{"SESSION_TEST_POSTGRES", PostgreSQL},
		{"SESSION_TEST_POSTGRES", PostgreSQLPool},
		{"SESSION_TEST_MYSQL", MariaDB},
		{"SESSION_TEST_REDIS", Redis},
		{"SESSION_TEST_REDIS", RedisPipeline},
	} {
		if server := os.Getenv(s.env); server != "" {
			all = append(all, s.open(server))
		}
	}
	return all
}
