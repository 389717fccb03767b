package pullpass

import (
	"strings"
	"time"
)

// User is a person, as an OpenID provider knows them: Issuer and Subject are who
// they are, the rest is for people to read.
type User struct {
	ID         UserID
	Issuer     string
	Subject    string
	Email      string // verified by the issuer when they last signed in
	Name       string
	CreatedAt  time.Time
	SignedInAt time.Time
}

// Member gives a person a role in an organization, or in one of its projects.
// Until the first sign-in it is an invitation for whoever proves the address.
type Member struct {
	ID           MemberID
	Organization OrganizationID
	Project      ProjectID // empty for the whole organization
	Email        string
	User         UserID // empty until the person has signed in
	Role         Role
	CreatedBy    string
	Maker        Maker // what has become of who created it
	CreatedAt    time.Time
}

// MemberID identifies a Member: mem_…
type MemberID string

// NewMemberID makes a new, unique identifier.
func NewMemberID() MemberID { return MemberID(newID("mem")) }

const maxEmail = 254

// NormalEmail returns an e-mail address as it is kept and compared: in lower
// case. Only plain ASCII is taken, so that no two addresses look alike.
func NormalEmail(s string) (string, bool) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(s) > maxEmail || !strings.Contains(domain, ".") || strings.Contains(domain, "@") {
		return "", false
	}
	if strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, "..") {
		return "", false
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		switch {
		case letter, c == '@', c == '.', c == '-':
		case i < len(local) && strings.IndexByte("!#$%&'*+/=?^_`{|}~", c) >= 0:
		default:
			return "", false
		}
	}
	return strings.ToLower(s), true
}
