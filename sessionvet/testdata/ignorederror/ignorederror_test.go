package ignorederror

import (
	"testing"

	"github.com/expanse-go/session"
)

func TestFrom(t *testing.T) {
	s, _ := session.From(t.Context())
	s.Set("a", 1)
}
