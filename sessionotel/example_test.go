package sessionotel_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionotel"
)

// A program passes its MeterProvider, whose reader decides where the metrics go. With
// go.opentelemetry.io/otel/exporters/prometheus, the reader is prometheus.New(), and
// promhttp.Handler() serves the metrics.
func ExampleNew() {
	reader := metric.NewManualReader()
	hook, err := sessionotel.New(sessionotel.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})
	if err != nil {
		fmt.Println(err)
		return
	}
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{OnEvent: hook})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := manager.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("name", "Ada") })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "https://example.com/", nil))

	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name)
	}
	// Output:
	// expanse.session.commit.duration
	// expanse.session.commit.batch.size
	// expanse.session.document.size
	// expanse.session.events
}
