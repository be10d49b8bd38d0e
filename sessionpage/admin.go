package sessionpage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// An AdminConfig configures an [Admin]. Authorize is mandatory.
type AdminConfig struct {
	_ [0]func() // keyed literals only

	// Authorize reports whether a request may see and use the page. It is called for every
	// request. Those that it refuses get a 403. [NewAdmin] fails without it.
	Authorize func(r *http.Request, s *session.Session) bool

	// Look is the name, the colors, the layout and the language of the page.
	Look Look

	// Device and Place are as in [AccountConfig].
	Device func(session.Client) Device
	Place  func(ctx context.Context, address string) string

	// Counters are shown on the page. nil: no events are shown.
	Counters *Counters

	// Numbers returns more lines for the table of events, such as counters of the
	// application's telemetry. It is called for each page, so it must be fast. At most 50
	// are shown. nil: none.
	Numbers func(ctx context.Context) []Number

	// Limit is how many sessions of an account the page shows, as in [AccountConfig].
	// Defaults to 100.
	Limit int

	// CountTime limits how long the page counts live sessions, and separately how long it
	// counts expired ones. After that time, the page shows the counts so far, with a note.
	// The memory that counting takes does not depend on the number of sessions. At most a
	// minute. Defaults to 2 seconds.
	CountTime time.Duration

	// CountEvery is how long the page shows the same counts, so that reloading it does not
	// read the whole store each time. At any time, at most one request counts, and the others
	// wait for it. Negative: every request counts. Defaults to 10 seconds.
	CountEvery time.Duration

	// Now is the clock; use that of the manager. Defaults to [time.Now].
	Now func() time.Time
}

// An Admin is a page that shows administrators how many sessions there are, how old they
// are and which browsers they use, and what has happened to them. They can search for the
// sessions of an account and end them. It is safe for concurrent use.
//
// The counts of live sessions are those of the manager's application; see
// [session.Config].Application. Expired records of all applications in the store count
// together.
type Admin struct {
	*pages
	cfg    AdminConfig
	hooks  hooks
	handle http.HandlerFunc

	counting chan struct{} // holds a token while a request counts
	last     *survey       // read and written with the token
}

// NewAdmin returns the page for the sessions of a manager. It returns an error that names
// every mistake in the configuration, above all a missing Authorize.
func NewAdmin(m *session.Manager, cfg AdminConfig) (*Admin, error) {
	p, err := newPages(m, cfg.Look, cfg.Now)
	if cfg.Authorize == nil {
		err = errors.Join(err, errors.New("session: AdminConfig.Authorize is nil, which would let everybody in; set a function that recognizes administrators"))
	}
	switch {
	case cfg.CountTime == 0:
		cfg.CountTime = 2 * time.Second
	case cfg.CountTime < 0 || cfg.CountTime > time.Minute:
		err = errors.Join(err, fmt.Errorf("session: AdminConfig.CountTime = %v: want at most a minute, or 0 for the default", cfg.CountTime))
	}
	if cfg.CountEvery == 0 {
		cfg.CountEvery = 10 * time.Second
	}
	if cfg.Limit, err = limit(cfg.Limit, err); err != nil {
		return nil, err
	}
	if cfg.Device == nil {
		cfg.Device = parseClient
	}
	a := &Admin{pages: p, cfg: cfg, hooks: hooks{cfg.Device, cfg.Place}, counting: make(chan struct{}, 1)}
	a.routes = map[string]route{
		"":          {get: a.only(a.overview)},
		"search":    {post: a.only(a.search)},
		"owner":     {get: a.only(a.owner)},
		"end":       {post: a.only(a.end)},
		"ask-owner": {post: a.only(a.askOwner)},
		"end-owner": {post: a.only(a.endOwner)},
	}
	a.handle = a.mount()
	return a, nil
}

// ServeHTTP serves the page; see the package documentation for how to mount it.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handle(w, r) }

// only lets administrators through.
func (a *Admin) only(h func(http.ResponseWriter, *http.Request, *session.Session)) func(http.ResponseWriter, *http.Request, *session.Session) {
	return func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		if !a.cfg.Authorize(r, s) {
			a.fail(w, r, s, http.StatusForbidden)
			return
		}
		h(w, r, s)
	}
}

// overviewData is the data of admin.html.
type overviewData struct {
	*survey
	Charts []chart
	Events []Number
	Owner  string // that was searched for last
	Most   int    // length of an owner
}

func (a *Admin) overview(w http.ResponseWriter, r *http.Request, s *session.Session) {
	counts, err := a.survey(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	v := a.view(r, s)
	v.Heading = v.T("admin_title")
	v.Data = overviewData{
		survey: counts,
		Charts: []chart{
			counts.ageChart(v),
			counts.Browsers.chart(v, "browser_title", counts.Live),
			counts.Systems.chart(v, "system_title", counts.Live),
		},
		Events: a.events(r.Context(), v),
		Owner:  ownerKey.Get(s, ""),
		Most:   session.MaxOwner,
	}
	a.write(w, r, http.StatusOK, "admin.html", v)
}

// survey returns counts that are not older than CountEvery.
func (a *Admin) survey(ctx context.Context) (*survey, error) {
	select {
	case a.counting <- struct{}{}:
		defer func() { <-a.counting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a.last != nil && a.now().Sub(a.last.At) < a.cfg.CountEvery {
		return a.last, nil
	}
	s, err := take(ctx, a.manager, a.cfg.Device, a.now, a.cfg.CountTime)
	if err == nil {
		a.last = s
	}
	return s, err
}

func (a *Admin) events(ctx context.Context, v *view) (list []Number) {
	if a.cfg.Counters != nil {
		for _, kind := range shown {
			list = append(list, Number{v.T(string(kind)), a.cfg.Counters.Of(kind)})
		}
	}
	if a.cfg.Numbers != nil {
		more := a.cfg.Numbers(ctx)
		for _, n := range more[:min(len(more), 50)] {
			list = append(list, Number{clip(n.Label), n.Value})
		}
	}
	return list
}

// ownerKey is the owner that an administrator has searched for. It is in the session, so
// that it is in no address.
var ownerKey = session.NewKey[string]("sessionpage.owner")

func (a *Admin) search(w http.ResponseWriter, r *http.Request, s *session.Session) {
	owner := r.PostForm.Get("owner")
	if owner == "" || len(owner) > session.MaxOwner {
		redirect(w, "")
		return
	}
	ownerKey.Set(s, strings.ToValidUTF8(owner, "\uFFFD"))
	redirect(w, "owner")
}

// ownerData is the data of owner.html.
type ownerData struct {
	Owner string
	Rows  []row
	More  bool
}

func (a *Admin) owner(w http.ResponseWriter, r *http.Request, s *session.Session) {
	d := ownerData{Owner: ownerKey.Get(s, "")}
	if d.Owner == "" {
		redirect(w, "")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), listTime)
	defer cancel()
	var err error
	if d.Rows, d.More, err = a.hooks.recent(ctx, a.manager.List(ctx, d.Owner), s.ID(), a.cfg.Limit); err != nil {
		if errors.Is(err, errors.ErrUnsupported) {
			redirect(w, "") // the overview explains
			return
		}
		session.Error(w, r, err)
		return
	}
	a.hooks.locate(r.Context(), d.Rows)
	v := a.view(r, s)
	v.Heading = v.T("owner_title", "owner", clip(d.Owner))
	v.Data = d
	a.write(w, r, http.StatusOK, "owner.html", v)
}

// end ends one session of the owner that the administrator was looking at.
func (a *Admin) end(w http.ResponseWriter, r *http.Request, s *session.Session) {
	id, err := session.ParseID(r.PostForm.Get("id"))
	if err != nil {
		a.fail(w, r, s, http.StatusBadRequest)
		return
	}
	info, err := a.manager.Info(r.Context(), id)
	switch {
	case errors.Is(err, session.ErrNotFound) || err == nil && info.Owner != r.PostForm.Get("owner"):
		a.tell(w, s, "owner", "done_before")
		return
	case err != nil && !errors.Is(err, session.ErrCorrupt):
		session.Error(w, r, err)
		return
	}
	if err := a.manager.Revoke(r.Context(), id); err != nil {
		session.Error(w, r, err)
		return
	}
	v := a.view(r, s)
	a.tell(w, s, "owner", "done_ended", "device", v.Device(a.cfg.Device(info.Client).clean()))
}

// askOwner asks before all sessions of an account end. It changes nothing, and is a POST
// only because the owner must not be in the address.
func (a *Admin) askOwner(w http.ResponseWriter, r *http.Request, s *session.Session) {
	owner := r.PostForm.Get("owner")
	if owner == "" {
		redirect(w, "")
		return
	}
	v := a.view(r, s)
	v.Heading = v.T("owner_confirm", "owner", clip(owner))
	text := v.T("owner_text")
	if owner == s.Owner() {
		text = v.T("owner_text_own")
	}
	v.Data = question{Text: text, Action: "end-owner", Button: v.T("owner_end"), Cancel: "./owner", Owner: owner}
	a.write(w, r, http.StatusOK, "question.html", v)
}

// endOwner ends all sessions of an account, except the one of the request.
func (a *Admin) endOwner(w http.ResponseWriter, r *http.Request, s *session.Session) {
	owner := r.PostForm.Get("owner")
	if owner == "" {
		redirect(w, "")
		return
	}
	n, err := a.manager.RevokeOwner(r.Context(), owner, s.ID())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	a.tell(w, s, "owner", "done_owner", "owner", clip(owner), "n", strconv.Itoa(n))
}
