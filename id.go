package pullpass

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// Identifiers are a kind prefix and 26 characters: 48 bits of milliseconds,
// then 80 random bits, in an alphabet that sorts like the bytes. So a list in
// order of id is a list in order of creation, and a page can start after an id.
type (
	OrganizationID string // org_…
	ProjectID      string // prj_…
	IntegrationID  string // int_…
	RegistryID     string // reg_…
	RunnerID       string // run_…
	EnvironmentID  string // env_…
	TokenID        string // tok_…
	UserID         string // usr_…
	TrustID        string // tru_…
)

// Constructors for new, unique identifiers.
func NewOrganizationID() OrganizationID { return OrganizationID(newID("org")) }
func NewProjectID() ProjectID           { return ProjectID(newID("prj")) }
func NewIntegrationID() IntegrationID   { return IntegrationID(newID("int")) }
func NewRegistryID() RegistryID         { return RegistryID(newID("reg")) }
func NewRunnerID() RunnerID             { return RunnerID(newID("run")) }
func NewEnvironmentID() EnvironmentID   { return EnvironmentID(newID("env")) }
func NewTokenID() TokenID               { return TokenID(newID("tok")) }
func NewUserID() UserID                 { return UserID(newID("usr")) }
func NewTrustID() TrustID               { return TrustID(newID("tru")) }

// idEncoding is Crockford's alphabet in lower case: no i, l, o, u to misread.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

const idLength = 26 // 16 bytes in base32

func newID(prefix string) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // crypto/rand.Read never fails since Go 1.24
	ms := uint64(time.Now().UnixMilli())
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], ms)
	copy(b[:6], t[2:])
	return prefix + "_" + idEncoding.EncodeToString(b[:])
}

// ValidID reports whether s is an identifier with the given prefix, as the
// constructors write it.
func ValidID(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != idLength {
		return false
	}
	b, err := idEncoding.DecodeString(rest)
	return err == nil && idEncoding.EncodeToString(b) == rest
}
