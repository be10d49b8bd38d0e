// Package telemetry checks the metrics and the dashboard of sessionotel on a real Prometheus.
package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionotel"
)

// TestDashboard lets Prometheus scrape an application in which everything happens that the
// dashboard shows, and runs each of its queries.
func TestDashboard(t *testing.T) {
	program := testserver.DSN(t, testserver.Prometheus)
	app := startApp(t)
	prom, err := server.StartPrometheus(t.Context(), program, filepath.Join(t.TempDir(), "prometheus"), app.address)
	if err != nil {
		t.Fatal(err)
	}
	defer prom.Stop()
	ctx, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	traffic.Go(func() { app.traffic(ctx) })
	defer traffic.Wait()
	defer stop()

	for _, q := range queries(t) {
		t.Run(q.panel, func(t *testing.T) { q.check(t, prom.Address) })
	}
	stop()
	traffic.Wait()
	app.compare(t, prom.Address)
}

// A query is one of the dashboard.
type query struct{ panel, expr string }

// queries returns the queries of the dashboard, with its variables replaced as Grafana does.
func queries(t *testing.T) (all []query) {
	t.Helper()
	text, err := os.ReadFile("../../../sessionotel/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q has no query", p.Title)
		}
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$job", ".*", "$__rate_interval", "30s").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: the test does not know a variable in %s", p.Title, expr)
			}
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !strings.Contains(expr, "by ("+label[1]+")") {
					t.Errorf("%s: the legend names %s, which %s does not have", p.Title, label[1], expr)
				}
			}
			all = append(all, query{p.Title, expr})
		}
	}
	if len(all) < 10 {
		t.Fatalf("the dashboard has %d queries", len(all))
	}
	return append(all, alerts(t)...)
}

// alerts returns the conditions that the documentation suggests.
func alerts(t *testing.T) (all []query) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(rate\\(.*)` \\|").FindAllStringSubmatch(string(text), -1) {
		all = append(all, query{"alert", strings.NewReplacer(`\|`, "|", "[5m]", "[30s]").Replace(row[1])})
	}
	if len(all) < 3 {
		t.Fatalf("docs/telemetry.md has %d conditions", len(all))
	}
	return all
}

// check waits until the query has a result with a number in each series, above 0.
func (q query) check(t *testing.T, address string) {
	var last string
	for range 150 {
		result, err := ask(t.Context(), address, q.expr)
		if err != nil {
			t.Fatalf("%s: %v", q.expr, err)
		}
		good := len(result) > 0
		for _, v := range result {
			good = good && v > 0 && !math.IsInf(v, 0) // NaN is not
		}
		if good {
			return
		}
		last = fmt.Sprint(result)
		select {
		case <-t.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	t.Errorf("%s: %s", q.expr, last)
}

// ask runs a query, and returns the values by series.
func ask(ctx context.Context, address, expr string) (map[string]float64, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", address+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, errors.New(answer.Error)
	}
	values := map[string]float64{}
	for _, s := range answer.Data.Result {
		text, _ := s.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		values[fmt.Sprint(s.Metric)] = v
	}
	return values, nil
}

// An app is an application with sessions whose metrics can be scraped.
type app struct {
	manager *session.Manager
	address string
	clock   atomic.Int64 // how far the manager's clock is ahead
	down    atomic.Bool  // the store fails
	events  sync.Map     // how many there were, by kind: *atomic.Int64
	store   session.Store
}

func startApp(t *testing.T) *app {
	a := &app{store: memstore.New(memstore.Config{})}
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	hook, err := sessionotel.New(sessionotel.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)), Store: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	a.manager, err = session.New(failing{a.store, a}, session.Config{
		PruneEvery: -1,
		Now:        func() time.Time { return time.Now().Add(time.Duration(a.clock.Load())) },
		OnEvent: func(ctx context.Context, e session.Event) {
			hook(ctx, e)
			n, _ := a.events.LoadOrStore(string(e.Kind), new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(s.Close)
	a.address = strings.TrimPrefix(s.URL, "http://")
	return a
}

// A failing store fails while its application says so, and reports a conflict at each third
// update.
type failing struct {
	session.Store
	app *app
}

func (f failing) Unwrap() session.Store { return f.Store }

func (f failing) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if f.app.down.Load() {
		return session.Record{}, io.ErrUnexpectedEOF
	}
	return f.Store.Load(ctx, id)
}

func (f failing) Update(ctx context.Context, r session.Record) error {
	if f.app.down.Load() {
		return io.ErrUnexpectedEOF
	}
	if r.Version%3 == 0 { // another process commits
		if other, err := f.Store.Load(ctx, r.ID); err == nil && other.Version == r.Version {
			if err := f.Store.Update(ctx, other); err != nil {
				return err
			}
		}
	}
	return f.Store.Update(ctx, r)
}

// traffic lets everything happen again and again.
func (a *app) traffic(ctx context.Context) {
	for ctx.Err() == nil {
		a.round()
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (a *app) round() {
	token := a.send("", func(s *session.Session) { s.Set("cart", strings.Repeat("x", 1000)) })
	for i := range 5 {
		a.send(token, func(s *session.Session) { s.Set("n", i) })
	}
	a.send(token, func(s *session.Session) { session.Get(s, "n", 0) })
	next := a.send(token, func(s *session.Session) { s.Login("ada") })
	next = a.send(next, (*session.Session).Regenerate)
	old := next
	next = a.send(next, (*session.Session).Regenerate)
	a.send(old, func(s *session.Session) { session.Get(s, "n", 0) }) // replaced
	a.clock.Add(int64(time.Minute))
	a.send(old, func(s *session.Session) { session.Get(s, "n", 0) }) // used again
	a.send(next, func(s *session.Session) {                          // a logout comes first
		a.send(next, (*session.Session).Invalidate)
		s.Set("n", 0)
	})
	a.send(next, func(s *session.Session) { session.Get(s, "n", 0) }) // unknown
	token = a.send("", func(s *session.Session) { s.Set("code", 1) })
	a.send(token, func(s *session.Session) { // another request takes the code
		session.PopOnce(s, "code", 0)
		a.send(token, func(s *session.Session) { session.PopOnce(s, "code", 0) })
	})
	a.down.Store(true)
	a.send(token, func(s *session.Session) { s.Set("n", 0) })
	a.down.Store(false)
	a.send(token, func(s *session.Session) {
		s.Set("n", 0)
		a.down.Store(true)
	})
	a.down.Store(false)
	a.clock.Add(int64(100 * time.Hour))
	a.send(token, func(s *session.Session) { session.Get(s, "n", 0) }) // expired
	_, _ = a.manager.Prune(context.Background())
}

// send sends a request, and returns the token that the client has then.
func (a *app) send(token string, h func(*session.Session)) string {
	r := httptest.NewRequest("POST", "https://example.com/", nil)
	if token != "" {
		r.AddCookie(&http.Cookie{Name: a.manager.CookieName(), Value: token})
	}
	w := httptest.NewRecorder()
	a.manager.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { h(s) }).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		token = c.Value
	}
	return token
}

// compare checks that Prometheus has counted what has happened.
func (a *app) compare(t *testing.T, address string) {
	want := map[string]float64{}
	a.events.Range(func(kind, n any) bool {
		want[fmt.Sprintf("map[expanse_session_event:%v]", kind)] = float64(n.(*atomic.Int64).Load())
		return true
	})
	for _, kind := range []session.EventKind{
		session.EventLoaded, session.EventCommitted, session.EventCreated, session.EventReplayed, session.EventConflict,
		session.EventDropped, session.EventRotated, session.EventPruned, session.EventFailed, session.EventExpired, session.EventUnknownToken,
	} {
		if want[fmt.Sprintf("map[expanse_session_event:%v]", kind)] == 0 {
			t.Errorf("there was no event %s", kind)
		}
	}
	var got map[string]float64
	for range 150 {
		var err error
		if got, err = ask(t.Context(), address, `sum by (expanse_session_event) (expanse_session_events_total)`); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			break
		}
		select {
		case <-t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", got, want)
	}
	// No series has a label that identifies a visitor.
	series, err := ask(t.Context(), address, `count by (__name__) ({__name__=~"expanse_session_.*"})`)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Collect(func(yield func(string) bool) {
		for s := range series {
			if !yield(s) {
				return
			}
		}
	})
	if len(names) < 10 {
		t.Errorf("only %d metrics: %v", len(names), names)
	}
	for name, n := range series {
		if n > 300 {
			t.Errorf("%s has %v series", name, n)
		}
	}
}
