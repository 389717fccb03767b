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
		url, forwarded             string
	}{
		// A proxy on this machine passes strangers on, whether it says so or not.
		{from: "127.0.0.1", url: "https://pullpass.example.com"},
		{from: "127.0.0.1", url: "http://pullpass.example.com:8420"},
		{from: "::1", url: "https://10.0.0.7"},
		{from: "127.0.0.1", url: "http://127.0.0.1:8420", forwarded: "X-Forwarded-For"},
		{from: "127.0.0.1", url: "http://127.0.0.1:8420", forwarded: "Forwarded"},
		{from: "127.0.0.1", url: "http://127.0.0.1:8420", forwarded: "Via"},
		{from: "127.0.0.1", url: "http://127.0.0.1:8420", want: true},
		{from: "127.0.0.1", url: "http://localhost:8420", want: true},
		{from: "::1", url: "http://[::1]:8420", want: true},
		{token: "canary", from: "127.0.0.1", authorization: "Bearer canary", url: "https://pullpass.example.com", forwarded: "Via", want: true},

		{token: "", from: "127.0.0.1", authorization: "", want: true},
		{token: "", from: "::1", authorization: "", want: true},
		{token: "", from: "::ffff:127.0.0.1", authorization: "", want: true},
		{token: "", from: "10.0.0.7", authorization: "", want: false},
		{token: "", from: "10.0.0.7", authorization: "Bearer anything", want: false},
		{token: "", from: "", authorization: "", want: false},
		{token: "canary", from: "127.0.0.1", authorization: "", want: false},
		{token: "canary", from: "127.0.0.1", authorization: "Bearer wrong", want: false},
		{token: "canary", from: "127.0.0.1", authorization: "canary", want: false},
		{token: "canary", from: "10.0.0.7", authorization: "Bearer canary", want: true},
	} {
		s := &Server{url: test.url}
		if test.token != "" {
			s.metricsToken = pullpass.NewSecret(test.token)
		}
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
		req = req.WithContext(context.WithValue(req.Context(), exchangeKey{}, &exchange{address: test.from}))
		if test.authorization != "" {
			req.Header.Set("Authorization", test.authorization)
		}
		if test.forwarded != "" {
			req.Header.Set(test.forwarded, "203.0.113.7")
		}
		if got := s.mayReadMetrics(req); got != test.want {
			t.Errorf("%+v: %v, want %v", test, got, test.want)
		}
	}
}
