package provision

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/reference"
)

// The tags by which a repository is known to be ours. A project's other servers,
// and the same project later, know it by them, too.
const (
	tagOrganization = "pullpass:organization"
	tagProject      = "pullpass:project"
)

func ours(r pullpass.Repository) map[string]string {
	return map[string]string{tagOrganization: string(r.Organization), tagProject: string(r.Project)}
}

// wanted makes a repository of a wish, or says what does not fit.
func (k *Keeper) wanted(ctx context.Context, org pullpass.OrganizationID, w Wish) (pullpass.Repository, error) {
	project, err := k.o.Store.Project(ctx, org, w.Project)
	if err != nil {
		return pullpass.Repository{}, err
	}
	r := pullpass.Repository{
		ID: pullpass.NewRepositoryID(), Organization: org, Project: project.ID, Integration: w.Integration, Puller: cmp.Or(w.Puller, w.Integration),
		Name: cmp.Or(
			w.Name,
			pullpass.RepositoryNameFor(project.Name),
		), Settings: w.Settings, State: pullpass.RepositoryPending, CreatedAt: k.o.Now(),
	}
	if !validName(r.Name) {
		return r, unfit(
			cannotCreate,
			"repository_name",
			"the name is not one that ECR takes",
			"2 to 256 characters: lower-case words joined by . _ - and /",
		)
	}
	if err := CheckSettings(cannotCreate, w.Settings); err != nil {
		return r, err
	}
	if r.Puller != r.Integration {
		if _, err := k.o.Store.Integration(ctx, org, r.Puller); err != nil {
			return r, err
		}
	}
	host, err := k.place(ctx, r, w)
	if err != nil {
		return r, err
	}
	r.Host, r.Account, r.Region = host.Name, host.ECR.Account, host.ECR.Region
	return r, nil
}

func validName(name string) bool {
	const least, most = 2, 256 // ECR's
	return len(name) >= least && len(name) <= most && reference.ValidRepository(name)
}

// place finds the registry that the integration can create repositories in: its
// own account's, since CreateRepository reaches no other.
func (k *Keeper) place(ctx context.Context, r pullpass.Repository, w Wish) (reference.Host, error) {
	var host reference.Host
	if w.Host != "" {
		var err error
		if host, err = k.o.Hosts.Parse(w.Host); err != nil {
			return host, err
		}
		if host.ECR == nil {
			return host, unfit(
				cannotCreate,
				"host_not_ecr",
				"the host is no private Amazon ECR registry",
				"leave it out, or name one of the integration's account",
			)
		}
	}
	id, err := k.identity(ctx, r, r.Integration)
	if err != nil {
		return host, err
	}
	id.Host = host
	if id.Integration.Mode == pullpass.ModeRunnerNative {
		return host, unfit(
			cannotCreate,
			"repository_runner_native",
			"the integration "+id.Integration.Name+" is the runners' own AWS identity, and it is the server that creates repositories",
			"create it through another integration and pull with this one: --pull-integration "+id.Integration.Name,
		)
	}
	account, err := k.accountOf(ctx, id)
	if err != nil {
		return host, err
	}
	if host.ECR == nil {
		return k.o.Hosts.ECRAt(account, cmp.Or(w.Region, id.Integration.Region))
	}
	if host.ECR.Account != account {
		return host, unfit(
			cannotCreate,
			"repository_account",
			"the host is account "+host.ECR.Account+"'s, and the integration "+id.Integration.Name+" is an identity of "+account,
			"use an integration that assumes a role of account "+host.ECR.Account,
		)
	}
	return host, nil
}

// accountOf is the account of the identity that the integration ends as; AWS is
// asked only where the integration does not tell.
func (k *Keeper) accountOf(ctx context.Context, id Identity) (string, error) {
	i := id.Integration
	if n := len(i.Chain); n > 0 {
		if arn, ok := awsname.ParseARN(i.Chain[n-1].RoleARN); ok {
			return arn.Account, nil
		}
	}
	if i.Account != "" {
		return i.Account, nil
	}
	if k.o.AWS == nil {
		return "", errNoAWS(cannotCreate)
	}
	account, _, err := k.o.AWS.Principal(ctx, id)
	return account, err
}

// identity is what it takes to be an integration, for a repository.
func (k *Keeper) identity(ctx context.Context, r pullpass.Repository, id pullpass.IntegrationID) (Identity, error) {
	i, err := k.o.Store.Integration(ctx, r.Organization, id)
	if err != nil {
		return Identity{}, err
	}
	out := Identity{
		Organization: r.Organization,
		Project:      r.Project,
		Integration:  i,
		Wait:         k.o.Wait(r.Organization, i, cmp.Or(r.Region, i.Region)),
	}
	if i.Mode == pullpass.ModeAccessKey {
		if out.Secret, err = k.o.Store.IntegrationSecret(ctx, r.Organization, id, i.Generation); err != nil {
			return Identity{}, err
		}
	}
	if r.Host != "" {
		if out.Host, err = k.o.Hosts.Parse(r.Host); err != nil {
			return Identity{}, err
		}
		if out.Host.ECR == nil {
			return Identity{}, unfit(
				"cannot keep the repository "+r.Image(),
				"host_not_ecr",
				"the server's host mappings no longer say which account and region the host is",
				"add the mapping back, or delete the repository",
			)
		}
	}
	return out, nil
}

// principals are whom the policy names for the project: the role or user that its
// credentials come from, never a session and never everybody.
func (k *Keeper) principals(ctx context.Context, r pullpass.Repository) ([]string, error) {
	id, err := k.identity(ctx, r, r.Puller)
	if err != nil {
		return nil, err
	}
	i := id.Integration
	if n := len(i.Chain); n > 0 {
		return []string{i.Chain[n-1].RoleARN}, nil
	}
	if i.Mode != pullpass.ModeRunnerNative {
		_, arn, err := k.o.AWS.Principal(ctx, id)
		return []string{arn}, err
	}
	runners, err := k.runnerPrincipals(ctx, i)
	if err == nil && len(runners) == 0 {
		err = unfit(
			"cannot set the policy of "+r.Image(),
			"repository_no_principal",
			"no runner of the integration "+i.Name+" has an AWS identity that is confirmed and approved",
			"see them with pullpass runner list; approve one with pullpass runner approve-identity NAME; then: pullpass repository update "+r.Name,
		)
	}
	return runners, err
}

func (k *Keeper) runnerPrincipals(ctx context.Context, i pullpass.Integration) ([]string, error) {
	var out []string
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := k.o.Store.Runners(ctx, i.Organization, page)
		if err != nil {
			return nil, err
		}
		for _, runner := range l.Items {
			// AWS has confirmed it and an administrator has approved it. What a runner
			// says of itself becomes no policy, and neither does what names more than
			// one role or user.
			if awsname.IsRoleOrUser(runner.AWSIdentity) && (len(i.Runners) == 0 || slices.Contains(i.Runners, runner.ID)) {
				out = append(out, runner.AWSIdentity)
			}
		}
		if l.Next == "" {
			slices.Sort(out)
			return slices.Compact(out), nil
		}
		page.After = l.Next
	}
}

const (
	maxDays      = 3650
	maxImages    = 100_000
	maxTags      = 40 // AWS takes 50, and ours are among them
	maxTagKey    = 128
	maxTagValue  = 256
	maxAllowance = 50
)

// CheckSettings says what does not fit of settings.
func CheckSettings(what string, s pullpass.RepositorySettings) error {
	bad := func(cause, hint string) error { return unfit(what, "repository_settings", cause, hint) }
	if s.ImageTags != nil && *s.ImageTags != pullpass.TagsImmutable && *s.ImageTags != pullpass.TagsMutable {
		return bad("image tags are neither immutable nor mutable", "choose one of the two")
	}
	if s.ExpireUntagged != nil && (*s.ExpireUntagged < 0 || *s.ExpireUntagged > maxDays) {
		return bad("untagged images expire after 1 to 3650 days", "0 turns it off")
	}
	if s.KeepImages != nil && (*s.KeepImages < 0 || *s.KeepImages > maxImages) {
		return bad("1 to 100000 images can be kept", "0 keeps all")
	}
	for _, list := range []*[]string{s.AllowPull, s.AllowPush} {
		if list == nil {
			continue
		}
		if len(*list) > maxAllowance {
			return bad("more than 50 principals are named", "name a role that they share")
		}
		for _, p := range *list {
			if !isPrincipal(p) {
				return bad(
					"a principal is neither an account number nor the ARN of a role or user",
					"write it as arn:aws:iam::333333333333:role/ci; everybody (*) is never allowed",
				)
			}
		}
	}
	return checkTags(bad, s.Tags)
}

func isPrincipal(p string) bool {
	return awsname.ValidAccount(p) || awsname.IsRoleOrUser(p)
}

func checkTags(bad func(cause, hint string) error, tags *map[string]string) error {
	if tags == nil {
		return nil
	}
	if len(*tags) > maxTags {
		return bad("more than 40 tags are given", "AWS takes 50, and ours are among them")
	}
	for key, value := range *tags {
		low := strings.ToLower(key)
		switch {
		case key == "" || len(key) > maxTagKey || len(value) > maxTagValue:
			return bad("a tag's key has 1 to 128 characters and its value up to 256", "shorten it")
		case strings.HasPrefix(low, "aws:") || strings.HasPrefix(low, "pullpass:"):
			return bad("tags beginning with aws: and pullpass: are not for people to set", "choose another key")
		}
	}
	return nil
}
