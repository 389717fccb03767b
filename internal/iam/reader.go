package iam

import (
	"context"
	"errors"
)

// ErrNotReadable is what a Reader answers for a policy that it cannot see,
// another account's for example. The story then says what has to be in it.
var ErrNotReadable = errors.New("the policy cannot be read from here")

// Reader finds the policies for a story: in files, or live in AWS. A policy
// that does not exist is nil without an error.
type Reader interface {
	// IdentityPolicies returns all policies attached to a user or role.
	IdentityPolicies(ctx context.Context, principal Principal) ([]*Policy, error)
	PermissionsBoundary(ctx context.Context, principal Principal) (*Policy, error)
	TrustPolicy(ctx context.Context, roleARN string) (*Policy, error)
	RepositoryPolicy(ctx context.Context, repository Repository) (*Policy, error)
	RegistryPolicy(ctx context.Context, repository Repository) (*Policy, error)
}

// ProviderReader is a Reader that can also look up OIDC providers. found is
// false for a provider that does not exist.
type ProviderReader interface {
	Provider(ctx context.Context, arn string) (clientIDs []string, found bool, err error)
}

// ControlReader is a Reader that also knows an organization's policies for an
// account, by level.
type ControlReader interface {
	ServiceControlPolicies(ctx context.Context, account string) ([][]*Policy, error)
	ResourceControlPolicies(ctx context.Context, account string) ([][]*Policy, error)
}

// ContextReader is a Reader that also knows condition keys of the real request: the
// tags of the repository and of the caller, the organization. A key without a value,
// or a family of keys such as aws:PrincipalTag/ without one, is known to be absent.
type ContextReader interface {
	PrincipalContext(ctx context.Context, principal Principal) (map[string][]string, error)
	RepositoryContext(ctx context.Context, repository Repository) (map[string][]string, error)
}

// Documents is a Reader over policies that are at hand. What is not in a map
// cannot be read; a nil value says that there is no such policy.
type Documents struct {
	Identity   map[string][]*Policy // by the ARN of the user or role
	Boundary   map[string]*Policy   // by the ARN of the user or role; none if absent
	Trust      map[string]*Policy   // by the role's ARN
	Repository map[string]*Policy   // by the repository's ARN
	Registry   map[string]*Policy   // by account id; none if absent
	Clients    map[string][]string  // client ids by the provider's ARN; nil if providers are not known
}

// IdentityPolicies implements Reader.
func (d *Documents) IdentityPolicies(_ context.Context, p Principal) ([]*Policy, error) {
	policies, found := d.Identity[p.IdentityARN()]
	if !found {
		return nil, ErrNotReadable
	}
	return policies, nil
}

// PermissionsBoundary implements Reader.
func (d *Documents) PermissionsBoundary(_ context.Context, p Principal) (*Policy, error) {
	return d.Boundary[p.IdentityARN()], nil
}

// TrustPolicy implements Reader.
func (d *Documents) TrustPolicy(_ context.Context, roleARN string) (*Policy, error) {
	return known(d.Trust, roleARN)
}

// RepositoryPolicy implements Reader.
func (d *Documents) RepositoryPolicy(_ context.Context, r Repository) (*Policy, error) {
	return known(d.Repository, r.ARN())
}

// RegistryPolicy implements Reader.
func (d *Documents) RegistryPolicy(_ context.Context, r Repository) (*Policy, error) {
	return d.Registry[r.Account], nil
}

// Provider implements ProviderReader.
func (d *Documents) Provider(_ context.Context, arn string) ([]string, bool, error) {
	if d.Clients == nil {
		return nil, false, ErrNotReadable
	}
	clients, found := d.Clients[arn]
	return clients, found, nil
}

func known(policies map[string]*Policy, name string) (*Policy, error) {
	p, found := policies[name]
	if !found {
		return nil, ErrNotReadable
	}
	return p, nil
}
