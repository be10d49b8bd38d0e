package natsstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
)

// A Connection says which servers [Open] connects to, and which bucket the store uses. Its
// fields are also keys of configuration files: see the package documentation.
type Connection struct {
	_ [0]func() // keyed literals only; not comparable

	// URL is the address of a server, or of several servers of a cluster, separated by commas:
	// nats://USER:PASSWORD@HOST:4222, or tls:// instead of nats://. Required.
	URL string

	// Bucket is that of [Config].
	Bucket string

	// CredentialsFile is a .creds file with a user's JWT and seed. Paths are relative to the
	// current directory.
	CredentialsFile string `secret:"false"`

	// TLSCAFile, TLSCertFile and TLSKeyFile are PEM files: the authorities that sign the
	// certificates of the servers, if the system does not know them, and a certificate of this
	// program.
	TLSCAFile   string `toml:"tls_ca_file"`
	TLSCertFile string
	TLSKeyFile  string `secret:"false"`
}

// Open connects to NATS, calls [Store.Check], and returns a store with a connection of its own,
// which [Store.Close] closes. A lost connection is renewed automatically. ctx limits how long
// Open may take.
//
// For a wrong setting, the error is a [*session.ConfigError]. To use the connection for other
// purposes too, create it yourself and call [New].
func Open(ctx context.Context, c Connection) (*Store, error) {
	opts, err := c.options(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect(c.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("session: cannot connect to NATS: %w", err)
	}
	s, err := c.store(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.own = conn
	return s, nil
}

func (c *Connection) store(ctx context.Context, conn *nats.Conn) (*Store, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	s, err := New(js, Config{Bucket: c.Bucket})
	if err == nil {
		err = s.Check(ctx)
	}
	return s, err
}

// options checks the settings and returns them as those of the client.
func (c *Connection) options(ctx context.Context) ([]nats.Option, error) {
	var wrong []error
	refuse := func(field, value, reason string) {
		wrong = append(wrong, &session.ConfigError{Field: field, Value: value, Reason: reason})
	}
	if c.URL == "" {
		refuse("URL", `""`, "is missing; use the address of a server, such as nats://127.0.0.1:4222")
	}
	for address := range strings.SplitSeq(c.URL, ",") {
		// The client would show the password in its error.
		if u, err := url.Parse(strings.TrimSpace(address)); c.URL != "" && (err != nil || u.Host == "") {
			refuse("URL", "[redacted]", "is not a list of addresses such as nats://127.0.0.1:4222, separated by commas")
			break
		}
	}
	for _, file := range []struct{ field, path string }{
		{"CredentialsFile", c.CredentialsFile}, {"TLSCAFile", c.TLSCAFile}, {"TLSCertFile", c.TLSCertFile}, {"TLSKeyFile", c.TLSKeyFile},
	} {
		if _, err := os.Stat(file.path); file.path != "" && err != nil {
			refuse(file.field, strconv.Quote(file.path), "cannot be read: "+err.Error())
		}
	}
	opts := []nats.Option{nats.Name("session"), nats.MaxReconnects(-1)}
	if deadline, ok := ctx.Deadline(); ok {
		opts = append(opts, nats.Timeout(max(time.Until(deadline), time.Millisecond)))
	}
	if c.CredentialsFile != "" {
		opts = append(opts, nats.UserCredentials(c.CredentialsFile))
	}
	if c.TLSCAFile != "" {
		opts = append(opts, nats.RootCAs(c.TLSCAFile))
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		refuse("TLSCertFile", strconv.Quote(c.TLSCertFile), "needs the other half; set both TLSCertFile and TLSKeyFile")
	} else if c.TLSCertFile != "" {
		opts = append(opts, nats.ClientCert(c.TLSCertFile, c.TLSKeyFile))
	}
	return opts, errors.Join(wrong...)
}

// Close closes the connection if the store comes from [Open]. Otherwise it does nothing, because
// the connection is the caller's.
func (s *Store) Close() error {
	if s.own != nil {
		s.own.Close()
	}
	return nil
}
