package natstest_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/natsstore"
)

func TestCheck(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	good := jetstream.KeyValueConfig{Bucket: "good", LimitMarkerTTL: time.Minute}
	stream := jetstream.StreamConfig{
		Name: "KV_evicting", Subjects: []string{"$KV.evicting.>"}, MaxMsgsPerSubject: 1, AllowMsgTTL: true, MaxBytes: 1 << 20, Discard: jetstream.DiscardOld,
	}
	if _, err := js.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*jetstream.KeyValueConfig)
		want   []string // in the error
	}{
		"good":     {change: func(*jetstream.KeyValueConfig) {}},
		"missing":  {want: []string{"there is no such bucket", "CreateKeyValue", `Bucket: "missing"`}},
		"evicting": {want: []string{"drops the oldest sessions"}},
		"no-ttl":   {change: func(c *jetstream.KeyValueConfig) { c.LimitMarkerTTL = 0 }, want: []string{"LimitMarkerTTL", "2.11"}},
		"history":  {change: func(c *jetstream.KeyValueConfig) { c.History = 5 }, want: []string{"history of 5 values", "set History to 1"}},
		"age":      {change: func(c *jetstream.KeyValueConfig) { c.TTL = time.Hour }, want: []string{"after 1h0m0s", "set TTL to 0"}},
		"two":      {change: func(c *jetstream.KeyValueConfig) { c.TTL, c.History = time.Hour, 2 }, want: []string{"history of 2 values", "after 1h0m0s"}},
		"mirror": {change: func(c *jetstream.KeyValueConfig) {
			c.Mirror, c.LimitMarkerTTL = &jetstream.StreamSource{Name: "origin"}, 0
		}, want: []string{"mirror"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.change != nil {
				cfg := good
				cfg.Bucket = name
				test.change(&cfg)
				if cfg.Mirror != nil {
					newBucket(t, js, cfg.Mirror.Name, 1)
				}
				if _, err := js.CreateKeyValue(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
			}
			err := open(t, js, name).Check(t.Context())
			if len(test.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var wrong *session.ConfigError
			if !errors.As(err, &wrong) {
				t.Fatalf("got %v, want a ConfigError", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q in it", err, part)
				}
			}
		})
	}
}

// A server drops what it does not permit, so calls get no answer. The error says why.
func TestCheckWithoutPermission(t *testing.T) {
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "admin", Password: "a"},
			{Username: "reader", Password: "r", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*"}},
			}},
		}
	})
	newBucket(t, connect(t, s.ClientURL(), nats.UserInfo("admin", "a")), "sessions", 1)
	silent := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	err := open(t, connect(t, s.ClientURL(), nats.UserInfo("reader", "r"), silent), "sessions").Check(t.Context())
	if !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("got %v, want a permission violation", err)
	}
}

func TestWarnings(t *testing.T) {
	js := connect(t, startServer(t, func(o *server.Options) { o.MaxPayload = 1 << 20 }).ClientURL())
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "memory", LimitMarkerTTL: time.Minute, Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	s := open(t, js, "memory")
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	got, err := s.Warnings(t.Context())
	if err != nil || len(got) != 2 || !strings.Contains(got[0], "FileStorage") || !strings.Contains(got[1], "set Config.MaxBytes to 1044480") {
		t.Errorf("got %q, %v", got, err)
	}
}

// A session of the size that Warnings recommends can be stored and loaded, although the
// answer to the load is larger than a message may be. One that is too large is refused with
// the names of the settings.
func TestLargestRecord(t *testing.T) {
	js := connect(t, startServer(t, func(o *server.Options) { o.MaxPayload = 1 << 20 }).ClientURL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	r := record(1, strings.Repeat("o", session.MaxOwner))
	r.Client = session.Client{Address: strings.Repeat("a", 64), UserAgent: strings.Repeat("u", 500)}
	r.Data = bytes.Repeat([]byte{0xff}, 1044480)
	mustCreate(t, s, r)
	if got, err := s.Load(t.Context(), r.ID); err != nil || !bytes.Equal(got.Data, r.Data) {
		t.Errorf("got %v, %v", got, err)
	}
	r.Version, r.Data = 1, make([]byte, 1<<20)
	err := s.Update(t.Context(), r)
	if !errors.Is(err, session.ErrTooLarge) || !strings.Contains(err.Error(), "max_payload") || !strings.Contains(err.Error(), "Config.MaxBytes") {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if got, err := s.Load(t.Context(), r.ID); err != nil || got.Version != 1 {
		t.Errorf("afterwards: got %v, %v", got, err)
	}
}

func TestLargestValue(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "sessions", LimitMarkerTTL: time.Minute, MaxValueSize: 8 << 10}); err != nil {
		t.Fatal(err)
	}
	s := open(t, js, "sessions")
	r := record(1, "")
	r.Data = make([]byte, 9<<10)
	if err := s.Create(t.Context(), r); !errors.Is(err, session.ErrTooLarge) || !strings.Contains(err.Error(), "MaxValueSize") {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if got, err := s.Warnings(t.Context()); err != nil || len(got) != 1 || !strings.Contains(got[0], "set Config.MaxBytes to 4096") {
		t.Errorf("got %q, %v", got, err)
	}
}

// A full bucket refuses sessions and keeps those that it has.
func TestFullBucket(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "sessions", LimitMarkerTTL: time.Minute, MaxBytes: 8 << 10}); err != nil {
		t.Fatal(err)
	}
	s := open(t, js, "sessions")
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for ; ; stored++ {
		r := record(byte(stored), "")
		r.Data = make([]byte, 1<<10)
		err := s.Create(t.Context(), r)
		if errors.Is(err, session.ErrFull) {
			break
		}
		if err != nil || stored == 8 {
			t.Fatalf("record %d: got %v, want ErrFull soon", stored, err)
		}
	}
	for i := range stored {
		if _, err := s.Load(t.Context(), session.ID{byte(i)}); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

// JetStream of another domain is reached through the prefix of that domain, as that of a hub
// from a leaf node is.
func TestDomain(t *testing.T) {
	js := connect(t, startServer(t, func(o *server.Options) { o.JetStreamDomain = "hub" }).ClientURL())
	newBucket(t, js, "sessions", 1)
	byDomain, err1 := jetstream.NewWithDomain(js.Conn(), "hub")
	byPrefix, err2 := jetstream.NewWithAPIPrefix(js.Conn(), "$JS.hub.API")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for i, js := range []jetstream.JetStream{byDomain, byPrefix} {
		s := open(t, js, "sessions")
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		r := record(byte(i), "ana")
		mustCreate(t, s, r)
		if got, err := s.Load(t.Context(), r.ID); err != nil || got.Version != 1 {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	var wrong *session.ConfigError
	if _, err := natsstore.New(js, natsstore.Config{Bucket: "my.sessions"}); !errors.As(err, &wrong) || wrong.Field != "Bucket" {
		t.Errorf("got %v, want a ConfigError", err)
	}
	if _, err := natsstore.New(nil, natsstore.Config{}); err == nil || !strings.Contains(err.Error(), "jetstream.New") {
		t.Errorf("got %v, want an error", err)
	}
}

// A store prints without the password of its connection.
func TestStorePrintsNoPassword(t *testing.T) {
	s := startServer(t, func(o *server.Options) { o.Username, o.Password = "app", "hunter2" })
	store := open(t, connect(t, s.ClientURL(), nats.UserInfo("app", "hunter2")), "sessions")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb+verb, store, []any{store}); strings.Contains(got, "hunter2") || !strings.Contains(got, "natsstore.Store") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
