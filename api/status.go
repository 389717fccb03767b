package api

import (
	"net/http"

	"github.com/pullpass/pullpass"
)

// statuses pairs each kind of error with the HTTP status that it has on the wire: of
// the server and of the agent socket, and read back by the client.
var statuses = []struct {
	kind   pullpass.Kind
	status int
}{
	{pullpass.Invalid, http.StatusUnprocessableEntity},
	{pullpass.Unauthenticated, http.StatusUnauthorized},
	{pullpass.Denied, http.StatusForbidden},
	{pullpass.NotFound, http.StatusNotFound},
	{pullpass.Conflict, http.StatusConflict},
	{pullpass.Limited, http.StatusTooManyRequests},
	{pullpass.Unavailable, http.StatusServiceUnavailable},
	{pullpass.Internal, http.StatusInternalServerError},
}

// StatusOf returns the HTTP status of a kind, 500 for kinds that it does not know.
func StatusOf(k pullpass.Kind) int {
	for _, s := range statuses {
		if s.kind == k {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// KindOf returns the kind that an answer's status means where the answer itself does
// not say it: a proxy's, for instance. Gateways that cannot reach the server are
// unavailable; other statuses below 500 are invalid, the rest are internal.
func KindOf(status int) pullpass.Kind {
	for _, s := range statuses {
		if s.status == status {
			return s.kind
		}
	}
	switch {
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return pullpass.Unavailable
	case status < http.StatusInternalServerError:
		return pullpass.Invalid
	}
	return pullpass.Internal
}

// KnownKind reports whether k is one of the kinds that go over the wire.
func KnownKind(k pullpass.Kind) bool {
	for _, s := range statuses {
		if s.kind == k {
			return true
		}
	}
	return false
}
