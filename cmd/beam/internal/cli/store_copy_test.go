package cli

import (
	"testing"
	"time"
)

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		done, total int
		took        time.Duration
		want        string
	}{
		{0, 0, 0, "copying: 0, 0/s"},
		{300, 0, 2 * time.Second, "copying: 300, 150/s"},
		{0, 10, 0, "copying: 0, 0/s"},
		{250, 1000, 5 * time.Second, "copying [#####               ] 25 %, 50/s, 15s left"},
		{1000, 1000, 5 * time.Second, "copying [####################] 100 %, 200/s, 0s left"},
		{1001, 1000, 5 * time.Second, "copying: 1001, 200/s"},
	} {
		if got := bar("copying", tc.done, tc.total, tc.took); got != tc.want {
			t.Errorf("%d of %d after %v: got %q, want %q", tc.done, tc.total, tc.took, got, tc.want)
		}
	}
}
