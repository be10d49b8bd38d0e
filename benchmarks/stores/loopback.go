package stores

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sqlstore"
)

// loopbackWorkloads are the paths that a connection requests in turn. If there are
// several, the first request has no cookie and so makes a new session.
var loopbackWorkloads = []struct {
	name  string
	paths []string
}{
	{"reads a key", []string{"/read"}},
	{"reads and sets a key", []string{"/write"}},
	{"logs in and out", []string{"/visit", "/login", "/logout"}},
}

var loopbackActions = map[string]func(*session.Session){
	"/seed": func(s *session.Session) {
		for key, value := range bench.Usual {
			s.Set(key, value)
		}
	},
	"/read":   func(s *session.Session) { session.Get(s, "name", "") },
	"/write":  func(s *session.Session) { session.Get(s, "name", ""); s.Set("visits", session.Get(s, "visits", 0)+1) },
	"/visit":  func(s *session.Session) { s.Set("return_to", "/account") },
	"/login":  func(s *session.Session) { s.Login("1234567") },
	"/logout": (*session.Session).Invalidate,
}

// Loopback measures one server for each store that can run here, memory first. The
// servers take turns, and each run starts with a different one.
func Loopback(dir, driver string, runs int, during time.Duration, progress func(string)) (all []bench.Loopback, err error) {
	var servers []*loopbackServer
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Close())
			err = errors.Join(err, s.manager.Close(context.Background()))
			if s.db != nil {
				err = errors.Join(err, s.db.Close())
			}
			if s.closePool != nil {
				err = errors.Join(err, s.closePool())
			}
		}
	}()
	for _, kind := range []struct{ title, name, where string }{
		{"memory", "memory", dir}, {"SQLite FULL", "sqlite", dir},
		{"PostgreSQL", "postgres", os.Getenv("SESSION_TEST_POSTGRES")},
		{"PostgreSQL, pgxstore", "pgxstore", os.Getenv("SESSION_TEST_POSTGRES")}, {"MariaDB", "mariadb", os.Getenv("SESSION_TEST_MYSQL")},
	} {
		if kind.where == "" {
			continue
		}
		s, err := newLoopbackServer(kind.name, kind.where, driver)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.title, err)
		}
		s.title = kind.title
		servers = append(servers, s)
	}
	for _, w := range loopbackWorkloads {
		row := make([]bench.Loopback, len(servers))
		for run := range runs {
			progress(fmt.Sprintf("%s, run %d…", w.name, run+1))
			for i := range servers {
				i = (i + run) % len(servers)
				r := &row[i]
				r.Store, r.Workload = servers[i].title, w.name
				if err := servers[i].measure(r, w.paths, during); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", r.Store, w.name, err)
				}
			}
			for i := range row {
				row[i].Ratios = append(row[i].Ratios, row[i].Rates[run]/row[0].Rates[run])
			}
		}
		all = append(all, row...)
	}
	return all, nil
}

// A loopbackServer runs in this process, and its clients in another one.
type loopbackServer struct {
	title string
	*http.Server
	URL     string
	manager *session.Manager
	db      *sql.DB // nil: none

	closePool func() error // of pgxstore; nil: none
}

func newLoopbackServer(kind, where, driver string) (s *loopbackServer, err error) {
	s = new(loopbackServer)
	var store session.Store
	switch kind {
	case "memory":
		store = memstore.New(memstore.Config{MaxSessions: -1, MaxBytes: -1})
	case "sqlite", "postgres":
		var p location
		if p, err = newLocation(kind, where, driver, where); err == nil {
			s.db, err = p.connect()
		}
		if err == nil {
			store, err = newSQLStore(s.db, p.dialect())
		}
	case "pgxstore":
		store, s.closePool, err = newPGXStore(where, "loopback")
	case "mariadb":
		if s.db, err = mariaDatabase(where, "loopback"); err == nil {
			store, err = newSQLStore(s.db, sqlstore.MySQL)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.manager, err = session.New(store, session.Config{PruneEvery: -1}); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, act := range loopbackActions {
		mux.Handle(path, s.manager.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			act(s)
			bench.Answer(w, http.StatusOK, "ok")
		}))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Server, s.URL = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}, "http://"+listener.Addr().String()
	go func() { _ = s.Serve(listener) }() // until close
	return s, nil
}

// measure adds one run to r.
func (s *loopbackServer) measure(r *bench.Loopback, paths []string, during time.Duration) error {
	c, err := startChildren(1, "clients", clientsTask{s.URL, paths, during})
	if err != nil {
		return err
	}
	before := bench.CPUTime()
	reports, err := runChildren[clientsReport](c)
	used := bench.CPUTime() - before
	if err != nil {
		return err
	}
	n := float64(reports[0].Requests)
	r.Rates, r.CPU = append(r.Rates, n/reports[0].Took.Seconds()), append(r.CPU, float64(used)/n)
	return nil
}

type clientsTask struct {
	URL    string
	Paths  []string
	During time.Duration
}

type clientsReport struct {
	Requests int
	Took     time.Duration
}

// clientsChild makes the sessions and warms up, before it is ready.
func clientsChild(args []byte, ready func() error) (any, error) {
	var task clientsTask
	if err := json.Unmarshal(args, &task); err != nil {
		return nil, err
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = bench.Clients
	cookies := make([]string, bench.Sessions)
	for i := range cookies {
		var err error
		if cookies[i], err = get(task.URL+"/seed", ""); err != nil {
			return nil, err
		}
	}
	if _, err := task.load(cookies, task.During/10); err != nil {
		return nil, err
	}
	if err := ready(); err != nil {
		return nil, err
	}
	began := time.Now()
	n, err := task.load(cookies, task.During)
	return clientsReport{n, time.Since(began)}, err
}

// load makes requests on all connections, each with sessions of its own.
func (t clientsTask) load(all []string, during time.Duration) (requests int, err error) {
	until := time.Now().Add(during)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for cookies := range slices.Chunk(all, len(all)/bench.Clients) {
		wg.Go(func() {
			n, cookie := 0, ""
			var failed error
			for ; failed == nil && time.Now().Before(until); n++ {
				step := n % len(t.Paths)
				switch {
				case len(t.Paths) == 1:
					cookie = cookies[n%len(cookies)]
				case step == 0:
					cookie = ""
				}
				cookie, failed = get(t.URL+t.Paths[step], cookie)
			}
			mu.Lock()
			defer mu.Unlock()
			requests, err = requests+n, errors.Join(err, failed)
		})
	}
	wg.Wait()
	return requests, err
}

// get makes a request and returns the cookie for the next one.
func get(url, cookie string) (next string, err error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", url, response.StatusCode, body)
	}
	if fresh := bench.NewCookie(response.Header["Set-Cookie"]); fresh != "" {
		cookie = fresh
	}
	return cookie, err
}
