package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Identity is an organization's identity provider.
type Identity struct {
	Issuer    string `json:"issuer" doc:"What the tokens' iss says." example:"https://pullpass.example.com/o/org_01k6"`
	Discovery string `json:"discovery" doc:"Where verifiers find the discovery document."`
	KeySet    string `json:"key_set" doc:"Where they find the keys."`
	Subject   string `json:"subject" doc:"How the tokens' sub reads: repository, ids, or a text with {components}." example:"repository"`
}

// IdentityChange changes an identity provider.
type IdentityChange struct {
	Subject string `json:"subject" minLength:"1" maxLength:"512" doc:"repository, ids, or a text such as project:{project_id}:ref:{ref}."`
}

// IdentityTokenRequest asks for an identity token.
type IdentityTokenRequest struct {
	Audience  []string `json:"audience" minItems:"1" maxItems:"10" nullable:"false" doc:"Who will check it." example:"[\"sts.amazonaws.com\"]"`
	Algorithm string   `json:"algorithm,omitempty" enum:"RS256,ES256" doc:"RS256 unless given."`
}

// IdentityToken is a signed token that says which environment asks.
type IdentityToken struct {
	Token   Secret    `json:"token" format:"password"`
	Subject string    `json:"subject"`
	ID      string    `json:"id" doc:"Its jti, which the audit record names, too."`
	Expires time.Time `json:"expires"`
}

// Proof is how a project stands with the ownership of its repository.
type Proof struct {
	Repository string    `json:"repository"`
	File       string    `json:"file" doc:"Goes to the top of the repository's default branch." example:".pullpass-challenge"`
	Content    string    `json:"content" doc:"A line that the file must hold."`
	Proved     bool      `json:"proved"`
	ProvedAt   time.Time `json:"proved_at,omitzero" doc:"When the server last found it."`
}

// GitLogin is how the server reads a private repository.
type GitLogin struct {
	Username string `json:"username" minLength:"1" maxLength:"255" doc:"As the host wants it with a token." example:"x-access-token"`
	Token    Secret `json:"token" format:"password" writeOnly:"true" maxLength:"65536" doc:"An access token of the host. One that may push proves whose the repository is."`
}

// Trust is an issuer whose tokens can be exchanged.
type Trust struct {
	ID         pullpass.TrustID   `json:"id"`
	Name       string             `json:"name"`
	Issuer     string             `json:"issuer"`
	Audience   string             `json:"audience"`
	Conditions []string           `json:"conditions" nullable:"false"`
	Project    pullpass.ProjectID `json:"project"`
	Action     pullpass.Action    `json:"action" enum:"pull,push"`
	Life       int64              `json:"life_seconds"`
	Maker      Maker              `json:"maker" doc:"Who added it. It stays when that token ends."`
	CreatedAt  time.Time          `json:"created_at"`
}

// NewTrust trusts an issuer.
type NewTrust struct {
	Name       string             `json:"name" minLength:"1" maxLength:"127" example:"gitlab-payments"`
	Issuer     string             `json:"issuer" minLength:"1" maxLength:"2048" doc:"Compared with the token's iss byte for byte." example:"https://gitlab.com"`
	Audience   string             `json:"audience" minLength:"1" maxLength:"512" doc:"What the token's aud must hold." example:"https://pullpass.example.com"`
	Conditions []string           `json:"conditions" minItems:"1" maxItems:"20" nullable:"false" doc:"claim=value, claim=a|b, or claim~pattern, in which * is any text and ? any character. All must hold. In an issuer that signs for everybody one of them has to name the owner without a wildcard." example:"[\"project_path=acme/payments\"]"`
	Project    pullpass.ProjectID `json:"project" doc:"What the exchanged token is limited to."`
	Action     pullpass.Action    `json:"action,omitempty" enum:"pull,push" doc:"pull unless given; push includes pull."`
	Life       int64              `json:"life_seconds,omitempty" minimum:"60" maximum:"43200" doc:"Of the exchanged token: an hour unless given."`
}

// TrustTest asks what the trusts make of a token.
type TrustTest struct {
	Token Secret `json:"token" format:"password" writeOnly:"true"`
}

// TrustTestResult lays a token beside the trusts of its issuer.
type TrustTestResult struct {
	Accepted bool         `json:"accepted"`
	Cause    string       `json:"cause,omitempty" doc:"Why it is not accepted."`
	Hint     string       `json:"hint,omitempty"`
	Matches  []TrustMatch `json:"matches" nullable:"false"`
}

// TrustMatch is one trust and what each of its conditions found.
type TrustMatch struct {
	Trust  string       `json:"trust"`
	OK     bool         `json:"ok"`
	Claims []ClaimMatch `json:"claims" nullable:"false"`
}

// ClaimMatch is one condition beside what the token says.
type ClaimMatch struct {
	Claim string   `json:"claim"`
	Want  []string `json:"want" nullable:"false"`
	Got   string   `json:"got"`
	OK    bool     `json:"ok"`
	Why   string   `json:"why,omitempty"`
}

// The parameters of PathExchange, as RFC 8693 names them.
const (
	GrantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	TokenTypeJWT       = "urn:ietf:params:oauth:token-type:jwt"
	TokenTypeID        = "urn:ietf:params:oauth:token-type:id_token"
	TokenTypeAccess    = "urn:ietf:params:oauth:token-type:access_token"
)

// Exchanged is RFC 8693's answer.
type Exchanged struct {
	AccessToken Secret          `json:"access_token" format:"password"`
	IssuedType  string          `json:"issued_token_type"`
	TokenType   string          `json:"token_type"`
	ExpiresIn   int64           `json:"expires_in"`
	Scope       pullpass.Action `json:"scope"`
}
