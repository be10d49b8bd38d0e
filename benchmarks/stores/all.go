package stores

import bench "github.com/expanse-go/session/benchmarks"

// All returns the stores that can run here.
func All(dir, driver string) []bench.Store {
	return []bench.Store{
		Memory(),
		File(dir, true),
		File(dir, false),
		SQLite(dir, driver, "NORMAL"),
		SQLite(dir, driver, "FULL"),
	}
}
