package pullpass

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"time"
)

// TokenKind says what a bearer token is good for. The kind is part of the text,
// so that a token of one kind cannot be taken for another.
type TokenKind string

// The kinds of bearer token.
const (
	TokenAPI    TokenKind = "api"    // a person's or a program's: ppat_…
	TokenRunner TokenKind = "runner" // a joined runner's: pprt_…
	TokenJoin   TokenKind = "join"   // one use, to join a runner: ppjt_…
	TokenSetup  TokenKind = "setup"  // one use, the administrator's first: ppst_…
	TokenCI     TokenKind = "ci"     // a CI job's or a cluster's, for its own OIDC token: ppci_…
	// TokenSession is a person's, after signing in; CreatedBy is the User: ppus_…
	TokenSession TokenKind = "session"
)

var tokenPrefix = map[TokenKind]string{
	TokenAPI: "ppat_", TokenRunner: "pprt_", TokenJoin: "ppjt_", TokenSetup: "ppst_", TokenCI: "ppci_",
	TokenSession: "ppus_",
}

// Token is a bearer token as it is kept: by hash. The token itself is shown
// once, when it is made.
type Token struct {
	ID           TokenID
	Organization OrganizationID
	Kind         TokenKind
	Name         string
	Hash         TokenHash
	Role         Role
	Project      ProjectID // limits an API token to one project
	Action       Action    // TokenCI: what its credentials are limited to
	Runner       RunnerID  // TokenRunner and TokenJoin
	CreatedBy    string
	// Parent is the token that made it, and Root who made the first of them: with
	// either of the two it ends.
	Parent     TokenID
	Root       string
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: does not expire
	LastUsedAt time.Time
}

// TokenHash is the SHA-256 of a token's text in hexadecimal. The text has 256
// random bits, so a plain hash cannot be turned back.
type TokenHash string

// NewBearer makes a token's text: prefix, 256 random bits, and a checksum that
// lets secret scanners tell a token from a look-alike without asking us.
func NewBearer(kind TokenKind) Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	body := tokenPrefix[kind] + base64.RawURLEncoding.EncodeToString(b[:])
	return NewSecret(body + bearerChecksum(body))
}

func bearerChecksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// HashBearer returns the kind and hash under which a presented token is looked
// up; ok is false when text cannot be one of ours.
func HashBearer(text string) (kind TokenKind, hash TokenHash, ok bool) {
	const checksum = 8
	if len(text) != 5+43+checksum {
		return "", "", false
	}
	body := text[:len(text)-checksum]
	if bearerChecksum(body) != text[len(text)-checksum:] {
		return "", "", false
	}
	for k, prefix := range tokenPrefix {
		if strings.HasPrefix(text, prefix) {
			sum := sha256.Sum256([]byte(text))
			return k, TokenHash(hex.EncodeToString(sum[:])), true
		}
	}
	return "", "", false
}
