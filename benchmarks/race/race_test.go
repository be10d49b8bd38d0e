package race

import "testing"

// "beam race" finds nothing to blame in this library, and what the others lose. How
// much they lose is chance; that they lose is not, since their handlers take longer
// than it takes to send the writes.
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
			t.Errorf("%s: got %+v, want 500 writes, all answered as done, and 10 rounds", r.Program, r)
		}
		right := r.Kept == r.Sent && r.Undone == 0
		if right != (r.Program == "session") || !right && (r.Lost == 0 || r.Undone == 0) {
			t.Errorf("%s: kept %d of %d, %d logouts undone", r.Program, r.Kept, r.Sent, r.Undone)
		}
	}
}
