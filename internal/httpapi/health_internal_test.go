package httpapi

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/pullpass/pullpass"
)

// Figures of all tenants are for the server's own machine, or for whoever holds the
// operator's token.
func TestMetricsAreNotEverybodys(t *testing.T) {
	for _, test := range []struct {
		token, from, authorization string
		want                       bool
	}{
		{"", "127.0.0.1", "", true},
		{"", "::1", "", true},
		{"", "::ffff:127.0.0.1", "", true},
		{"", "10.0.0.7", "", false},
		{"", "10.0.0.7", "Bearer anything", false},
		{"", "", "", false},
		{"canary", "127.0.0.1", "", false},
		{"canary", "127.0.0.1", "Bearer wrong", false},
		{"canary", "127.0.0.1", "canary", false},
		{"canary", "10.0.0.7", "Bearer canary", true},
	} {
		s := &Server{}
		if test.token != "" {
			s.metricsToken = pullpass.NewSecret(test.token)
		}
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
		req = req.WithContext(context.WithValue(req.Context(), exchangeKey{}, &exchange{address: test.from}))
		if test.authorization != "" {
			req.Header.Set("Authorization", test.authorization)
		}
		if got := s.mayReadMetrics(req); got != test.want {
			t.Errorf("token %q, from %q, %q: %v, want %v", test.token, test.from, test.authorization, got, test.want)
		}
	}
}
