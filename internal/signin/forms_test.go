package signin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/signin"
)

// Every letter of a user code is as likely as any other: whoever guesses codes has
// no better first guess. 400,000 letters tell 5.0 % from the 5.4 % that one byte
// too many gives a letter, with less than one false alarm in a million runs.
func TestUserCodeLettersAreEquallyLikely(t *testing.T) {
	const codes = 50_000
	counts := map[rune]int{}
	for range codes {
		for _, c := range strings.ReplaceAll(signin.NewUserCode(), "-", "") {
			counts[c]++
		}
	}
	if len(counts) != 20 {
		t.Fatalf("%d different letters, want 20", len(counts))
	}
	const all = codes * 8
	for c, n := range counts {
		if share := float64(n) / all; share < 0.0485 || share > 0.0519 {
			t.Errorf("%c is %.2f %% of all letters, want 5 %%", c, 100*share)
		}
	}
}

// How long things live is decided, not computed from anything.
func TestLives(t *testing.T) {
	for name, pair := range map[string][2]time.Duration{
		"an attempt": {signin.AttemptFor, 10 * 60 * 1_000_000_000},
		"a code":     {signin.CodeFor, 60 * 1_000_000_000},
		"a session":  {signin.SessionFor, 12 * 3600 * 1_000_000_000},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s lives for %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestHashOf(t *testing.T) {
	sum := sha256.Sum256([]byte("text"))
	if got, want := signin.HashOf("text"), signin.Hash(hex.EncodeToString(sum[:])); got != want {
		t.Errorf("HashOf = %q, want %q", got, want)
	}
	if got := signin.HashOf(""); got != "" {
		t.Errorf("HashOf of nothing = %q: it would be the key of every attempt without a text", got)
	}
}

// The command line and the page show the same word, whatever their versions.
func TestWordStaysAsItIs(t *testing.T) {
	for of, want := range map[string]string{"": wordOf(""), "a": wordOf("a"), "challenge": wordOf("challenge")} {
		if got := signin.Word(of); got != want {
			t.Errorf("Word(%q) = %q, want %q", of, got, want)
		}
	}
}

// wordOf is the definition once more, by a table instead of a remainder.
func wordOf(of string) string {
	letters := strings.Repeat("BCDFGHJKLMNPQRSTVWXZ", 13)
	sum := sha256.Sum256([]byte("pullpass/sign-in/word/v1:" + of))
	var word []byte
	for _, b := range sum[:8] {
		word = append(word, letters[b])
	}
	return string(word[:4]) + "-" + string(word[4:])
}

func TestVerifierForm(t *testing.T) {
	for s, want := range map[string]bool{
		strings.Repeat("a", 42):                false,
		strings.Repeat("a", 43):                true,
		strings.Repeat("a", 128):               true,
		strings.Repeat("a", 129):               false,
		"azAZ09-._~" + strings.Repeat("a", 33): true,
		"/" + strings.Repeat("a", 42):          false, // before 0
		":" + strings.Repeat("a", 42):          false, // after 9
		"@" + strings.Repeat("a", 42):          false, // before A
		"[" + strings.Repeat("a", 42):          false, // after Z
		"`" + strings.Repeat("a", 42):          false, // before a
		"{" + strings.Repeat("a", 42):          false, // after z
		"é" + strings.Repeat("a", 41):          false,
	} {
		if got := signin.ValidVerifier(s); got != want {
			t.Errorf("ValidVerifier(%q) = %v, want %v", s, got, want)
		}
		if got := signin.ValidChallenge(s); got != (want && len(s) == 43) {
			t.Errorf("ValidChallenge(%q) = %v", s, got)
		}
	}
}

// Only this machine's own addresses get the code: any other would hand it to
// whoever wrote the link.
func TestLoopback(t *testing.T) {
	for _, raw := range []string{
		"http://127.0.0.1:1/", "http://127.0.0.1:65535", "http://[::1]:8000/callback", "http://127.0.0.1:49152/a/b/c/d/",
	} {
		if got, err := signin.Loopback(raw); got != raw || err != nil {
			t.Errorf("Loopback(%q) = %q, %v, want it as it is", raw, got, err)
		}
	}
	for _, raw := range []string{
		"", "http://127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:x/", "http://127.0.0.1:080/",
		"https://127.0.0.1:1/", "ftp://127.0.0.1:1/", "//127.0.0.1:1/", "http://localhost:1/", "http://127.0.0.2:1/", "http://127.1:1/",
		"http://2130706433:1/", "http://[::ffff:127.0.0.1]:1/", "http://[0:0:0:0:0:0:0:1]:1/", "http://[::1%25lo]:1/",
		"http://evil.example:1/", "http://127.0.0.1.evil.example:1/", "http://u@127.0.0.1:1/", "http://127.0.0.1:1@evil.example/",
		"http://127.0.0.1:1/?a=b", "http://127.0.0.1:1/?", "http://127.0.0.1:1/#f", "http://127.0.0.1:1/a%2fb", "http://127.0.0.1:1/../",
		"http://127.0.0.1:1//", "http://127.0.0.1:1/a/b/c/d/e", "HTTP://127.0.0.1:1/", "http://127.0.0.1:1/\n", "http://127.0.0.1:1\x7f/",
	} {
		got, err := signin.Loopback(raw)
		if got != "" || !pullpass.IsKind(err, pullpass.Invalid) || pullpass.HintOf(err) == "" {
			t.Errorf("Loopback(%q) = %q, %v, want invalid with a hint", raw, got, err)
		}
	}
}
