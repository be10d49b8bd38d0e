package sqltable

import (
	"strings"
	"testing"
)

// wsrep_sync_wait exists on every MariaDB, but matters in a Galera cluster only.
func TestSyncWaitOfGalera(t *testing.T) {
	for _, c := range []struct {
		on, wait string
		warns    bool
	}{
		{"OFF", "0", false},
		{"ON", "0", true},
		{"ON", "1", true}, // an UPDATE or a DELETE does not wait
		{"ON", "3", false},
		{"ON", "15", false},
	} {
		refused, weak := MySQL.judge(map[string]string{"wsrep_on": c.on, "wsrep_sync_wait": c.wait})
		if len(refused) > 0 || strings.Contains(strings.Join(weak, " "), "wsrep_sync_wait=3") != c.warns {
			t.Errorf("wsrep_on=%s, wsrep_sync_wait=%s: got %q and %q, want a warning: %t", c.on, c.wait, refused, weak, c.warns)
		}
	}
	if _, weak := MySQL.judge(map[string]string{}); len(weak) > 0 { // MySQL has neither
		t.Errorf("got %q, want nothing", weak)
	}
}
