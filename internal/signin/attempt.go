package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// Hash is the SHA-256 of a random text, in hexadecimal: what is kept of it.
type Hash string

// HashOf returns the hash of a text; of none it is empty.
func HashOf(text string) Hash {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return Hash(hex.EncodeToString(sum[:]))
}

// Attempt is one sign-in under way, for a command line that waits: either one
// that listens on loopback (Redirect, ClientState, Challenge) or one that asks
// again and again (Device, UserCode).
type Attempt struct {
	ID       string
	State    Hash // what the provider gives back; used once
	Browser  Hash // which browser it is; see Browser
	UserCode Hash // what the person types
	Device   Hash // what the command line asks with
	Code     Hash // what the command line gets on its loopback address

	Redirect    string // http://127.0.0.1:port/…
	ClientState string // the command line's own, given back as it is
	Challenge   string // S256 of the command line's verifier

	// WishOrganization and WishProject name the membership that is asked for, by
	// name or id; empty where there is only one.
	WishOrganization string
	WishProject      string

	Organization pullpass.OrganizationID
	Member       pullpass.MemberID // set once the person is known
	Refusal      string            // code of the reason why there will be none
	ExpiresAt    time.Time

	Address string // from which a device asked
}

// How long things live.
const (
	AttemptFor = 10 * time.Minute // to sign in at the provider
	CodeFor    = time.Minute      // to redeem what was given to the loopback address
	SessionFor = 12 * time.Hour
)

// NewText makes a random text of 256 bits.
func NewText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// userCodeAlphabet has consonants only: no words, and nothing to misread (RFC 8628, 6.1).
const userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"

// NewUserCode makes a code that a person can type: BCDF-GHJK, 34 bits.
func NewUserCode() string {
	var b strings.Builder
	for b.Len() < 9 {
		if b.Len() == 4 {
			b.WriteByte('-')
		}
		var r [1]byte
		_, _ = rand.Read(r[:]) // never fails
		const whole = 256 / len(userCodeAlphabet) * len(userCodeAlphabet)
		if int(r[0]) < whole { // the rest would make some letters likelier
			b.WriteByte(userCodeAlphabet[int(r[0])%len(userCodeAlphabet)])
		}
	}
	return b.String()
}

// Word is what the terminal shows and the page for consent, too: a person who
// compares them knows that the page asks for their own command line. It is made of
// what only that command line began: its challenge, or the hash of its device code.
func Word(of string) string {
	sum := sha256.Sum256([]byte("pullpass/sign-in/word/v1:" + of))
	var b strings.Builder
	for i, c := range sum[:8] {
		if i == 4 {
			b.WriteByte('-')
		}
		b.WriteByte(userCodeAlphabet[int(c)%len(userCodeAlphabet)])
	}
	return b.String()
}

// CleanUserCode returns a typed code as NewUserCode writes it: case, blanks and
// the hyphen do not matter.
func CleanUserCode(typed string) (string, bool) {
	var letters []byte
	for _, c := range []byte(strings.ToUpper(typed)) {
		switch {
		case c == ' ' || c == '-':
		case strings.IndexByte(userCodeAlphabet, c) >= 0 && len(letters) < 8:
			letters = append(letters, c)
		default:
			return "", false
		}
	}
	if len(letters) != 8 {
		return "", false
	}
	return string(letters[:4]) + "-" + string(letters[4:]), true
}

// Challenge is S256 of a verifier, as RFC 7636 has it.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Proves reports whether verifier is the one that challenge was made from.
func Proves(verifier, challenge string) bool {
	return ValidVerifier(verifier) && subtle.ConstantTimeCompare([]byte(Challenge(verifier)), []byte(challenge)) == 1
}

// ValidVerifier reports whether s has the form of a verifier of 256 bits or more.
func ValidVerifier(s string) bool {
	const shortest, longest = 43, 128
	return len(s) >= shortest && len(s) <= longest && unreserved(s)
}

// ValidChallenge reports whether s has the form of an S256 challenge.
func ValidChallenge(s string) bool { return len(s) == 43 && unreserved(s) }

func unreserved(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("-._~", c) < 0 {
			return false
		}
	}
	return true
}
