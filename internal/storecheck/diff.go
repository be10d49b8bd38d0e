package storecheck

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

// diff returns an error that names every field in which the records differ, or nil.
// It compares times as instants, and treats nil and empty data as equal.
func diff(got, want session.Record) error {
	var errs []error
	field := func(name string, got, want any, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s: got %v, want %v", name, got, want))
		}
	}
	instant := func(name string, got, want time.Time) {
		field(name, got.Format(time.RFC3339Nano), want.Format(time.RFC3339Nano), got.Equal(want))
	}
	field("ID", got.ID, want.ID, got.ID == want.ID)
	field("Version", got.Version, want.Version, got.Version == want.Version)
	field("Owner", quote(got.Owner), quote(want.Owner), got.Owner == want.Owner)
	field("Client.Address", quote(got.Client.Address), quote(want.Client.Address), got.Client.Address == want.Client.Address)
	field("Client.UserAgent", quote(got.Client.UserAgent), quote(want.Client.UserAgent), got.Client.UserAgent == want.Client.UserAgent)
	instant("CreatedAt", got.CreatedAt, want.CreatedAt)
	instant("LastActivity", got.LastActivity, want.LastActivity)
	instant("ExpiresAt", got.ExpiresAt, want.ExpiresAt)
	field("Data", quote(string(got.Data)), quote(string(want.Data)), bytes.Equal(got.Data, want.Data))
	return errors.Join(errs...)
}

// quote returns the beginning of s, quoted.
func quote(s string) string {
	const most = 60
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
}

// wants returns an error if err does not match the sentinel error want.
func wants(call string, err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("%s: got error %v, want %v", call, err, want)
}

// exactlyOne returns an error unless exactly one of the errors is nil.
func exactlyOne(call string, errs []error) error {
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
		}
	}
	if succeeded != 1 {
		return fmt.Errorf("%d of %d parallel calls of %s succeeded, want 1", succeeded, len(errs), call)
	}
	return nil
}
