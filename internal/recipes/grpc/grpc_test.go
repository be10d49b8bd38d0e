package grpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/expanse-go/session"
	recipe "github.com/expanse-go/session/internal/recipes/grpc"
	"github.com/expanse-go/session/internal/recipes/recipetest"
)

// A server is the service that a program with generated code would implement.
type server struct{}

func (server) count(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.Int64Value, error) {
	s, err := session.From(ctx)
	if err != nil {
		return nil, err
	}
	n := session.Update(s, "visits", func(n int64) int64 { return n + 1 })
	switch in.GetValue() {
	case "log out":
		s.Invalidate()
	case "fail":
		return nil, status.Error(codes.FailedPrecondition, "refused")
	}
	return wrapperspb.Int64(n), nil
}

// numbers sends three numbers, and stores how many it has sent.
func (server) numbers(stream grpc.ServerStream) error {
	s, err := session.From(stream.Context())
	if err != nil {
		return err
	}
	s.Set("sent", 0)
	for n := range int64(3) {
		if err := stream.SendMsg(wrapperspb.Int64(n)); err != nil {
			return err
		}
		s.Set("sent", n+1)
	}
	return nil
}

var service = grpc.ServiceDesc{
	ServiceName: "visits.v1.VisitService",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Count", Handler: func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := dec(in); err != nil {
			return nil, err
		}
		handle := func(ctx context.Context, req any) (any, error) {
			return srv.(server).count(ctx, req.(*wrapperspb.StringValue))
		}
		return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: "/visits.v1.VisitService/Count"}, handle)
	}}},
	Streams: []grpc.StreamDesc{{StreamName: "Numbers", ServerStreams: true, Handler: func(srv any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(new(emptypb.Empty)); err != nil {
			return err
		}
		return srv.(server).numbers(stream)
	}}},
}

// A client keeps the token of its session.
type client struct {
	*grpc.ClientConn
	token string
}

func newClient(t *testing.T, m *recipetest.Manager) *client {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.UnaryInterceptor(recipe.Unary(m.Manager)), grpc.StreamInterceptor(recipe.Stream(m.Manager)))
	srv.RegisterService(&service, server{})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		srv.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &client{ClientConn: conn}
}

// context returns the context of a call with the token.
func (c *client) context(t *testing.T) context.Context {
	if c.token == "" {
		return t.Context()
	}
	return metadata.AppendToOutgoingContext(t.Context(), recipe.TokenKey, c.token)
}

// keep takes a new token from the header of a response.
func (c *client) keep(header metadata.MD) {
	if token := header.Get(recipe.TokenKey); len(token) > 0 {
		c.token = token[0]
	}
}

func (c *client) count(t *testing.T, text string) (int64, error) {
	var header metadata.MD
	n := new(wrapperspb.Int64Value)
	err := c.Invoke(c.context(t), "/visits.v1.VisitService/Count", wrapperspb.String(text), n, grpc.Header(&header))
	c.keep(header)
	return n.GetValue(), err
}

func (c *client) numbers(t *testing.T) (n int, err error) {
	stream, err := c.NewStream(c.context(t), &service.Streams[0], "/visits.v1.VisitService/Numbers")
	if err == nil {
		err = stream.SendMsg(&emptypb.Empty{})
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		if err = stream.RecvMsg(new(wrapperspb.Int64Value)); err == nil {
			n++
		}
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	header, err := stream.Header()
	c.keep(header)
	return n, err
}

func TestUnary(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{})
	c := newClient(t, m)
	want := func(text string, n int64, code codes.Code) {
		t.Helper()
		if got, err := c.count(t, text); got != n || status.Code(err) != code {
			t.Errorf("Count(%q): %d, %v; want %d and the code %s", text, got, err, n, code)
		}
	}
	want("", 1, codes.OK)
	want("", 2, codes.OK)
	want("fail", 0, codes.FailedPrecondition)
	want("", 3, codes.OK)
	m.Down.Store(true)
	want("", 0, codes.Unavailable)
	m.Dead.Store(true)
	want("", 0, codes.Unavailable)
	m.Down.Store(false)
	m.Dead.Store(false)
	want("", 4, codes.OK)
	old := c.token
	want("log out", 5, codes.OK)
	if c.token != "" {
		t.Errorf("after the logout, the client has the token %q", c.token)
	}
	c.token = old
	want("", 1, codes.OK)
	if c.token == old {
		t.Error("the token of a session that has ended was accepted")
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{})
	c := newClient(t, m)
	for range 2 { // a new session, and one that is there
		if n, err := c.numbers(t); n != 3 || err != nil || c.token == "" {
			t.Fatalf("got %d numbers, %v, and the token %q", n, err, c.token)
		}
		s, err := m.Load(t.Context(), session.Token(c.token))
		if err != nil {
			t.Fatal(err)
		}
		if got := session.Get(s, "sent", -1); got != 3 {
			t.Errorf("the session has %d numbers; want 3", got)
		}
	}
	m.Down.Store(true)
	if n, err := c.numbers(t); n != 0 || status.Code(err) != codes.Unavailable {
		t.Errorf("with a store that is down: %d numbers, %v; want none and the code Unavailable", n, err)
	}
}
