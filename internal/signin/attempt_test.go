package signin_test

import (
	"testing"

	"github.com/pullpass/pullpass/internal/signin"
)

func TestUserCodes(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := signin.NewUserCode()
		clean, ok := signin.CleanUserCode(code)
		if !ok || clean != code || len(code) != 9 {
			t.Fatalf("CleanUserCode(%q) = %q, %v, want it as it is", code, clean, ok)
		}
		seen[code] = true
	}
	if len(seen) < 999 {
		t.Errorf("%d different codes of 1000", len(seen))
	}
	for typed, want := range map[string]string{
		"bcdf ghjk": "BCDF-GHJK", " bcdfghjk ": "BCDF-GHJK", "B-C-D-F-G-H-J-K": "BCDF-GHJK",
		"": "", "BCDF-GHJ": "", "BCDF-GHJKL": "", "ACDF-GHJK": "", "BCDF_GHJK": "", "BCDF-GHJK\x00": "",
	} {
		if got, ok := signin.CleanUserCode(typed); got != want || ok != (want != "") {
			t.Errorf("CleanUserCode(%q) = %q, %v, want %q", typed, got, ok, want)
		}
	}
}

func TestProves(t *testing.T) {
	// The example of RFC 7636, appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got := signin.Challenge(verifier); got != challenge {
		t.Errorf("Challenge(%q) = %q, want %q", verifier, got, challenge)
	}
	for _, test := range []struct {
		verifier, challenge string
		want                bool
	}{
		{verifier, challenge, true},
		{signin.NewText(), challenge, false},
		{challenge, challenge, false}, // plain
		{"", "", false},
		{"", signin.Challenge(""), false},
		{verifier, "", false},
	} {
		if got := signin.Proves(test.verifier, test.challenge); got != test.want {
			t.Errorf("Proves(%q, %q) = %v, want %v", test.verifier, test.challenge, got, test.want)
		}
	}
}

// What goes to the provider tells nothing of what stays.
func TestBrowserDerives(t *testing.T) {
	b := signin.NewBrowser()
	same, ok := signin.ParseBrowser(b.Cookie().Reveal())
	if !ok || same.Nonce() != b.Nonce() || same.Verifier() != b.Verifier() || same.Hash() != b.Hash() {
		t.Error("the cookie does not give the same browser")
	}
	parts := map[string]bool{b.Nonce(): true, b.Verifier(): true, string(b.Hash()): true, b.Cookie().Reveal(): true}
	if len(parts) != 4 || !signin.ValidVerifier(b.Verifier()) {
		t.Errorf("nonce, verifier, hash and cookie are not four different texts")
	}
	for _, cookie := range []string{"", "short", b.Cookie().Reveal() + "x", string(make([]byte, 43))} {
		if _, ok := signin.ParseBrowser(cookie); ok {
			t.Errorf("ParseBrowser(%q) succeeded", cookie)
		}
	}
}
