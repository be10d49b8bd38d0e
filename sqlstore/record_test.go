package sqlstore

import "testing"

// Drivers return integers as int64 or as decimal text; any other value is an error.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		value any
		want  number
		ok    bool
	}{
		{int64(-7), -7, true}, {[]byte("12"), 12, true}, {"12", 12, true},
		{nil, 0, false}, {"x", 0, false},
	} {
		var got number
		if err := got.Scan(c.value); got != c.want || (err == nil) != c.ok {
			t.Errorf("%#v: got %d, %v, want %d", c.value, got, err, c.want)
		}
	}
}
