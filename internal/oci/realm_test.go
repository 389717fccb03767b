package oci

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// TestRealms: which token services are asked, with a password and without one. Over
// plain http nothing is asked but the registry itself: a token could be read on the way.
func TestRealms(t *testing.T) {
	host, err := reference.ParseHost("registry.example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{}
	for _, test := range []struct {
		realm               string
		anonymous, password bool
	}{
		{"https://registry.example.com/token", true, true},
		{"https://auth.example.com/token", true, false},
		{"http://auth.example.com/token", false, false},
		{"http://registry.example.com/token", false, false}, // not the registry's own scheme
		{"https://registry.example.com:8443/token", true, false},
		{"https://user@registry.example.com/token", false, false},
		{"ftp://registry.example.com/token", false, false},
		{"/token", false, false},
		{"", false, false},
	} {
		for password, want := range map[bool]bool{false: test.anonymous, true: test.password} {
			_, err := c.checkRealm(subject{what: "cannot pull", host: host}, test.realm, password)
			if (err == nil) != want || (err != nil && pullpass.HintOf(err) == "") {
				t.Errorf("checkRealm(%q, password %t) = %v, want it allowed: %t", test.realm, password, err, want)
			}
		}
	}
}
