package sessionconfig_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionconfig"
)

// application creates configuration files in a temporary folder and returns the path of
// its config folder.
func application(files map[string]string) string {
	root, err := os.MkdirTemp("", "application")
	if err != nil {
		log.Fatal(err)
	}
	dir := filepath.Join(root, "config")
	if err := os.Mkdir(dir, 0o700); err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}

// A program opens its manager with the path of the config folder. The configuration
// selects the store.
func Example() {
	dir := application(map[string]string{"session.toml": `
store = "file"
lifetime = 120
`})
	defer os.RemoveAll(filepath.Dir(dir))

	ctx := context.Background()
	manager, err := sessionconfig.Open(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close(ctx) // also closes the store

	server := http.Server{Handler: manager.Handler(http.NotFoundHandler())}
	fmt.Println(server.Handler != nil, manager.CookieName())
	// Output: true __Host-session
}

// Load reports all mistakes at once, each with its location.
func ExampleOpen_mistakes() {
	dir := application(map[string]string{"session.toml": `store = "files"
liftime = 120
grace = "soon"
secure = false
`})
	defer os.RemoveAll(filepath.Dir(dir))

	_, err := sessionconfig.Open(context.Background(), dir, sessionconfig.WithEnv(nil))
	for _, m := range sessionconfig.Mistakes(err) {
		fmt.Printf("%s:%d: %s %s\n", filepath.Base(m.File), m.Line, m.Key, m.Reason)
	}
	// Output:
	// session.toml:1: store is not a known store
	// session.toml:2: liftime is not a setting
	// session.toml:3: grace is not a duration; use a string such as "30s", "5m" or "1h30m", or "off" (a replaced token stops working at once)
	// session.toml:4: secure weakens the cookie: anyone on the network can then read and set it
}

// The environment overrides the files. Each value records its origin.
func ExampleConfig_Values() {
	dir := application(map[string]string{"session.toml": "store = \"file\"\nlifetime = 120\n"})
	defer os.RemoveAll(filepath.Dir(dir))

	c, err := sessionconfig.Load(dir, sessionconfig.WithEnv([]string{"SESSION_STORE=null"}))
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range c.Values()[:4] {
		origin := v.Origin
		origin.File = filepath.Base(origin.File) // the temporary folder has a random name
		if v.Default {
			origin = sessionconfig.Origin{}
		}
		fmt.Printf("%s = %s (line %d, variable %q)\n", v.Key, v.Value, origin.Line, origin.Variable)
	}
	// Output:
	// store = "null" (line 0, variable "SESSION_STORE")
	// fallback = "off" (line 0, variable "")
	// lifetime = "2h" (line 2, variable "")
	// absolute_lifetime = "24h" (line 0, variable "")
}

// With registers a store from another module under a name. The store's settings come from
// the table with that name.
func ExampleWith() {
	type Config struct {
		Address  string
		MaxConns int
		Password string // never printed
	}
	open := func(_ context.Context, cfg Config) (session.Store, error) {
		fmt.Println("connecting to", cfg.Address, "by", cfg.MaxConns, "connections")
		return memstore.New(memstore.Config{}), nil
	}

	dir := application(map[string]string{"session.toml": `
store = "cache"
[stores.cache]
address = "127.0.0.1:6379"
`})
	defer os.RemoveAll(filepath.Dir(dir))

	ctx := context.Background()
	manager, err := sessionconfig.Open(ctx, dir,
		sessionconfig.With("cache", open),
		sessionconfig.WithEnv([]string{"SESSION_STORES__CACHE__MAX_CONNS=8"}))
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close(ctx)
	// Output: connecting to 127.0.0.1:6379 by 8 connections
}

// Configure sets what files cannot, and overrides them.
func ExampleConfigure() {
	dir := application(map[string]string{"session.toml": `store = "null"`})
	defer os.RemoveAll(filepath.Dir(dir))

	c, err := sessionconfig.Load(dir, sessionconfig.Configure(func(cfg *session.Config) {
		cfg.OnEvent = func(_ context.Context, e session.Event) { log.Print(e.Kind) }
	}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.StoreName(), c.Session().OnEvent != nil)
	// Output: null true
}
