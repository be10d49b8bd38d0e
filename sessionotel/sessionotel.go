package sessionotel

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/expanse-go/session"
)

// scope is the name of the instrumentation.
const scope = "github.com/expanse-go/session/sessionotel"

// The keys of the attributes.
const (
	keyOutcome = attribute.Key("expanse.session.outcome")
	keyStore   = attribute.Key("expanse.session.store")
	keyEvent   = attribute.Key("expanse.session.event")
	keyBatch   = attribute.Key("expanse.session.commit.batch.size")
	keyReplays = attribute.Key("expanse.session.commit.replays")
	keyError   = attribute.Key("error.type")
)

// A Config configures [New]. The zero value uses the global providers.
type Config struct {
	// MeterProvider defaults to [otel.GetMeterProvider].
	MeterProvider metric.MeterProvider

	// TracerProvider defaults to [otel.GetTracerProvider]. For no spans, use the provider of
	// package go.opentelemetry.io/otel/trace/noop.
	TracerProvider trace.TracerProvider

	// Store names the store in the attribute expanse.session.store of durations and spans, such
	// as "redis". Set it if a program has several. Defaults to "", which means no attribute.
	Store string
}

// New returns a function for [session.Config].OnEvent. It is safe for concurrent use, and may
// serve several managers. New returns an error if the MeterProvider refuses an instrument.
//
// To use another hook as well, call both:
//
//	OnEvent: func(ctx context.Context, e session.Event) { hook(ctx, e); audit(ctx, e) },
func New(cfg Config) (func(context.Context, session.Event), error) {
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	h := &hook{tracer: cfg.TracerProvider.Tracer(scope), kinds: map[session.EventKind][]metric.AddOption{}, ends: map[end]*series{}}
	if cfg.Store != "" {
		h.store = []attribute.KeyValue{keyStore.String(cfg.Store)}
	}
	if err := h.instruments(cfg.MeterProvider.Meter(scope)); err != nil {
		return nil, err
	}
	return h.event, nil
}

type hook struct {
	tracer trace.Tracer
	store  []attribute.KeyValue // empty, or one

	load, commit    metric.Float64Histogram
	batch, document metric.Int64Histogram
	replays         metric.Int64Counter
	events          metric.Int64Counter
	pruned          metric.Int64Counter

	mu    sync.RWMutex // guards the maps
	kinds map[session.EventKind][]metric.AddOption
	ends  map[end]*series
}

// An end is what distinguishes the series of a duration.
type end struct {
	outcome session.Outcome
	error   string
}

// A series has the attributes of a duration. There are few, so they are made once: an event
// then takes no allocation.
type series struct {
	attrs  []attribute.KeyValue
	record []metric.RecordOption
}

// The bounds of the histograms. Those of the durations are the ones that the semantic conventions
// have for databases, and some below, for stores in memory.
var (
	seconds = []float64{.00001, .0001, .001, .005, .01, .05, .1, .5, 1, 5, 10}
	patches = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
	bytes   = []float64{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}
)

func (h *hook) instruments(m metric.Meter) error {
	var errs [7]error
	h.load, errs[0] = m.Float64Histogram("expanse.session.load.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of the loads of sessions."), metric.WithExplicitBucketBoundaries(seconds...))
	h.commit, errs[1] = m.Float64Histogram("expanse.session.commit.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of the commits of sessions."), metric.WithExplicitBucketBoundaries(seconds...))
	h.replays, errs[2] = m.Int64Counter("expanse.session.commit.replays", metric.WithUnit("{replay}"),
		metric.WithDescription("Number of times that changes were applied again, because another process had committed first."))
	h.batch, errs[3] = m.Int64Histogram("expanse.session.commit.batch.size", metric.WithUnit("{patch}"),
		metric.WithDescription("Number of requests whose changes were stored together."), metric.WithExplicitBucketBoundaries(patches...))
	h.document, errs[4] = m.Int64Histogram("expanse.session.document.size", metric.WithUnit("By"),
		metric.WithDescription("Size of the documents of stored sessions."), metric.WithExplicitBucketBoundaries(bytes...))
	h.events, errs[5] = m.Int64Counter("expanse.session.events", metric.WithUnit("{event}"),
		metric.WithDescription("Number of events, by kind."))
	h.pruned, errs[6] = m.Int64Counter("expanse.session.pruned", metric.WithUnit("{session}"),
		metric.WithDescription("Number of expired sessions that were deleted."))
	return errors.Join(errs[:]...)
}

// event records one event.
func (h *hook) event(ctx context.Context, e session.Event) {
	h.events.Add(ctx, 1, h.kind(e.Kind)...)
	if e.Pruned > 0 {
		h.pruned.Add(ctx, int64(e.Pruned))
	}
	switch e.Op {
	case session.OpLoad:
		s := h.series(e)
		h.load.Record(ctx, e.Duration.Seconds(), s.record...)
		h.span(ctx, "session load", e, s.attrs)
	case session.OpCommit:
		s := h.series(e)
		h.commit.Record(ctx, e.Duration.Seconds(), s.record...)
		if e.Replays > 0 {
			h.replays.Add(ctx, int64(e.Replays))
		}
		if e.Batch > 0 {
			h.batch.Record(ctx, int64(e.Batch))
		}
		if e.Bytes > 0 && e.Batch > 0 { // once for each record that is stored
			h.document.Record(ctx, int64(e.Bytes))
		}
		h.span(ctx, "session commit", e, s.attrs)
	}
}

// kind returns the attribute of an event.
func (h *hook) kind(k session.EventKind) []metric.AddOption {
	h.mu.RLock()
	o, ok := h.kinds[k]
	h.mu.RUnlock()
	if !ok {
		o = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(keyEvent.String(string(k))))}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.kinds[k] = o
	}
	return o
}

// series returns the attributes of the duration of an operation.
func (h *hook) series(e session.Event) *series {
	key := end{outcome: e.Outcome}
	if e.Err != nil {
		key.error = errorType(e.Err)
	}
	h.mu.RLock()
	s := h.ends[key]
	h.mu.RUnlock()
	if s != nil {
		return s
	}
	attrs := append(slices.Clip(h.store), keyOutcome.String(string(key.outcome)))
	if key.error != "" {
		attrs = append(attrs, keyError.String(key.error))
	}
	s = &series{slices.Clip(attrs), []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ends[key] = s
	return s
}

// span makes the span of an operation that has ended. It begins none without a parent: the
// sweeps and the calls of programs without tracing would be traces of one span.
func (h *hook) span(ctx context.Context, name string, e session.Event, attrs []attribute.KeyValue) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	if e.Batch > 0 {
		attrs = append(attrs, keyBatch.Int(e.Batch))
	}
	if e.Replays > 0 {
		attrs = append(attrs, keyReplays.Int(e.Replays))
	}
	now := time.Now()
	options := []trace.SpanStartOption{trace.WithTimestamp(now.Add(-e.Duration)), trace.WithAttributes(attrs...)}
	if e.Winner != nil {
		if winner := trace.SpanContextFromContext(e.Winner); winner.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: winner}))
		}
	}
	_, span := h.tracer.Start(ctx, name, options...)
	if e.Err != nil {
		span.SetStatus(codes.Error, errorType(e.Err)) // the error itself may name the server, or the owner
	}
	span.End(trace.WithTimestamp(now))
}

// errorType returns one of few classes.
func errorType(err error) string {
	for _, class := range []struct {
		err  error
		name string
	}{
		{session.ErrConflict, "conflict"},
		{session.ErrEnded, "ended"},
		{session.ErrTooLarge, "too_large"},
		{session.ErrPathConflict, "path_conflict"},
		{session.ErrFull, "full"},
		{session.ErrCorrupt, "corrupt"},
		{session.ErrCommitted, "committed"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "canceled"},
	} {
		if errors.Is(err, class.err) {
			return class.name
		}
	}
	return "_OTHER" // as in the semantic conventions
}
