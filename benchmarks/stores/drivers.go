package stores

import bench "github.com/expanse-go/session/benchmarks"

// drivers are the SQLite drivers that can be linked into one program. The driver of ncruces
// can't, because it registers the same name as mattn's.
var drivers = []string{"modernc", "mattn"}

// Drivers returns stores that compare the SQLite drivers. Their raw uses the first driver,
// which is the default of sessionconfig and of the other parts.
func Drivers(dir string) []bench.Store {
	var all []bench.Store
	for _, synchronous := range []string{"NORMAL", "FULL"} {
		s := bench.Store{Name: "SQLite " + synchronous}
		for i, driver := range drivers {
			peers := SQLite(dir, driver, synchronous).Peers
			raw, ours := peers[0], peers[1]
			if i > 0 {
				raw.Name += ", " + driver
			}
			ours.Name += ", " + driver
			s.Peers = append(s.Peers, raw, ours)
		}
		all = append(all, s)
	}
	return all
}
