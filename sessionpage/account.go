package sessionpage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/expanse-go/session"
)

// An AccountConfig configures an [Account]. The zero value is valid.
type AccountConfig struct {
	_ [0]func() // keyed literals only

	// Look is the name, the colors, the layout and the language of the page.
	Look Look

	// SignIn is the address of the page on which visitors sign in. The page links to it if
	// the visitor is not signed in. "": no link.
	SignIn string

	// Reauthenticate is called before the page ends other sessions than the one of the
	// request. If it returns false, nothing ends, and it must have responded, for example
	// with a redirect to a page that asks for the password. OWASP ASVS 7.5.2 asks for this.
	// [session.Session.AuthenticatedAt] tells how long ago the user has signed in. nil: the
	// page does not ask.
	Reauthenticate func(w http.ResponseWriter, r *http.Request, s *session.Session) bool

	// Device describes a client. Defaults to [ParseDevice] of its User-Agent header.
	Device func(session.Client) Device

	// Place returns where an address is, such as "Lyon, France", or "" if it is unknown.
	// It gets the address that [session.Config].Client has recorded. It is called once for
	// each address on a page, and no more once all calls together have taken two seconds.
	// nil: the page shows addresses only.
	Place func(ctx context.Context, address string) string

	// Limit is how many sessions the page shows: the one of the request, and those that
	// were active last. The page says if there are others. Reading them stops after two
	// seconds. At most 1000. Defaults to 100.
	Limit int

	// Now is the clock; use that of the manager. Defaults to [time.Now].
	Now func() time.Time
}

// An Account is a page on which users see the sessions of their account, with the device,
// the time of the last activity and the address of each. They can end each session, or all
// others. It is safe for concurrent use.
//
// A user who ends the session of the request itself is signed out, and the page says so. If
// the store cannot list sessions, the page says so, too.
type Account struct {
	*pages
	cfg    AccountConfig
	hooks  hooks
	handle http.HandlerFunc
}

// NewAccount returns the page for the sessions of a manager. It returns an error that names
// every mistake in the configuration.
func NewAccount(m *session.Manager, cfg AccountConfig) (*Account, error) {
	p, err := newPages(m, cfg.Look, cfg.Now)
	if cfg.Limit, err = limit(cfg.Limit, err); err != nil {
		return nil, err
	}
	if cfg.Device == nil {
		cfg.Device = parseClient
	}
	a := &Account{pages: p, cfg: cfg, hooks: hooks{cfg.Device, cfg.Place}}
	a.routes = map[string]route{
		"":           {get: a.list},
		"end":        {post: a.end},
		"others":     {get: a.askOthers},
		"end-others": {post: a.endOthers},
	}
	a.handle = a.mount()
	return a, nil
}

// limit checks a limit, and joins its mistake to the others.
func limit(n int, other error) (int, error) {
	switch {
	case n == 0:
		n = 100
	case n < 0 || n > 1000:
		other = errors.Join(other, fmt.Errorf("session: Limit = %d: want 1 to 1000, or 0 for the default", n))
	}
	return n, other
}

// ServeHTTP serves the page; see the package documentation for how to mount it.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handle(w, r) }

// accountData is the data of account.html.
type accountData struct {
	Owner       string
	SignIn      string
	Rows        []row
	More        bool
	Unsupported bool
}

// Alone reports whether the session of the request is the only one.
func (d accountData) Alone() bool { return len(d.Rows) == 1 && d.Rows[0].Here && !d.More }

func (a *Account) list(w http.ResponseWriter, r *http.Request, s *session.Session) {
	v := a.view(r, s)
	v.Heading = v.T("title")
	d := accountData{Owner: s.Owner(), SignIn: a.cfg.SignIn}
	if d.Owner != "" {
		ctx, cancel := context.WithTimeout(r.Context(), listTime)
		defer cancel()
		var err error
		d.Rows, d.More, err = a.hooks.recent(ctx, a.manager.List(ctx, d.Owner), s.ID(), a.cfg.Limit)
		if d.Unsupported = errors.Is(err, errors.ErrUnsupported); err != nil && !d.Unsupported {
			session.Error(w, r, err)
			return
		}
		a.hooks.locate(r.Context(), d.Rows)
	}
	v.Data = d
	a.write(w, r, http.StatusOK, "account.html", v)
}

// end ends one session. Its ID comes from a form, so it may be that of anybody's session.
// What belongs to somebody else is treated like what does not exist, so that nobody can find
// out which IDs are in use.
func (a *Account) end(w http.ResponseWriter, r *http.Request, s *session.Session) {
	id, err := session.ParseID(r.PostForm.Get("id"))
	if err != nil {
		a.fail(w, r, s, http.StatusBadRequest)
		return
	}
	if s.Owner() == "" {
		redirect(w, "")
		return
	}
	if id == s.ID() {
		s.Invalidate()
		a.tell(w, s, "", "done_self")
		return
	}
	info, err := a.manager.Info(r.Context(), id)
	switch {
	case errors.Is(err, session.ErrNotFound) || info.Owner != s.Owner() && (err == nil || errors.Is(err, session.ErrCorrupt)):
		a.tell(w, s, "", "done_before")
		return
	case err != nil && !errors.Is(err, session.ErrCorrupt):
		session.Error(w, r, err)
		return
	}
	if !a.reauthenticated(w, r, s) {
		return
	}
	if err := a.manager.Revoke(r.Context(), id); err != nil {
		session.Error(w, r, err)
		return
	}
	device := a.view(r, s).Device(a.cfg.Device(info.Client).clean())
	a.tell(w, s, "", "done_ended", "device", device)
}

func (a *Account) reauthenticated(w http.ResponseWriter, r *http.Request, s *session.Session) bool {
	return a.cfg.Reauthenticate == nil || a.cfg.Reauthenticate(w, r, s)
}

// askOthers asks before all other sessions end, on a page of its own, which needs no script.
func (a *Account) askOthers(w http.ResponseWriter, r *http.Request, s *session.Session) {
	if s.Owner() == "" {
		redirect(w, "")
		return
	}
	v := a.view(r, s)
	v.Heading = v.T("others_title")
	v.Data = question{Text: v.T("others_text"), Action: "end-others", Button: v.T("end_others"), Cancel: "./"}
	a.write(w, r, http.StatusOK, "question.html", v)
}

// A question is the data of question.html.
type question struct {
	Text, Action, Button, Cancel string
	Owner                        string // a hidden field; "" if the action needs none
}

func (a *Account) endOthers(w http.ResponseWriter, r *http.Request, s *session.Session) {
	if s.Owner() == "" {
		redirect(w, "")
		return
	}
	if !a.reauthenticated(w, r, s) {
		return
	}
	n, err := a.manager.RevokeOwner(r.Context(), s.Owner(), s.ID())
	if errors.Is(err, errors.ErrUnsupported) {
		redirect(w, "") // the page explains
		return
	}
	if err != nil {
		session.Error(w, r, err)
		return
	}
	a.tell(w, s, "", "done_others", "n", strconv.Itoa(n))
}
