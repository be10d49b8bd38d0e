// Package grpc is the recipe for gRPC.
package grpc

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/expanse-go/session"
)

// TokenKey is the key of the token in the metadata of a call and in the header of its
// response. An empty token in the header means that the session has ended.
const TokenKey = "session-token"

// Unary returns an interceptor that gives each call a session. If the handler fails or panics,
// nothing is stored.
func Unary(manager *session.Manager) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		s, err := manager.Load(ctx, token(ctx))
		if err != nil {
			return nil, statusError(err)
		}
		res, err := handler(session.NewContext(ctx, s), req)
		if err != nil {
			return nil, err
		}
		cookie, err := manager.Commit(ctx, s)
		if err != nil {
			return nil, statusError(err)
		}
		if cookie != nil {
			if err := grpc.SetHeader(ctx, metadata.Pairs(TokenKey, cookie.Value)); err != nil {
				return nil, err
			}
		}
		return res, nil
	}
}

// Stream does the same for streams. It commits before the header is sent, and once more at the
// end. A long stream calls Load and Commit for each message instead.
func Stream(manager *session.Manager) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx := stream.Context()
		s, err := manager.Load(ctx, token(ctx))
		if err != nil {
			return statusError(err)
		}
		c := &committing{ServerStream: stream, manager: manager, s: s}
		if err := handler(srv, c); err != nil {
			return err
		}
		return c.commit()
	}
}

// A committing is a stream with a session. As with any stream, only one goroutine may send.
type committing struct {
	grpc.ServerStream
	manager *session.Manager
	s       *session.Session
	begun   bool
}

func (c *committing) Context() context.Context {
	return session.NewContext(c.ServerStream.Context(), c.s)
}

func (c *committing) SendHeader(md metadata.MD) error {
	if err := c.begin(); err != nil {
		return err
	}
	return c.ServerStream.SendHeader(md)
}

func (c *committing) SendMsg(m any) error {
	if err := c.begin(); err != nil {
		return err
	}
	return c.ServerStream.SendMsg(m)
}

func (c *committing) begin() error {
	if c.begun {
		return nil
	}
	err := c.commit()
	c.begun = err == nil
	return err
}

// commit sends a new token in the header or, if that has been sent, in the trailer.
func (c *committing) commit() error {
	cookie, err := c.manager.Commit(c.Context(), c.s)
	switch {
	case err != nil:
		return statusError(err)
	case cookie == nil:
		return nil
	case c.begun:
		c.SetTrailer(metadata.Pairs(TokenKey, cookie.Value))
		return nil
	}
	return c.SetHeader(metadata.Pairs(TokenKey, cookie.Value))
}

// token returns the token of a call, or "" if there is none or several.
func token(ctx context.Context) session.Token {
	if values := metadata.ValueFromIncomingContext(ctx, TokenKey); len(values) == 1 {
		return session.Token(values[0])
	}
	return ""
}

// statusError returns an error of package session as one of gRPC.
func statusError(err error) error {
	code := codes.Internal
	httpStatus, advice := session.ErrorStatus(err)
	switch httpStatus {
	case http.StatusConflict:
		code = codes.Aborted
	case http.StatusServiceUnavailable:
		code = codes.Unavailable
	}
	return status.Error(code, advice)
}
