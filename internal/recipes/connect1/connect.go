// Package connect1 is the recipe for connect-go, version 1.
package connect1

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/expanse-go/session"
)

// Count is the procedure. A program with generated code has constants for its procedures.
const Count = "/visits.v1.VisitService/Count"

// Routes returns a service that counts the visits of a session. OnError must be the
// [session.Config].OnError of the manager.
func Routes(manager *session.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(Count, connect.NewUnaryHandler(Count, count)) // or mux.Handle(visitsv1connect.NewVisitServiceHandler(&server{}))
	return manager.Handler(mux)
}

func count(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.Int64Value], error) {
	s, err := session.From(ctx)
	if err != nil {
		return nil, rpcError(err)
	}
	n := session.Update(s, "visits", func(n int64) int64 { return n + 1 })
	return connect.NewResponse(wrapperspb.Int64(n)), nil
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
	return connect.NewError(code, errors.New(advice))
}

var errorWriter = connect.NewErrorWriter()

// OnError responds if the commit fails, and to a cross-origin request.
func OnError(w http.ResponseWriter, r *http.Request, err error) {
	if errorWriter.IsSupported(r) {
		_ = errorWriter.Write(w, r, rpcError(err))
		return
	}
	session.DefaultError(w, r, err)
}
