package config

import (
	"strings"
	"testing"
)

func TestPeople(t *testing.T) {
	good := People{OIDCIssuer: "https://accounts.example.com", OIDCClientID: "pullpass", OIDCDomains: []string{"example.com"}, OIDCClaim: "groups=pullpass"}
	for _, c := range []struct {
		name   string
		change func(*Server)
		want   string // an option that is named; empty: nothing wrong
	}{
		{"complete", func(*Server) {}, ""},
		{"none", func(s *Server) { s.People, s.URL = People{}, "" }, ""},
		{"no address", func(s *Server) { s.URL = "" }, "--url"},
		{"no client", func(s *Server) { s.OIDCClientID = "" }, "--oidc-client-id"},
		{"no issuer", func(s *Server) { s.OIDCIssuer = "" }, "--oidc-claim"},
		{"an issuer that is no address", func(s *Server) { s.OIDCIssuer = "accounts" }, "--oidc-issuer"},
		{"a claim without a value", func(s *Server) { s.OIDCClaim = "groups" }, "--oidc-claim"},
		{"an address instead of a domain", func(s *Server) { s.OIDCDomains = []string{"ada@example.com"} }, "--oidc-domain"},
	} {
		s := Server{Listen: "127.0.0.1:0", URL: "https://pullpass.example.com", People: good}
		c.change(&s)
		err := s.Check()
		if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: Check() = %v, want %q named", c.name, err, c.want)
		}
	}
}
