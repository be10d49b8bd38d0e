// Package connect2 is the recipe for connect-go, version 2.
package connect2

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/expanse-go/session"
)

// Count is the procedure.
var Count = connect.Spec{Procedure: "/visits.v1.VisitService/Count", StreamType: connect.StreamTypeUnary}

// Routes returns a service that counts the visits of a session. OnError must be the
// [session.Config].OnError of the manager.
func Routes(manager *session.Manager) http.Handler {
	server := connect.NewServer()
	register(server) // or visitsv1connect.RegisterVisitServiceHandler(server, &service{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	return manager.Handler(mux)
}

func count(ctx context.Context, _ *emptypb.Empty) (*wrapperspb.Int64Value, error) {
	s, err := session.From(ctx)
	if err != nil {
		return nil, rpcError(err)
	}
	n := session.Update(s, "visits", func(n int64) int64 { return n + 1 })
	return wrapperspb.Int64(n), nil
}

// rpcError returns an error of package session as one of connect.
func rpcError(err error) *connect.Error {
	status, advice := session.ErrorStatus(err)
	code := connect.CodeInternal
	switch status {
	case http.StatusForbidden:
		code = connect.CodePermissionDenied
	case http.StatusConflict:
		code = connect.CodeAborted
	case http.StatusServiceUnavailable:
		code = connect.CodeUnavailable
	}
	return connect.NewError(code, advice).WithCause(err)
}

var errorWriter = connecthttp.NewErrorWriter()

// OnError responds if the commit fails, and to a cross-origin request.
func OnError(w http.ResponseWriter, r *http.Request, err error) {
	if errorWriter.IsSupported(r) {
		_ = errorWriter.Write(w, r, rpcError(err))
		return
	}
	session.DefaultError(w, r, err)
}

// register does what generated code does.
func register(server *connect.Server) {
	server.Register(connect.Method{Spec: Count, Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
		var in emptypb.Empty
		if err := stream.Receive(&in); err != nil {
			return err
		}
		out, err := count(ctx, &in)
		if err != nil {
			return err
		}
		return stream.Send(out)
	}})
}
