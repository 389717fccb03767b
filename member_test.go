package pullpass_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

func TestNormalEmail(t *testing.T) {
	for given, want := range map[string]string{
		"ada@example.com":          "ada@example.com",
		"Ada.Lovelace@Example.COM": "ada.lovelace@example.com",
		"a+b@example.co.uk":        "a+b@example.co.uk",
		"":                         "",
		"ada":                      "",
		"@example.com":             "",
		"ada@":                     "",
		"ada@localhost":            "",
		"ada@example.com@evil.io":  "",
		"ada@example..com":         "",
		"ada@.example.com":         "",
		"ada@example.com.":         "",
		"ada@exаmple.com":          "", // a Cyrillic а
		"ada\n@example.com":        "",
		"ada @example.com":         "",
		"\"ada\"@example.com":      "",
		"ada@exa_mple.com":         "",
		strings.Repeat("a", 250) + "@example.com": "",
	} {
		if got, ok := pullpass.NormalEmail(given); got != want || ok != (want != "") {
			t.Errorf("NormalEmail(%q) = %q, %v, want %q", given, got, ok, want)
		}
	}
}
