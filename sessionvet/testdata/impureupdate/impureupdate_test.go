package impureupdate

import (
	"testing"

	"github.com/expanse-go/session"
)

func TestUpdate(t *testing.T) {
	var s *session.Session
	runs := 0
	session.Update(s, "n", func(n int) int { runs++; return n })
}
