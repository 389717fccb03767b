package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Member is a person's role in the organization, or in one project.
type Member struct {
	ID        pullpass.MemberID  `json:"id"`
	Email     string             `json:"email"`
	Role      pullpass.Role      `json:"role" enum:"owner,admin,developer,auditor"`
	Project   pullpass.ProjectID `json:"project,omitempty" doc:"Empty for the whole organization."`
	User      pullpass.UserID    `json:"user,omitempty" doc:"Who it is; empty until the first sign-in."`
	CreatedBy string             `json:"created_by,omitempty"`
	Maker     Maker              `json:"maker" doc:"What has become of who created it."`
	CreatedAt time.Time          `json:"created_at"`
}

// FromMember writes a member.
func FromMember(m pullpass.Member) Member {
	return Member{ID: m.ID, Email: m.Email, Role: m.Role, Project: m.Project, User: m.User, CreatedBy: m.CreatedBy, Maker: FromMaker(m.Maker), CreatedAt: m.CreatedAt}
}

// NewMember invites a person: whoever first signs in with this address, verified
// by the server's OpenID provider.
type NewMember struct {
	Email   string             `json:"email" minLength:"3" maxLength:"254" doc:"The person's e-mail address." example:"ada@example.com"`
	Role    pullpass.Role      `json:"role" enum:"owner,admin,developer,auditor"`
	Project pullpass.ProjectID `json:"project,omitempty" doc:"Limits the role to one project."`
}

// NewDevice begins a sign-in on a machine without a browser.
type NewDevice struct {
	Organization string `json:"organization,omitempty" maxLength:"127" doc:"Name or id; leave out where you are a member of one only."`
	Project      string `json:"project,omitempty" maxLength:"127" doc:"Name or id, for a role that is limited to a project."`
}

// Device is what the machine shows to the person, and what it asks with.
type Device struct {
	DeviceCode      Secret    `json:"device_code" format:"password" doc:"Ask with it for the session."`
	UserCode        string    `json:"user_code" doc:"The person types it at verification_uri." example:"BCDF-GHJK"`
	VerificationURI string    `json:"verification_uri" example:"https://pullpass.example.com/device"`
	Interval        int       `json:"interval" doc:"Seconds between two questions."`
	ExpiresAt       time.Time `json:"expires_at"`
}

// SignIn redeems what a sign-in gave: code and verifier, or the device code.
type SignIn struct {
	Code       Secret `json:"code,omitzero" format:"password" writeOnly:"true" maxLength:"128" doc:"From the loopback address."`
	Verifier   Secret `json:"code_verifier,omitzero" format:"password" writeOnly:"true" maxLength:"128" doc:"What code_challenge was made from."`
	DeviceCode Secret `json:"device_code,omitzero" format:"password" writeOnly:"true" maxLength:"128" doc:"On a machine without a browser."`
}

// SignedIn is shown once.
type SignedIn struct {
	Pending   bool      `json:"pending" doc:"The person is not done yet: ask again after interval seconds."`
	Token     Secret    `json:"token,omitzero" format:"password" doc:"The session's bearer token. It is shown this once."`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}
