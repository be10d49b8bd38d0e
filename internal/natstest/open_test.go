package natstest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/natsstore"
)

func TestOpen(t *testing.T) {
	srv := startServer(t, func(o *server.Options) { o.Username, o.Password = "app", "hunter2" })
	address := strings.Replace(srv.ClientURL(), "nats://", "nats://app:hunter2@", 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wrong *session.ConfigError
	if _, err := natsstore.Open(ctx, natsstore.Connection{URL: address}); !errors.As(err, &wrong) || wrong.Field != "Bucket" {
		t.Fatalf("without a bucket: got %v, want a ConfigError", err)
	}
	newBucket(t, connect(t, address), "sessions", 1)
	s, err := natsstore.Open(ctx, natsstore.Connection{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	r := record(1, "ana")
	mustCreate(t, s, r)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Load(t.Context(), r.ID); err == nil {
		t.Error("Close left the connection open")
	}
}

// Wrong settings and servers that cannot be reached are errors without the password.
func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		c    natsstore.Connection
		want string
	}{
		"no URL":     {natsstore.Connection{}, "Config.URL"},
		"no address": {natsstore.Connection{URL: "nats://app:hunter2@127.0.0.1:4222,%zz:hunter2"}, "Config.URL"},
		"half":       {natsstore.Connection{URL: "tls://127.0.0.1:4222", TLSCertFile: "a.pem"}, "Config.TLSCertFile"},
		"closed":     {natsstore.Connection{URL: "nats://app:hunter2@127.0.0.1:1"}, "cannot connect to NATS"},
		"no file":    {natsstore.Connection{URL: "nats://127.0.0.1:1", CredentialsFile: "missing.creds"}, "missing.creds"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := natsstore.Open(t.Context(), test.c)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// A store on the caller's connection leaves it open.
func TestCloseLeavesTheCallersConnection(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	if err := open(t, js, "sessions").Close(); err != nil || js.Conn().IsClosed() {
		t.Errorf("Close: %v, closed: %t", err, js.Conn().IsClosed())
	}
}
