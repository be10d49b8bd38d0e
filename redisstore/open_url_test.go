package redisstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/redisstore"
)

func works(t *testing.T, address string) {
	t.Helper()
	s, err := redisstore.Open(t.Context(), address, prefix(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	is(t, "Update", s.Update(t.Context(), created(t, s, "ana")), nil)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	_, err = s.Load(t.Context(), session.ID{1})
	is(t, "Load after Close", err, redisstore.ErrClosed)
}

func TestOpen(t *testing.T) {
	server := testserver.DSN(t, testserver.Redis)
	works(t, server)
	works(t, server+"/3?pool_size=2&auto_pipeline=true")
	works(t, server+"?auto_pipeline=false&cluster=false&cache_for=1s")
}

// certificate writes a certificate for localhost and its key, and returns the files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"redis.test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestOpenTLS connects through a proxy that demands a certificate of the client.
func TestOpenTLS(t *testing.T) {
	o, err := redis.ParseURL(testserver.DSN(t, testserver.Redis))
	if err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", o.Addr)
			if err != nil {
				c.Close()
				continue
			}
			go func() { defer server.Close(); _, _ = io.Copy(server, c) }()
			go func() { defer c.Close(); _, _ = io.Copy(c, server) }()
		}
	}()
	address := "rediss://" + l.Addr().String()
	works(t, address+"?tls_ca_file="+url.QueryEscape(cert)+"&tls_cert_file="+url.QueryEscape(cert)+"&tls_key_file="+url.QueryEscape(key)+"&tls_server_name=redis.test")
	if s, err := redisstore.Open(t.Context(), address+"?max_retries=-1", ""); err == nil {
		s.Close()
		t.Error("an unknown certificate is accepted")
	}
	for _, wrong := range []string{"tls_ca_file=/nowhere", "tls_ca_file=" + url.QueryEscape(key), "tls_cert_file=" + url.QueryEscape(cert)} {
		if _, err := redisstore.Open(t.Context(), address+"?"+wrong, ""); err == nil || !strings.Contains(err.Error(), "session: "+wrong[:5]) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}

// Errors of Open show no part of an address that may belong to a password.
func TestOpenQuotesNoSecret(t *testing.T) {
	for address, want := range map[string]string{
		"":                                       "is not a URL",
		"hunter2":                                "is not a URL",
		"localhost:6379":                         "is not a URL",
		"redis://u:hun ter2@h":                   "is not a URL",
		"redis://u:hunter2/x@h":                  "is not a URL",
		"redis://u:p@h/hunter2":                  "invalid database number",
		"redis://u:p@h/0?hunter2=1":              "unexpected option",
		"redis://u:p@h/0?pool_size=hunter2":      "invalid pool_size number",
		"redis://u:p@h?cluster=hunter2":          "cluster is true or false",
		"redis://u:p@h?tls_ca_file=hunter2":      "needs the scheme rediss",
		"redis://h?master_name=m&addr=hunter2":   "unable to parse addr param",
		"redis://h?master_name=m&replica_only=1": "it asks for replicas",
		"redis://h?cluster=true&read_only=1":     "reads from replicas",
		"redis://u:p@h?cache_for=hunter2":        "cache_for is a duration",
		"redis://u:p@h?cache_for=2m":             "use at most a minute",
		"postgres://u:hunter2@h":                 "invalid URL scheme",
	} {
		_, err := redisstore.Open(t.Context(), address, "")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "session: ") {
			t.Errorf("%s: got %v, want %s", address, err, want)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "hun") || strings.Contains(text, "ter2") {
			t.Errorf("%s: got %s", address, text)
		}
	}
	u, err := url.Parse(testserver.DSN(t, testserver.Redis))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("nobody", "hunter2")
	_, err = redisstore.Open(t.Context(), u.String(), "")
	if err == nil || !strings.Contains(err.Error(), "refuses the user name or the password") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("wrong password: got %v", err)
	}
}

// Open does not wait for longer than its context.
func TestOpenHungServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s, err := redisstore.Open(ctx, "redis://"+hung(t), "")
	if s != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want the end of the context", s, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]redis.UniversalClient{
		"Ring":         redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}}),
		"replicas":     redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ReadOnly: true}),
		"latency":      redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, RouteByLatency: true}),
		"client cache": redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}),
	} {
		defer c.Close()
		if _, err := redisstore.New(c, redisstore.Config{}); err == nil || !strings.Contains(err.Error(), "session that has ended") {
			t.Errorf("%s: got %v", name, err)
		}
		good := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer good.Close()
		var config *session.ConfigError
		if _, err := redisstore.New(good, redisstore.Config{Base: c}); !errors.As(err, &config) || config.Field != "Base" {
			t.Errorf("%s as Base: got %v", name, err)
		}
	}
	if _, err := redisstore.New(nil, redisstore.Config{}); err == nil {
		t.Error("a nil client is accepted")
	}
}

// A store that is printed, with any verb, shows no password.
func TestStorePrintsNoPassword(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", Password: "hunter2"})
	defer c.Close()
	s, err := redisstore.New(c, redisstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(verb+verb, s, []any{s}); strings.Contains(got, "hunter2") || !strings.Contains(got, "redisstore.Store") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
