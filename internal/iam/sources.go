package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// sources are the policies that could be read for a request, and the names of
// those that could not.
type sources struct {
	Policies
	unread []unread
}

type unread struct {
	kind    Kind
	account string
	of      string
}

// join adds the owner's side to the caller's.
func (s sources) join(owner sources) sources {
	s.Resource, s.ResourceControl = owner.Resource, owner.ResourceControl
	s.unread = slices.Concat(s.unread, owner.unread)
	return s
}

// take notes a policy that cannot be read; every other error stops the story.
func (s *sources) take(err error, missing unread) error {
	if errors.Is(err, ErrNotReadable) {
		s.unread = append(s.unread, missing)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the %s of %s: %w", missing.kind.Words(), missing.of, err)
	}
	return nil
}

// callerPolicies reads what the caller's account says.
func (e *explainer) callerPolicies(ctx context.Context, who traveller) (sources, error) {
	s := sources{Policies: Policies{Session: who.session}}
	if !who.inside() {
		return s, nil
	}
	of := who.Principal.IdentityARN()
	identity, err := e.reader.IdentityPolicies(ctx, who.Principal)
	if err = s.take(err, unread{IdentityPolicy, who.Account, of}); err != nil {
		return s, err
	}
	s.Identity = identity
	boundary, err := e.reader.PermissionsBoundary(ctx, who.Principal)
	if err = s.take(err, unread{PermissionsBoundary, who.Account, of}); err != nil {
		return s, err
	}
	if boundary != nil {
		s.Boundaries = []*Policy{boundary}
	}
	if controls, ok := e.reader.(ControlReader); ok {
		s.ServiceControl, err = controls.ServiceControlPolicies(ctx, who.Account)
		err = s.take(err, unread{ServiceControlPolicy, who.Account, who.Account})
	}
	return s, err
}

// repositoryPolicies reads what the repository's account says.
func (e *explainer) repositoryPolicies(ctx context.Context) (sources, error) {
	var s sources
	repository, err := e.reader.RepositoryPolicy(ctx, e.Repository)
	if err = s.take(err, unread{RepositoryPolicy, e.Repository.Account, e.Repository.ARN()}); err != nil {
		return s, err
	}
	registry, err := e.reader.RegistryPolicy(ctx, e.Repository)
	if err = s.take(err, unread{RegistryPolicy, e.Repository.Account, "the registry of account " + e.Repository.Account}); err != nil {
		return s, err
	}
	for _, p := range [...]*Policy{repository, registry} {
		if p != nil {
			s.Resource = append(s.Resource, p)
		}
	}
	return s, e.ownerControls(ctx, &s, e.Repository.Account)
}

// trustPolicies reads what a role's account says about assuming it.
func (e *explainer) trustPolicies(ctx context.Context, role Principal) (sources, error) {
	var s sources
	trust, err := e.reader.TrustPolicy(ctx, role.ARN)
	if err = s.take(err, unread{TrustPolicy, role.Account, role.ARN}); err != nil {
		return s, err
	}
	if trust != nil {
		s.Resource = []*Policy{trust}
	}
	return s, e.ownerControls(ctx, &s, role.Account)
}

func (e *explainer) ownerControls(ctx context.Context, s *sources, account string) error {
	controls, ok := e.reader.(ControlReader)
	if !ok {
		return nil
	}
	levels, err := controls.ResourceControlPolicies(ctx, account)
	s.ResourceControl = levels
	return s.take(err, unread{ResourceControlPolicy, account, account})
}

// decide makes a step of a request. Where a policy could not be read, or a condition
// asks for what only the real request shows, the request is tried twice: with all of
// that in the caller's favor, and with all of it against. Only if the answers differ
// is the step unknown.
func (s sources) decide(r Request) Step {
	step := Step{Status: StepOK, Action: r.Action, Resource: r.Resource, Caller: r.Principal.orAnyone()}
	assumed := s.assumed(r)
	best, _ := r.guessed(true, "", assumed)
	step.Notes = best.Notes
	if best.Effect != Allowed {
		step.deny(best)
		return step
	}
	for _, u := range s.unread {
		step.Notes = append(step.Notes, fmt.Sprintf("the %s of %s in account %s could not be read: a deny in it would win", u.kind.Words(), u.of, u.account))
	}
	if worst, _ := r.guessed(false, "", s.Policies); worst.Effect == Allowed {
		return step
	}
	if unread, _ := r.guessed(true, "", s.Policies); unread.Effect != Allowed {
		step.deny(unread)
		step.Cause = nil
		for _, a := range step.Additions {
			step.Cause = append(step.Cause, fmt.Sprintf("the %s of %s in account %s could not be read, and would have to allow it", a.Kind.Words(), a.To, a.Account))
		}
	}
	if worst, _ := r.guessed(false, "", assumed); worst.Effect != Allowed {
		step.undecided(r, assumed)
	}
	step.Status = StepUnknown
	return step
}

// undecided names the keys that decide. It advises no change of a policy: whether
// one is needed is not known, and a Deny on such a key is there to protect.
func (s *Step) undecided(r Request, p Policies) {
	s.Unknown = r.deciding(p)
	for _, key := range s.Unknown {
		wants := r.wanting(key, p)
		text := key + " decides, and only the real request shows it"
		if len(wants) > 0 {
			text += ": " + strings.Join(wants, "; ")
		}
		s.Cause = append(s.Cause, text)
		s.Fix = append(s.Fix, fmt.Sprintf("say what it is: --context %s=%s", key, sampleOf(key)))
	}
}

// sampleOf shows what a key's value looks like.
func sampleOf(key string) string {
	switch lower := strings.ToLower(key); {
	case strings.HasSuffix(lower, "orgid"):
		return "o-EXAMPLE"
	case strings.HasSuffix(lower, "orgpaths"):
		return "o-EXAMPLE/r-ROOT/ou-UNIT/"
	case strings.HasSuffix(lower, "ip"):
		return "203.0.113.7"
	case strings.HasSuffix(lower, "vpce"):
		return "vpce-EXAMPLE"
	case strings.HasSuffix(lower, "vpc"):
		return "vpc-EXAMPLE"
	case strings.HasSuffix(lower, "present"):
		return "false"
	}
	return "VALUE"
}

// assumed puts a policy that allows everything where one could not be read.
func (s sources) assumed(r Request) Policies {
	everything := Statement{Effect: Allow, Actions: Values("*"), Resources: Values("*")}
	p := s.Policies
	for _, u := range s.unread {
		open := everything
		switch u.kind {
		case IdentityPolicy:
			p.Identity = []*Policy{{Statements: []Statement{open}}}
		case RepositoryPolicy, RegistryPolicy, TrustPolicy:
			open.Principals = &Principals{Any: true}
			p.Resource = append(slices.Clip(p.Resource), &Policy{Statements: []Statement{open}})
		}
	}
	return p
}

// deny fills in cause and fix from a decision.
func (s *Step) deny(d Decision) {
	s.Status = StepDenied
	s.Cause = append(s.Cause, d.Missing.Why)
	for _, l := range d.Layers {
		s.Cause = append(s.Cause, l.Near...)
	}
	s.Additions = d.Missing.Additions
	for _, a := range s.Additions {
		s.Fix = append(s.Fix, fmt.Sprintf("add to the %s of %s, in account %s:", a.Kind.Words(), a.To, a.Account))
	}
	for _, m := range d.Missing.Change {
		s.Fix = append(s.Fix, fmt.Sprintf("change %s: it denies explicitly", m.words()))
	}
}
