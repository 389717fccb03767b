package api

import "github.com/pullpass/pullpass"

// The statuses of RFC 9110 and 6585. net/http has them, too; but the credential helper
// links this package, and net/http costs it more time at its start than its work.
const (
	statusUnauthorized        = 401
	statusForbidden           = 403
	statusNotFound            = 404
	statusConflict            = 409
	statusUnprocessableEntity = 422
	statusTooManyRequests     = 429
	statusInternalServerError = 500
	statusBadGateway          = 502
	statusServiceUnavailable  = 503
	statusGatewayTimeout      = 504
)

// statuses pairs each kind of error with the HTTP status that it has on the wire: of
// the server and of the agent socket, and read back by the client.
var statuses = []struct {
	kind   pullpass.Kind
	status int
}{
	{pullpass.Invalid, statusUnprocessableEntity},
	{pullpass.Unauthenticated, statusUnauthorized},
	{pullpass.Denied, statusForbidden},
	{pullpass.NotFound, statusNotFound},
	{pullpass.Conflict, statusConflict},
	{pullpass.Limited, statusTooManyRequests},
	{pullpass.Unavailable, statusServiceUnavailable},
	{pullpass.Internal, statusInternalServerError},
}

// StatusOf returns the HTTP status of a kind, 500 for kinds that it does not know.
func StatusOf(k pullpass.Kind) int {
	for _, s := range statuses {
		if s.kind == k {
			return s.status
		}
	}
	return statusInternalServerError
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
	case status == statusBadGateway || status == statusGatewayTimeout:
		return pullpass.Unavailable
	case status < statusInternalServerError:
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
