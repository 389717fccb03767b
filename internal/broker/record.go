package broker

import (
	"errors"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

const (
	eventIssue = "credential.issue"
	eventGrant = "credential.grant"
	maxReason  = 1000
	maxDetail  = 4096
)

// reason is what the record says of a failure: our own sentences, never a
// wrapped library's.
func reason(err error) string {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind == pullpass.Internal {
		return "internal error"
	}
	text := e.What
	if e.Cause != "" {
		text += ": " + e.Cause
	}
	return printable.Truncate(text, maxReason)
}
