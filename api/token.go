package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Token is a bearer token without its text.
type Token struct {
	ID         pullpass.TokenID   `json:"id"`
	Kind       pullpass.TokenKind `json:"kind" enum:"api,runner,join,setup,ci,session"`
	Name       string             `json:"name"`
	Role       pullpass.Role      `json:"role,omitempty"`
	Project    pullpass.ProjectID `json:"project,omitempty"`
	Runner     pullpass.RunnerID  `json:"runner,omitempty"`
	CreatedBy  string             `json:"created_by,omitempty"`
	Parent     pullpass.TokenID   `json:"parent,omitempty" doc:"The token that made it, and with which it ends."`
	Root       string             `json:"root,omitempty" doc:"Who made the first of its line: a person, or setup."`
	CreatedAt  time.Time          `json:"created_at"`
	ExpiresAt  time.Time          `json:"expires_at,omitzero"`
	LastUsedAt time.Time          `json:"last_used_at,omitzero"`
}

// NewToken makes an API token. It can do no more than its maker.
type NewToken struct {
	Name      string             `json:"name" minLength:"1" maxLength:"127" example:"ci"`
	Role      pullpass.Role      `json:"role" enum:"owner,admin,developer,auditor"`
	Project   pullpass.ProjectID `json:"project,omitempty" doc:"Limits the token to one project."`
	ExpiresAt time.Time          `json:"expires_at,omitzero" doc:"Leave out for a token that does not expire."`
}

// TokenWithText is shown once.
type TokenWithText struct {
	Details Token  `json:"details"`
	Token   Secret `json:"token" format:"password" doc:"It is shown this once."`
}
