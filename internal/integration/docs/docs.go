// Package docs holds the code that the pages in docs quote and that needs modules besides the
// root. TestDocs of the root module compares the two.
package docs

import (
	"context"
	"database/sql"
	"log"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/natsstore"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sessionotel"
	"github.com/expanse-go/session/sessionpage"
	"github.com/expanse-go/session/sqlstore"
)

// use stands for what a program does with the values of a quotation.
func use(...any) {}

func configured(ctx context.Context) {
	{
		manager, err := sessionconfig.Open(ctx, "config") // config/session.toml, database.toml, redis.toml, .env, environment
		use(manager, err)
	}
	{
		manager, err := sessionconfig.Open(ctx, "config", sessionconfig.WithPostgres(pgxstore.Open))
		use(manager, err)
	}
	{
		manager, err := sessionconfig.Open(ctx, "config", sessionconfig.WithRedis(redisstore.Open))
		use(manager, err)
	}
	{
		manager, err := sessionconfig.Open(ctx, "config", sessionconfig.With("nats", natsstore.Open))
		use(manager, err)
	}
	{
		manager, err := sessionconfig.Open(ctx, "config", sessionconfig.With("mystore", mystore.Open))
		use(manager, err)
	}
}

// mystore stands for the package of a store of another module.
var mystore struct {
	Open func(context.Context, struct{ Path string }) (session.Store, error)
}

func stores(db *sql.DB, pool *pgxpool.Pool, client redis.UniversalClient, js jetstream.JetStream) {
	{
		store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{}) // db is your *sql.DB
		use(store, err)
	}
	{
		store, err := pgxstore.New(pool, pgxstore.Config{}) // pool is your *pgxpool.Pool
		use(store, err)
	}
	{
		store, err := redisstore.New(client, redisstore.Config{}) // client is your redis.UniversalClient
		use(store, err)
	}
	{
		store, err := natsstore.New(js, natsstore.Config{}) // js is your jetstream.JetStream
		use(store, err)
	}
	{
		store, err := filestore.Open("storage/sessions", filestore.Config{})
		use(store, err)
	}
	store := memstore.New(memstore.Config{})
	manager, err := session.New(store, session.Config{})
	use(manager, err)
}

func pages(mux *http.ServeMux, manager *session.Manager) {
	account, err := sessionpage.NewAccount(manager, sessionpage.AccountConfig{
		Look:   sessionpage.Look{Name: "Acme"},
		SignIn: "/sign-in",
	})
	if err != nil {
		log.Fatal(err) // names everything that is wrong in the configuration
	}
	mux.Handle("/account/sessions/", http.StripPrefix("/account/sessions", account))
}

func adminPage(mux *http.ServeMux, store session.Store, isAdmin func(context.Context, string) bool) {
	var counters sessionpage.Counters
	manager, err := session.New(store, session.Config{OnEvent: counters.Count})
	use(err)
	admin, err := sessionpage.NewAdmin(manager, sessionpage.AdminConfig{
		Authorize: func(r *http.Request, s *session.Session) bool { return isAdmin(r.Context(), s.Owner()) },
		Counters:  &counters,
	})
	mux.Handle("/admin/sessions/", http.StripPrefix("/admin/sessions", admin))
	use(err)
}

var looks = sessionpage.AccountConfig{
	Look: sessionpage.Look{
		Name: "Acme", Home: "/", Logo: "/static/logo.svg",
		Light: sessionpage.Colors{Accent: "#0c6b5e"},
		Dark:  sessionpage.Colors{Accent: "#66d1bc", OnAccent: "#06241f"},
	},
	Reauthenticate: func(w http.ResponseWriter, r *http.Request, s *session.Session) bool {
		if time.Since(s.AuthenticatedAt()) < 10*time.Minute {
			return true
		}
		http.Redirect(w, r, "/confirm?return_to=/account/sessions/", http.StatusSeeOther)
		return false
	},
}

func languages(languageOf func(*http.Request) string) sessionpage.Look {
	return sessionpage.Look{
		Languages: map[string]sessionpage.Language{
			"de": {Texts: map[string]string{"title": "Deine Sitzungen"}},
			"ar": {Texts: map[string]string{"title": "جلساتك"}, RightToLeft: true},
		},
		Language: func(r *http.Request) string { return languageOf(r) },
	}
}

func telemetry(store session.Store) {
	hook, err := sessionotel.New(sessionotel.Config{Store: "redis"})
	use(err)
	manager, err := session.New(store, session.Config{OnEvent: hook})
	use(manager, err)
}

func scraped(mux *http.ServeMux) {
	reader, err := prometheus.New() // go.opentelemetry.io/otel/exporters/prometheus
	use(err)
	hook, err := sessionotel.New(sessionotel.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})
	use(hook, err)
	mux.Handle("GET /metrics", promhttp.Handler())
}
