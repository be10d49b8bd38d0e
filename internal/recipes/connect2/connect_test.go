package connect2_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/expanse-go/session"
	connectrecipe "github.com/expanse-go/session/internal/recipes/connect2"
	"github.com/expanse-go/session/internal/recipes/recipetest"
)

// TestCount calls the service by each protocol, with the cookies that a browser would keep.
func TestCount(t *testing.T) {
	t.Parallel()
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := recipetest.NewManager(t, session.Config{OnError: connectrecipe.OnError})
			server := recipetest.Serve(t, connectrecipe.Routes(m.Manager))
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			count := caller(&http.Client{Transport: server.Client().Transport, Jar: jar}, server.URL, protocol...)
			for want := range int64(3) {
				if n, err := count(t.Context()); err != nil || n != want+1 {
					t.Errorf("got %d, %v; want %d", n, err, want+1)
				}
			}
			m.Down.Store(true)
			if n, err := count(t.Context()); connect.CodeOf(err) != connect.CodeUnavailable {
				t.Errorf("with a commit that fails: %d, %v; want the code unavailable", n, err)
			}
			m.Dead.Store(true)
			if n, err := count(t.Context()); connect.CodeOf(err) != connect.CodeUnavailable {
				t.Errorf("with a load that fails: %d, %v; want the code unavailable", n, err)
			}
			m.Down.Store(false)
			m.Dead.Store(false)
			if n, err := count(t.Context()); err != nil || n != 4 {
				t.Errorf("after that: %d, %v; want 4", n, err)
			}
			count = caller(&http.Client{Transport: fromEvil{server.Client().Transport}, Jar: jar}, server.URL, protocol...)
			if n, err := count(t.Context()); connect.CodeOf(err) != connect.CodePermissionDenied {
				t.Errorf("from another site: %d, %v; want the code permission_denied", n, err)
			}
		})
	}
}

// A fromEvil sends requests that a page of another site has caused.
type fromEvil struct{ http.RoundTripper }

func (f fromEvil) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return f.RoundTripper.RoundTrip(r)
}

var protocols = map[string][]connecthttp.Option{
	"connect":  nil,
	"gRPC":     {connecthttp.WithGRPC()},
	"gRPC-Web": {connecthttp.WithGRPCWeb()},
}

// caller returns a function that calls Count.
func caller(client *http.Client, url string, options ...connecthttp.Option) func(context.Context) (int64, error) {
	c := connect.NewClient(connecthttp.NewTransport(client, url, options...))
	return func(ctx context.Context) (int64, error) {
		var n wrapperspb.Int64Value
		err := c.CallUnary(ctx, connectrecipe.Count, &emptypb.Empty{}, &n)
		return n.GetValue(), err
	}
}
