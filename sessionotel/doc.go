// Package sessionotel turns the events of a session manager into metrics and spans of
// OpenTelemetry.
//
//	hook, err := sessionotel.New(sessionotel.Config{})
//	…
//	manager, err := session.New(store, session.Config{OnEvent: hook})
//
// It uses the API of OpenTelemetry only, and by default the global providers, so the program
// decides where the data goes: to a collector over OTLP, or to Prometheus through the exporter
// go.opentelemetry.io/otel/exporters/prometheus. dashboard.json is a Grafana dashboard for the
// metrics in Prometheus.
//
// # Metrics
//
//   - expanse.session.load.duration: histogram, seconds; attributes expanse.session.outcome and,
//     if it has failed, error.type
//   - expanse.session.commit.duration: the same for commits
//   - expanse.session.commit.replays: counter; how often changes were applied again because
//     another process had committed first
//   - expanse.session.commit.batch.size: histogram; the requests whose changes were stored by one
//     update
//   - expanse.session.document.size: histogram, bytes; of the sessions that were stored
//   - expanse.session.events: counter; attribute expanse.session.event, a [session.EventKind]
//   - expanse.session.pruned: counter; expired sessions that sweeps have deleted
//
// Only loads and commits that call the store are measured: a request without a session cookie
// loads nothing. The attribute expanse.session.store is [Config].Store, if it is set. No
// attribute contains a session's ID, its owner, a key or a value, so the number of series is
// bounded. The hook does not use the namespace session of OpenTelemetry's conventions, with
// session.id, which is for the telemetry of clients.
//
// # Spans
//
// A load or commit that calls the store becomes a span "session load" or "session commit", a
// child of the request's span. Without that, there is no span, so put otelhttp outside of
// [session.Manager.Handler]. The event comes when the operation has ended, so the span is created
// afterwards with its actual start time, and the spans of a database driver are its siblings, not
// its children. A request whose changes were stored together with those of another one, or after
// them, has a link to the other's span, if both are in one process.
//
// # Cost
//
// An event takes less than a microsecond and no allocation, apart from its span. Without a hook,
// a manager reads no clock for events.
package sessionotel
