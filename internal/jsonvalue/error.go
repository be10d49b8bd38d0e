package jsonvalue

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A methodError is the error of a method that encodes a value, such as MarshalJSON, without
// its text: errors end up in logs, and such a text often quotes the value.
type methodError struct{ err error }

func (e *methodError) Error() string {
	of, cause := "", e.err
	for m := (*json.MarshalerError)(nil); errors.As(cause, &m); cause = m.Err {
		of = " of " + m.Type.String()
	}
	return fmt.Sprintf("the method%s that encodes it failed with a %T, whose text is left out because it may quote the value", of, cause)
}

func (e *methodError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *methodError) As(target any) bool   { return errors.As(e.err, target) }

// withoutValue returns err if its text comes from encoding/json, which quotes no values but
// NaN and infinities.
func withoutValue(err error) error {
	if errors.As(err, new(*json.UnsupportedTypeError)) || errors.As(err, new(*json.UnsupportedValueError)) {
		return err
	}
	return &methodError{err}
}
