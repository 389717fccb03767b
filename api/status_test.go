package api_test

import (
	"net/http"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// There and back: what the server writes is what the client reads.
func TestStatusOfKind(t *testing.T) {
	seen := map[int]pullpass.Kind{}
	for _, k := range []pullpass.Kind{pullpass.Internal, pullpass.Invalid, pullpass.Unauthenticated, pullpass.Denied,
		pullpass.NotFound, pullpass.Conflict, pullpass.Limited, pullpass.Unavailable} {
		status := api.StatusOf(k)
		if got := api.KindOf(status); got != k || !api.KnownKind(k) {
			t.Errorf("KindOf(StatusOf(%s)) = KindOf(%d) = %s; known: %t", k, status, got, api.KnownKind(k))
		}
		if other, twice := seen[status]; twice {
			t.Errorf("%s and %s have the same status %d", k, other, status)
		}
		seen[status] = k
	}
	for status, want := range map[int]pullpass.Kind{
		http.StatusBadRequest: pullpass.Invalid, http.StatusTeapot: pullpass.Invalid,
		http.StatusBadGateway: pullpass.Unavailable, http.StatusGatewayTimeout: pullpass.Unavailable,
		http.StatusNotImplemented: pullpass.Internal,
	} {
		if got := api.KindOf(status); got != want {
			t.Errorf("KindOf(%d) = %s, want %s", status, got, want)
		}
	}
	if api.KnownKind("strange") || api.StatusOf("strange") != http.StatusInternalServerError {
		t.Error("an unknown kind is known, or is no internal error")
	}
}
