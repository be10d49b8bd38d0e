package cli

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// least keeps what sorting all values, without duplicates, would put first.
func TestLeastKeepsTheLeast(t *testing.T) {
	for _, n := range []int{1, 2, 10, 1000} {
		l := least[int]{n: n, compare: cmp.Compare[int]}
		var all []int
		for range 500 {
			v := rand.IntN(300)
			all = append(all, v)
			l.add(v)
			if len(l.kept) > 2*n {
				t.Fatalf("n %d: keeps %d values", n, len(l.kept))
			}
		}
		l.cut()
		slices.Sort(all)
		all = slices.Compact(all)
		if want := all[:min(n, len(all))]; !slices.Equal(l.kept, want) || l.dropped != (len(all) > n) {
			t.Errorf("n %d: got %v, dropped %t, want %v", n, l.kept, l.dropped, want)
		}
	}
}

// Up to exactOwners texts are counted exactly, and more are estimated: five standard errors
// are 2 %.
func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, exactOwners, exactOwners + 1, 10 * exactOwners} {
		d := newDistinct()
		for i := range n {
			d.add(strconv.Itoa(i))
			d.add(strconv.Itoa(i / 2))
		}
		got, exact := d.count()
		if exact != (n <= exactOwners) || exact && got != n || got < n*98/100 || got > n*102/100 {
			t.Errorf("count of %d = %d, exact %t", n, got, exact)
		}
	}
}
