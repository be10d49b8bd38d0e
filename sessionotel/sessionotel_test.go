package sessionotel_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionotel"
)

// A lab is a manager whose metrics and spans the test reads.
type lab struct {
	*session.Manager
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
	tracer trace.Tracer
	token  string
	store  *hooked
}

// A hooked store calls before ahead of each update.
type hooked struct {
	session.Store
	mu     sync.Mutex
	before func() error
}

func (h *hooked) Update(ctx context.Context, r session.Record) error {
	h.mu.Lock()
	before := h.before
	h.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return err
		}
	}
	return h.Store.Update(ctx, r)
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder(), store: &hooked{Store: memstore.New(memstore.Config{})}}
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(l.spans))
	l.tracer = traces.Tracer("test")
	hook, err := sessionotel.New(sessionotel.Config{
		MeterProvider: metric.NewMeterProvider(metric.WithReader(l.reader)), TracerProvider: traces, Store: "memory",
	})
	if err != nil {
		t.Fatal(err)
	}
	if l.Manager, err = session.New(l.store, session.Config{OnEvent: hook, PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	return l
}

// request sends a request within a span of its own, as otelhttp does, and returns that span.
func (l *lab) request(h func(http.ResponseWriter, *http.Request, *session.Session)) trace.SpanContext {
	ctx, span := l.tracer.Start(context.Background(), "GET /")
	defer span.End()
	r := httptest.NewRequestWithContext(ctx, "POST", "https://example.com/", nil)
	if l.token != "" {
		r.AddCookie(&http.Cookie{Name: l.CookieName(), Value: l.token})
	}
	w := httptest.NewRecorder()
	l.HandlerFunc(h).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		l.token = c.Value
	}
	return span.SpanContext()
}

// collect returns the metrics, one series a line: name, unit, attributes, and the value of a
// counter or the count of a histogram.
func (l *lab) collect(t testing.TB) string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := l.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	add := func(m metricdata.Metrics, attrs attribute.Set, n any) {
		lines = append(lines, fmt.Sprintf("%s [%s] {%s} %v", m.Name, m.Unit, attrs.Encoded(attribute.DefaultEncoder()), n))
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m, p.Attributes, p.Value)
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					add(m, p.Attributes, fmt.Sprint(p.Count, " sum ", p.Sum))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(m, p.Attributes, p.Count)
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

var errDown = errors.New("dial tcp db.internal:5432")

// TestMetrics checks names, units, attributes and values.
func TestMetrics(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	set := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("key", "CANARY") }
	l.request(set)
	l.request(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("owner-ada") })
	l.request(func(http.ResponseWriter, *http.Request, *session.Session) {})
	conflicts := 2
	l.store.before = func() error {
		if conflicts--; conflicts >= 0 {
			return session.ErrConflict
		}
		return nil
	}
	l.request(set)
	l.store.before = func() error { return session.ErrFull }
	l.request(set)
	l.store.before = nil
	l.request(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() })
	l.token = stranger(t)
	l.request(set)

	got := l.collect(t)
	want := fmt.Sprintf(`expanse.session.commit.batch.size [{patch}] {} 5 sum 5
expanse.session.commit.duration [s] {error.type=full,expanse.session.outcome=error,expanse.session.store=memory} 1
expanse.session.commit.duration [s] {expanse.session.outcome=created,expanse.session.store=memory} 2
expanse.session.commit.duration [s] {expanse.session.outcome=ended,expanse.session.store=memory} 1
expanse.session.commit.duration [s] {expanse.session.outcome=updated,expanse.session.store=memory} 2
expanse.session.commit.replays [{replay}] {} 2
expanse.session.document.size [By] {} 4 sum %d
expanse.session.events [{event}] {expanse.session.event=committed} 5
expanse.session.events [{event}] {expanse.session.event=created} 2
expanse.session.events [{event}] {expanse.session.event=failed} 1
expanse.session.events [{event}] {expanse.session.event=loaded} 5
expanse.session.events [{event}] {expanse.session.event=logged-out} 1
expanse.session.events [{event}] {expanse.session.event=rotated} 1
expanse.session.events [{event}] {expanse.session.event=unknown-token} 1
expanse.session.load.duration [s] {expanse.session.outcome=found,expanse.session.store=memory} 5
expanse.session.load.duration [s] {expanse.session.outcome=unknown,expanse.session.store=memory} 1`, 4*len(`{"key":"CANARY"}`))
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// stranger returns a token of another store.
func stranger(t testing.TB) string {
	l := newLab(t)
	l.request(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("a", 1) })
	return l.token
}

// TestSpans: there is a span for each load and commit that calls the store, below the request's,
// and no other. No span has an ID, an owner, a key, a value or the text of an error.
func TestSpans(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	set := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("key", "CANARY") }
	l.request(set)
	parent := l.request(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login("owner-ada")
		set(w, r, s)
	})
	l.request(func(http.ResponseWriter, *http.Request, *session.Session) {})
	l.store.before = func() error { return fmt.Errorf("%w: %w", errDown, session.ErrFull) }
	l.request(set)

	var names []string
	for _, s := range l.spans.Ended() {
		names = append(names, s.Name())
		text := fmt.Sprint(s.Attributes(), s.Status(), s.Events(), s.Links())
		if id, _, _ := strings.Cut(l.token, "."); strings.Contains(text, id[:16]) || strings.Contains(text, "ada") || strings.Contains(text, "CANARY") || strings.Contains(text, "db.internal") || strings.Contains(text, "session.id") {
			t.Errorf("the span %q says too much: %s", s.Name(), text)
		}
		if s.EndTime().Before(s.StartTime()) || s.EndTime().Sub(s.StartTime()) > time.Minute {
			t.Errorf("the span %q is from %v to %v", s.Name(), s.StartTime(), s.EndTime())
		}
	}
	want := "session commit,GET /,session load,session commit,GET /,session load,GET /,session load,session commit,GET /"
	if got := strings.Join(names, ","); got != want {
		t.Errorf("spans %s, want %s", got, want)
	}
	commit := l.spans.Ended()[3]
	if commit.Parent().SpanID() != parent.SpanID() || commit.SpanContext().TraceID() != parent.TraceID() {
		t.Error("the commit is not below its request")
	}
	failed := l.spans.Ended()[8]
	if failed.Status().Code != codes.Error || failed.Status().Description != "full" {
		t.Errorf("status %v", failed.Status())
	}

	// Without a request's span there is none.
	before := len(l.spans.Ended())
	if _, err := l.Load(context.Background(), session.Token(l.token)); err != nil {
		t.Fatal(err)
	}
	if n := len(l.spans.Ended()); n != before {
		t.Errorf("%d spans without a parent", n-before)
	}
}

// TestLinkToWinner: a commit that another request has stored in its batch, or that was applied
// after another one, has a link to that request.
func TestLinkToWinner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		l.request(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("key", 0) })
		open, first := make(chan struct{}), true
		l.store.before = func() error {
			if first {
				first = false
				<-open
			}
			return nil
		}
		var all sync.WaitGroup
		parents := make([]trace.SpanContext, 3)
		for i := range parents {
			all.Go(func() {
				parents[i] = l.request(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set(fmt.Sprint("key", i), i) })
			})
			synctest.Wait()
		}
		close(open)
		all.Wait()
		links := map[trace.SpanID]trace.SpanID{}
		for _, s := range l.spans.Ended() {
			for _, link := range s.Links() {
				links[s.Parent().SpanID()] = link.SpanContext.SpanID()
			}
		}
		want := map[trace.SpanID]trace.SpanID{parents[1].SpanID(): parents[0].SpanID(), parents[2].SpanID(): parents[1].SpanID()}
		if fmt.Sprint(links) != fmt.Sprint(want) {
			t.Errorf("links %v, want %v", links, want)
		}
	})
}

// TestDefaults: the zero value uses the global providers, which do nothing by default.
func TestDefaults(t *testing.T) {
	t.Parallel()
	hook, err := sessionotel.New(sessionotel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	hook(t.Context(), session.Event{Kind: session.EventCommitted, Op: session.OpCommit, Outcome: session.OutcomeUpdated, Batch: 1})
}

// BenchmarkEvent measures a load event with metrics.
func BenchmarkEvent(b *testing.B) {
	hook, err := sessionotel.New(sessionotel.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))})
	if err != nil {
		b.Fatal(err)
	}
	e := session.Event{Kind: session.EventLoaded, Op: session.OpLoad, Outcome: session.OutcomeFound, Duration: time.Millisecond, Bytes: 500}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		hook(ctx, e)
	}
}
