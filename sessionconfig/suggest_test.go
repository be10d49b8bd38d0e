package sessionconfig

import "testing"

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"table", "table", 0}, {"tabel", "table", 1}, {"tble", "table", 1}, {"taable", "table", 1},
		{"tible", "table", 1}, {"secret", "secure", 2}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("%q to %q: got %d, want %d", tc.a, tc.b, got, tc.want)
		}
		if got := distance(tc.b, tc.a); got != tc.want {
			t.Errorf("%q to %q: got %d, want %d", tc.b, tc.a, got, tc.want)
		}
	}
}

// The distance is symmetric, zero only for equal names, and bounded by the lengths.
func FuzzDistance(f *testing.F) {
	f.Add("lifetime", "liftime")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 50 || len(b) > 50 {
			return
		}
		d := distance(a, b)
		if e := distance(b, a); d != e {
			t.Errorf("%q, %q: got %d one way and %d the other", a, b, d, e)
		}
		if longer := max(len(a), len(b)); (d == 0) != (a == b) || d > longer || d < longer-min(len(a), len(b)) {
			t.Errorf("%q, %q: got %d", a, b, d)
		}
	})
}
