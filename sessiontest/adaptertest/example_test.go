package adaptertest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// The test of an adapter serves the routes of the suite. Here, the "framework" is net/http;
// nethttp_test.go in the folder of this package has all routes.
func ExampleRun() {
	harness := adaptertest.Harness{
		Serve: func(tb testing.TB, app *adaptertest.App) string {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /plain", func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "plain")
			})
			mux.HandleFunc("POST /save", func(w http.ResponseWriter, r *http.Request) {
				s, err := session.From(r.Context())
				if err != nil {
					session.Error(w, r, err)
					return
				}
				app.Save(s)
				http.Redirect(w, r, "/show", http.StatusSeeOther)
			})
			// …
			server := httptest.NewServer(app.Manager.Handler(mux))
			tb.Cleanup(server.Close)
			return server.URL
		},
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			status, _ := session.ErrorStatus(err)
			http.Error(w, adaptertest.ErrorText(status), status)
		},
	}
	_ = func(t *testing.T) { adaptertest.Run(t, harness) } // func TestAdapter(t *testing.T)

	fmt.Println(adaptertest.Clauses()[0])
	// Output: PlainCostsNothing
}
