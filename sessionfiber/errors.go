package sessionfiber

import (
	"errors"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/expanse-go/session"
)

// Error returns an error of package session as one of Fiber: [errors.As] finds a [*fiber.Error]
// in it, with the status and the text of [session.ErrorStatus], and [errors.Is] finds err.
// Handlers need it for the errors of methods that they call themselves, such as
// [session.Manager.Revoke]. For nil, it returns nil.
//
// The text of the error is for visitors, because Fiber's default ErrorHandler sends it. For the
// log, use [errors.As] with a [*session.StoreError], for example.
func Error(err error) error {
	if err == nil {
		return nil
	}
	status, advice := session.ErrorStatus(err)
	return &sessionError{fiber.NewError(status, advice), err}
}

type sessionError struct {
	response *fiber.Error
	err      error
}

func (e *sessionError) Error() string   { return e.response.Message }
func (e *sessionError) Unwrap() []error { return []error{e.response, e.err} }

// retryLater adds a Retry-After header if the store is down.
func retryLater(response *fasthttp.Response, err error) {
	var e *sessionError
	if errors.As(err, &e) && e.response.Code == fiber.StatusServiceUnavailable {
		response.Header.Set(fiber.HeaderRetryAfter, "2")
	}
}
