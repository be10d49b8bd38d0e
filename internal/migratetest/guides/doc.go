// Package guides is the code of the guides in docs/migrating, so that both sides of each compile.
package guides

import (
	"errors"
	"net/http"
	"strconv"
)

// authenticate stands for the application's check of a password.
func authenticate(r *http.Request) (userID int, err error) {
	if r.FormValue("password") != "secret" {
		return 0, errors.New("wrong password")
	}
	return strconv.Atoi(r.FormValue("user"))
}
