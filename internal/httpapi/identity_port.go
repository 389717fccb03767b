package httpapi

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// Identity is the OIDC provider: *identity.Provider.
type Identity interface {
	Issuer(pullpass.OrganizationID) string
	Discovery(pullpass.OrganizationID) identity.Discovery
	KeySet(context.Context, pullpass.OrganizationID) (jose.JSONWebKeySet, error)
	CacheFor() time.Duration
	Issue(context.Context, identity.Request) (identity.Token, error)
	// Challenge makes what a runner signs, and OpenChallenge takes it back, once for
	// each id.
	Challenge(context.Context, pullpass.OrganizationID, pullpass.RunnerID) (string, error)
	OpenChallenge(ctx context.Context, org pullpass.OrganizationID, r pullpass.RunnerID, text string) (id string, expires time.Time, err error)
	// Succession is the key set, signed by each key in use.
	Succession(context.Context, pullpass.OrganizationID) ([]string, error)
}

// Source finds out itself what a repository holds: *source.Source.
type Source interface {
	// Resolve returns the name and the commit of a branch or tag, of the default
	// branch if ref is empty.
	Resolve(ctx context.Context, repository string, login pullpass.GitLogin, ref string) (name, commit string, err error)
	// File returns a file at the top of the default branch.
	File(ctx context.Context, repository string, login pullpass.GitLogin, name string) (string, error)
	// MayPush reports whether a login may write, and not everybody.
	MayPush(ctx context.Context, repository string, login pullpass.GitLogin) (bool, error)
}

// Verifier checks tokens of trusted issuers: *identity.Verifier.
type Verifier interface {
	Verify(ctx context.Context, raw string, trusts []identity.Trust) (identity.Match, []identity.Match, error)
}

type subjectStore interface {
	SubjectTemplate(context.Context, pullpass.OrganizationID) (string, error)
	SetSubjectTemplate(context.Context, pullpass.OrganizationID, string) error
	ProjectProof(ctx context.Context, org pullpass.OrganizationID, id pullpass.ProjectID, fresh string) (identity.Proof, error)
	SetProved(context.Context, pullpass.OrganizationID, pullpass.ProjectID, time.Time) error
	SetGitLogin(context.Context, pullpass.OrganizationID, pullpass.Project, pullpass.GitLogin) error
	GitLogin(context.Context, pullpass.OrganizationID, pullpass.Project) (pullpass.GitLogin, error)
}

type trustStore interface {
	CreateTrust(context.Context, identity.Trust) (identity.Trust, error)
	Trust(context.Context, pullpass.OrganizationID, pullpass.TrustID) (identity.Trust, error)
	TrustByName(context.Context, pullpass.OrganizationID, string) (identity.Trust, error)
	Trusts(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[identity.Trust], error)
	DeleteTrust(context.Context, pullpass.OrganizationID, pullpass.TrustID) error
}

func errNoIdentity() error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "identity_off", What: "cannot answer this", Cause: "the server has no identity provider"}
}
