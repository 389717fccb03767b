package iam

import (
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
		step.Notes = append(
			step.Notes,
			fmt.Sprintf("the %s of %s in account %s could not be read: a deny in it would win", u.kind.Words(), u.of, u.account),
		)
	}
	if worst, _ := r.guessed(false, "", s.Policies); worst.Effect == Allowed {
		return step
	}
	if unread, _ := r.guessed(true, "", s.Policies); unread.Effect != Allowed {
		step.deny(unread)
		step.Cause = nil
		for _, a := range step.Additions {
			step.Cause = append(
				step.Cause,
				fmt.Sprintf(
					"the %s of %s in account %s could not be read, and would have to allow it",
					a.Kind.Words(),
					a.To,
					a.Account,
				),
			)
		}
	}
	if worst, _ := r.guessed(false, "", assumed); worst.Effect != Allowed {
		step.undecided(r, assumed)
	}
	step.Status = StepUnknown
	return step
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
