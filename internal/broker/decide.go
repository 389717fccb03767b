package broker

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/reference"
)

// plan is an ask that has been decided: this caller may have a credential for
// this registry, through this integration, narrowed to these repositories.
type plan struct {
	organization pullpass.OrganizationID
	environment  pullpass.EnvironmentID
	project      pullpass.ProjectID
	runner       pullpass.RunnerID
	registry     pullpass.Registry
	integration  pullpass.Integration // AuthIntegration only
	host         reference.Host
	action       pullpass.Action
	repositories []string
	inside       bool
	start        bool // for the start of an environment, asked by its runner
	byRunner     bool // a runner asks
}

// public reports whether it is ECR Public, which anybody may pull from.
func (p *plan) public() bool { return p.host.Kind == reference.KindECRPublic }

// region is where AWS is asked for the host's token.
func (p *plan) region() string {
	if p.public() {
		return reference.ECRPublicRegion
	}
	return p.host.ECR.Region
}

// native reports whether the runner's own AWS identity opens the registry: by
// itself, or as the first rung of an integration.
func (p *plan) native() bool {
	return p.registry.Auth == pullpass.AuthRunnerNative ||
		(p.registry.Auth == pullpass.AuthIntegration && p.integration.Mode == pullpass.ModeRunnerNative)
}

// key hashes the plan. Each part goes in behind its length, so that no two
// lists of parts are the same bytes.
func (p *plan) key() Key {
	h := hasher{buf: make([]byte, 0, 512)}
	h.text(string(p.organization))
	h.text(string(p.registry.ID))
	h.number(p.registry.Generation)
	h.text(string(p.registry.Auth))
	if p.registry.Auth == pullpass.AuthBasic {
		return sha256.Sum256(h.buf) // one password, whatever it is asked for
	}
	i := p.integration
	h.text(string(i.ID))
	h.number(i.Generation)
	h.text(string(i.Mode))
	h.text(i.AccessKeyID)
	h.number(int64(len(i.Chain)))
	for _, hop := range i.Chain {
		h.text(hop.RoleARN)
		h.text(hop.ExternalID)
		h.text(hop.SourceIdentity)
		h.number(int64(len(hop.SessionTags)))
		for _, tag := range slices.Sorted(maps.Keys(hop.SessionTags)) {
			h.text(tag)
			h.text(hop.SessionTags[tag])
		}
	}
	if p.own() {
		h.text(string(p.project))
		h.text(string(p.environment))
		h.text(strconv.FormatBool(p.inside))
	}
	h.text(strconv.FormatBool(p.start)) // a person never holds what a start was given
	h.text(p.host.Name)
	if p.host.ECR != nil {
		h.text(p.host.ECR.Account)
	}
	h.text(p.region())
	h.text(string(p.action))
	h.number(int64(len(p.repositories)))
	for _, r := range p.repositories {
		h.text(r)
	}
	return sha256.Sum256(h.buf)
}

// own reports whether the credential is the environment's alone: a web identity
// names the environment, and what a person inside gets is never what somebody
// else, or the environment's own start, was given.
func (p *plan) own() bool {
	return p.inside || p.integration.Mode == pullpass.ModeWebIdentity
}

// decide chooses and authorizes. It fills p as far as it gets, so that a
// refusal's record says what was refused.
func (b *Broker) decide(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan) error {
	registries, env, err := b.registries(ctx, caller, ask, p)
	if err != nil {
		return err
	}
	registry, ok := Choose(registries, ask.Host, ask.Repository)
	if !ok {
		return b.noRegistry(ctx, ask, env, p)
	}
	p.registry = registry
	if err := b.allowed(ask, p); err != nil {
		return err
	}
	limited := caller.Kind == pullpass.CallerCI || caller.Action != ""
	if limited && ask.Action == pullpass.ActionPush && caller.Action != pullpass.ActionPush {
		return refused(
			ask,
			"the token is limited to pull",
			"trust the issuer for push: pullpass trust add NAME --issuer URL --claim CLAIM=VALUE --project PROJECT --action push",
		)
	}
	p.repositories = scope(registries, registry, env, ask.Repository)
	if ask.Inside && registry.Inside != pullpass.InsideWhole {
		if p.repositories = own(registries, registry, env, ask.Repository); len(p.repositories) == 0 {
			return refused(
				ask,
				"inside an environment the registry "+registry.Name+" opens the repositories of the environment's own images only",
				"an administrator can open all that it covers: pullpass registry update "+registry.Name+" --inside whole",
			)
		}
	}
	if registry.Auth == pullpass.AuthBasic {
		return nil
	}
	if p.host.ECR == nil && (!p.public() || registry.Auth != pullpass.AuthIntegration) {
		return &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "registry_not_ecr",
			What:  "cannot issue a credential for " + place(ask),
			Cause: "the registry " + registry.Name + " is opened through AWS, but its host is not an ECR host",
			Hint:  "add the host to the server's host mappings, or use a user name and password",
		}
	}
	if err := b.ofTheProject(ctx, ask, p); err != nil {
		return err
	}
	if registry.Auth != pullpass.AuthIntegration {
		return nil
	}
	if p.integration, err = b.store.Integration(ctx, p.organization, registry.Integration); err != nil {
		return err
	}
	return runnerAllowed(ask, p, "integration "+p.integration.Name, p.integration.Runners)
}

// noRegistry explains that there is none to choose. An environment has what it could
// use when it was started: what it had not is refused as it would be if it had it, or
// waits for a restart.
func (b *Broker) noRegistry(ctx context.Context, ask Ask, env *pullpass.Environment, p *plan) error {
	none := &pullpass.Error{
		Kind:  pullpass.NotFound,
		Code:  pullpass.CodeNoRegistry,
		What:  "cannot issue a credential for " + place(ask),
		Cause: "no registry is configured for it",
		Hint:  p.host.AddCommand(),
	}
	if env == nil {
		return none
	}
	list, err := b.store.RegistriesInForce(ctx, env.Organization, env.Project)
	if err != nil {
		return err
	}
	registry, ok := Choose(list, ask.Host, ask.Repository)
	if !ok {
		return none
	}
	p.registry = registry
	if err := b.allowed(ask, p); err != nil {
		return err
	}
	none.Cause = "the registry " + registry.Name + " was added or opened after the environment was started"
	none.Hint = "pullpass env restart " + env.Name
	return none
}

// registries lists what the ask chooses from, after access has said yes: the
// generations pinned by the environment, or those in force for the project.
func (b *Broker) registries(
	ctx context.Context,
	caller pullpass.Caller,
	ask Ask,
	p *plan,
) ([]pullpass.Registry, *pullpass.Environment, error) {
	if ask.Runner != "" && ask.Runner != caller.Runner {
		return nil, nil, refused(ask, "the request names another runner than the caller's own", "leave the runner out")
	}
	if ask.Environment == "" && (caller.Kind == pullpass.CallerRunner || caller.Kind == pullpass.CallerEnvironment) {
		return nil, nil, refused(
			ask,
			"a "+string(caller.Kind)+" gets credentials for an environment only, and the request names none",
			"name the environment",
		)
	}
	target := access.Target{Organization: p.organization, Project: ask.Project, Runner: p.runner}
	if ask.Environment == "" {
		if err := access.Check(caller, access.CredentialIssue, target); err != nil {
			return nil, nil, err
		}
		list, err := b.store.RegistriesInForce(ctx, p.organization, ask.Project)
		return list, nil, err
	}
	if err := access.Check(caller, access.CredentialIssue, access.Any); err != nil {
		return nil, nil, err
	}
	env, err := b.environment(ctx, p.organization, ask)
	if err != nil {
		return nil, nil, err
	}
	target.Project, target.Runner, target.Environment = env.Project, env.Runner, env.ID
	if err := access.Check(caller, access.CredentialIssue, target); err != nil {
		return nil, nil, err
	}
	p.project, p.runner = env.Project, env.Runner
	switch {
	case ask.Project != "" && ask.Project != env.Project:
		return nil, nil, refused(ask, "the environment belongs to another project", "leave the project out")
	case caller.Kind == pullpass.CallerEnvironment && !ask.Inside:
		return nil, nil, refused(
			ask,
			"an environment gets what a person inside may have, not the credential of its start",
			"ask with inside",
		)
	case env.Wanted != pullpass.WantedRunning:
		return nil, nil, &pullpass.Error{
			Kind:  pullpass.Conflict,
			Code:  "environment_not_running",
			What:  "cannot issue a credential for " + place(ask),
			Cause: "the environment is stopped",
			Hint:  "start it again",
		}
	}
	list, err := b.pinned(ctx, env)
	return list, &env, err
}

func (b *Broker) environment(ctx context.Context, org pullpass.OrganizationID, ask Ask) (pullpass.Environment, error) {
	if f := ask.Found; f != nil && f.Organization == org && f.ID == ask.Environment {
		return *f, nil
	}
	return b.store.Environment(ctx, org, ask.Environment)
}

// allowed checks the registry's own conditions.
func (b *Broker) allowed(ask Ask, p *plan) error {
	if !p.start && !p.registry.Inside.Open() {
		return refused(ask, "the registry "+p.registry.Name+" is open to runners that start environments, and to nobody else",
			"an administrator can open it: pullpass registry update "+p.registry.Name+" --inside login")
	}
	if ask.Inside && ask.Action == pullpass.ActionPush {
		return refused(ask, "inside an environment there is pull only", "push from CI")
	}
	return runnerAllowed(ask, p, "registry "+p.registry.Name, p.registry.Runners)
}

// runnerAllowed holds a limit to selected runners. Only a runner that asks for
// itself meets it: who names an environment on one of them is not that runner.
func runnerAllowed(ask Ask, p *plan, what string, runners []pullpass.RunnerID) error {
	if len(runners) == 0 || (p.byRunner && slices.Contains(runners, p.runner)) {
		return nil
	}
	if !p.byRunner {
		return refused(
			ask,
			"the "+what+" is limited to selected runners, and none of them asks",
			"start an environment on one of them",
		)
	}
	return refused(
		ask,
		"the "+what+" is limited to other runners than this one",
		"let it include runner "+string(p.runner)+", or use one of its runners",
	)
}

func refused(ask Ask, cause, hint string) error {
	return &pullpass.Error{
		Kind:  pullpass.Denied,
		Code:  "credential_denied",
		What:  "cannot issue a credential for " + place(ask),
		Cause: cause,
		Hint:  hint,
	}
}

func place(ask Ask) string {
	if ask.Repository == "" {
		return ask.Host
	}
	return ask.Host + "/" + ask.Repository
}
