package docs

import (
	"context"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionform"
)

func signup(w http.ResponseWriter, r *http.Request, s *session.Session, check func(url.Values) map[string]string) {
	if errs := check(r.PostForm); len(errs) > 0 { // map[string]string{"email": "The address is incomplete."}
		sessionform.Flash(s, "signup", r.PostForm, errs, "name", "email")
		http.Redirect(w, r, "/signup", http.StatusSeeOther)
		return
	}
}

func parse(files fs.FS) *template.Template {
	var pages = template.Must(template.New("").Funcs(sessionform.Funcs()).ParseFS(files, "*.html"))
	return pages
}

func orderForm(s *session.Session) string {
	token := sessionform.NewToken(s, "order") // in GET /order: <input type="hidden" name="once" value="…">
	return token
}

func orderOnce(w http.ResponseWriter, r *http.Request, manager *session.Manager, s *session.Session, shop interface {
	Order(ctx context.Context, cart []string) (string, error)
}, cart []string) {
	o, err := sessionform.Once(r.Context(), manager, s, "order", r.PostFormValue("once"), func() (string, error) {
		id, err := shop.Order(r.Context(), cart) // in POST /order
		return "/orders/" + id, err
	})
	switch {
	case errors.Is(err, sessionform.ErrUnknownToken): // show the form again, with a new token
	case errors.Is(err, sessionform.ErrUnfinished): // 409: it was submitted before; its outcome is not known
	case err != nil: // the act has failed, or the store
	default:
		http.Redirect(w, r, o.Result, http.StatusSeeOther) // for the first request and for all others
	}
}
