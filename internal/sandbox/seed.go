package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// seed builds the configured accounts. Whoever may be named in a policy is
// made before the policies that name them.
func (b *Sandbox) seed() error {
	for i := range b.cfg.Accounts {
		a := &b.cfg.Accounts[i]
		acct := newAccount(a.ID, a.Alias, a.inPartition())
		acct.organization, acct.warn = a.Organization, b.log.Warn
		acct.awsManaged = awsManaged(acct.partition)
		for _, region := range b.cfg.Regions {
			acct.addRegistry(region)
		}
		for _, r := range b.cfg.Registries {
			if r.Account == a.ID {
				acct.addRegistry(r.Region)
			}
		}
		b.state.accounts[a.ID] = acct
	}
	steps := []func(Account, *account) error{
		b.seedPolicies,
		b.seedUsers,
		b.seedRoles,
		b.seedProviders,
		b.seedTrust,
		b.seedRegistries,
		b.seedControls,
	}
	for _, step := range steps {
		for _, a := range b.cfg.Accounts {
			if err := step(a, b.state.accounts[a.ID]); err != nil {
				return &pullpass.Error{
					Kind: pullpass.Invalid, What: "the sandbox configuration does not fit together",
					Cause: fmt.Sprintf("account %s: %v", a.ID, err), Err: err,
				}
			}
		}
	}
	return nil
}

func (b *Sandbox) seedPolicies(a Account, acct *account) error {
	for _, p := range a.Policies {
		if _, err := acct.newPolicy(p.Name, pathOr(p.Path), p.Description, string(p.Document), nil, b.now()); err != nil {
			return fmt.Errorf("policy %s: %w", p.Name, err)
		}
	}
	return nil
}

func (b *Sandbox) seedUsers(a Account, acct *account) error {
	for _, u := range a.Users {
		made, err := acct.newUser(u.Name, pathOr(u.Path), u.PermissionsBoundary, u.Tags, b.now())
		if err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
		if err := made.seed("User", acct, u.InlinePolicies, u.AttachedPolicies); err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
		for _, d := range u.MFADevices {
			device, err := acct.newMFADevice(d, b.now())
			if err != nil {
				return fmt.Errorf("user %s: %w", u.Name, err)
			}
			made.mfa = append(made.mfa, device)
		}
		for _, k := range u.AccessKeys {
			if b.state.keys[k.ID] != nil {
				return fmt.Errorf("user %s: another user has access key %s", u.Name, k.ID)
			}
			b.state.addKey(acct, made, k.ID, k.Secret.Secret, b.now())
		}
	}
	return nil
}

func (b *Sandbox) seedRoles(a Account, acct *account) error {
	for _, r := range a.Roles {
		maxSession := time.Duration(r.MaxSession)
		if maxSession == 0 {
			maxSession = defaultSession
		}
		made, err := acct.newRole(roleSettings{
			name: r.Name, path: pathOr(r.Path), description: r.Description, boundary: r.PermissionsBoundary,
			trust: string(r.TrustPolicy), maxSession: maxSession, tags: r.Tags,
		}, b.now())
		if err != nil {
			return fmt.Errorf("role %s: %w", r.Name, err)
		}
		if err := made.seed("Role", acct, r.InlinePolicies, r.AttachedPolicies); err != nil {
			return fmt.Errorf("role %s: %w", r.Name, err)
		}
	}
	return nil
}

func (b *Sandbox) seedProviders(a Account, acct *account) error {
	for _, p := range a.OIDCProviders {
		made, err := acct.newProvider(p.URL, p.ClientIDs, p.Thumbprints, nil, b.now())
		if err != nil {
			return fmt.Errorf("provider %s: %w", p.URL, err)
		}
		if p.JWKS == "" {
			continue
		}
		var readErr error
		if made.keys, readErr = readKeys(p.JWKS); readErr != nil {
			return fmt.Errorf("provider %s: %w", p.URL, readErr)
		}
	}
	for _, p := range a.InstanceProfiles {
		made, err := acct.newProfile(p.Name, pathOr(p.Path), nil, b.now())
		if err != nil {
			return fmt.Errorf("instance profile %s: %w", p.Name, err)
		}
		if acct.roles[p.Role] == nil {
			return fmt.Errorf("instance profile %s: no role %s", p.Name, p.Role)
		}
		made.role = p.Role
	}
	return nil
}

func (b *Sandbox) seedTrust(_ Account, acct *account) error {
	for _, name := range slices.Sorted(maps.Keys(acct.roles)) {
		if text := b.unknownPrincipal(acct.roles[name].trust.policy); text != "" {
			return fmt.Errorf("role %s: its trust policy names %s, which does not exist", name, text)
		}
	}
	return nil
}

func (b *Sandbox) seedRegistries(a Account, acct *account) error {
	for _, r := range a.Repositories {
		reg := acct.addRegistry(r.Region)
		if !awsname.ValidRepository(r.Name) || reg.repositories[r.Name] != nil {
			return fmt.Errorf("repository %q: not a repository name, or listed twice", r.Name)
		}
		in := &createRepositoryInput{RepositoryName: r.Name, ImageTagMutability: mutable}
		if r.ImmutableTags {
			in.ImageTagMutability = immutable
		}
		repo, err := b.newRepository(reg, in, maps.Clone(r.Tags))
		if err != nil {
			return fmt.Errorf("repository %s: %w", r.Name, err)
		}
		if r.Policy != "" {
			if repo.policy, err = b.repositoryPolicy(string(r.Policy)); err != nil {
				return fmt.Errorf("repository %s: %w", r.Name, err)
			}
		}
		reg.repositories[r.Name] = repo
	}
	for _, p := range a.RegistryPolicies {
		reg := acct.addRegistry(p.Region)
		if reg == nil {
			return fmt.Errorf("registry policy: the partition %s has no region %q", acct.partition, p.Region)
		}
		doc, err := b.registryPolicy(string(p.Policy))
		if err != nil {
			return fmt.Errorf("registry policy in %s: %w", p.Region, err)
		}
		reg.policy = doc
	}
	return nil
}

func (b *Sandbox) seedControls(a Account, acct *account) error {
	var err error
	if acct.serviceControl, err = parseLevels(a.ServiceControlPolicies); err != nil {
		return fmt.Errorf("service control policies: %w", err)
	}
	if acct.resourceControl, err = parseLevels(a.ResourceControlPolicies); err != nil {
		return fmt.Errorf("resource control policies: %w", err)
	}
	return nil
}

func parseLevels(levels [][]Document) ([][]policyDocument, error) {
	var list [][]policyDocument
	for i, level := range levels {
		docs := []policyDocument{}
		for _, text := range level {
			doc, err := parsePolicy(string(text))
			if err != nil {
				return nil, fmt.Errorf("level %d: %w", i+1, err)
			}
			docs = append(docs, doc)
		}
		list = append(list, docs)
	}
	return list, nil
}

func pathOr(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
