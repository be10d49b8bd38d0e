package race

import "testing"

// "beam race" finds no loss in this library, and finds losses in the others. How much they
// lose is random, but they always lose something, because their handlers take longer than
// sending all writes.
func TestRun(t *testing.T) {
	all, err := Run(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(Programs) {
		t.Fatalf("%d results, want %d", len(all), len(Programs))
	}
	for _, r := range all {
		if r.Sent != 500 || r.Refused != 0 || r.Kept+r.Lost != r.Sent || r.Rounds != 10 {
			t.Errorf("%s: got %+v, want 500 writes, all acknowledged, and 10 rounds", r.Program, r)
		}
		right := r.Kept == r.Sent && r.Undone == 0
		if right != (r.Program == "session") || !right && (r.Lost == 0 || r.Undone == 0) {
			t.Errorf("%s: kept %d of %d, %d logouts undone", r.Program, r.Kept, r.Sent, r.Undone)
		}
	}
}
