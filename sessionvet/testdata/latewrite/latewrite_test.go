package latewrite

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/expanse-go/session"
)

func TestLate(t *testing.T) {
	_ = func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, "x")
		s.Set("a", 1)
	}
}
