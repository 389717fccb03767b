package iam

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Journey is a whole pull, push or listing: who starts, through which roles,
// to which repository.
type Journey struct {
	Verb       Verb
	Repository Repository
	// Caller starts the journey. With a Token the first role is assumed by
	// web identity, and Caller is not used.
	Caller Principal
	Token  *Token
	Roles  []Hop
	// Context holds further condition keys of the calls.
	Context map[string][]string
	// Now is compared with the token's expiry; zero leaves that out.
	Now time.Time
}

// Token is an OIDC token's content. Its signature is not looked at.
type Token struct {
	Issuer string
	Claims map[string]any
}

// Hop is one role to be assumed.
type Hop struct {
	RoleARN         string
	Session         string // "pullpass" if empty
	ExternalID      string
	Duration        time.Duration // zero is STS's default, one hour
	SessionPolicies []*Policy
}

// traveller is the caller on its way: whom the last hop made of it, and what
// still limits the session.
type traveller struct {
	Principal
	session []*Policy
}

// explainer carries what all steps share.
type explainer struct {
	Journey
	reader Reader
	story  *Story
	tags   map[string]string // of the session, by the token
}

// Explain tells a journey step by step. It goes on after a denied step, as if
// that one had been allowed, so that one story shows everything to be fixed.
// The error is about reading policies or a malformed journey, never a denial.
func Explain(ctx context.Context, j Journey, reader Reader) (*Story, error) {
	if _, known := needs[j.Verb]; !known {
		return nil, fmt.Errorf("no such verb: %s", quote(string(j.Verb)))
	}
	e := &explainer{Journey: j, reader: reader}
	e.story = &Story{Verb: j.Verb, Repository: j.Repository, Status: StepOK, Steps: []Step{}}
	who := traveller{Principal: j.Caller}
	for i, hop := range j.Roles {
		var err error
		if i == 0 && j.Token != nil {
			who, err = e.signIn(ctx, hop)
		} else {
			who, err = e.assume(ctx, who, hop)
		}
		if err != nil {
			return nil, fmt.Errorf("explaining role %s: %w", hop.RoleARN, err)
		}
	}
	if j.Token != nil && len(j.Roles) == 0 {
		return nil, errors.New("a token signs in to a role, and the journey has none")
	}
	if err := e.calls(ctx, who); err != nil {
		return nil, fmt.Errorf("explaining %s of %s: %w", j.Verb, j.Repository.ARN(), err)
	}
	return e.story, nil
}

// session is whom a hop makes of its caller.
func (h Hop) session() (traveller, error) {
	role, err := ParsePrincipal(h.RoleARN)
	if err != nil {
		return traveller{}, err
	}
	name := h.Session
	if name == "" {
		name = "pullpass"
	}
	p, err := role.WithSession(name)
	return traveller{Principal: p, session: h.SessionPolicies}, err
}

// calls explains what is asked of the registry itself.
func (e *explainer) calls(ctx context.Context, who traveller) error {
	caller, err := e.callerPolicies(ctx, who)
	if err != nil {
		return err
	}
	owner, err := e.repositoryPolicies(ctx)
	if err != nil {
		return err
	}
	known, err := e.known(ctx, who)
	if err != nil {
		return err
	}
	if len(e.Roles) == 1 { // a further role inherits only what is transitive
		for key, value := range e.tags {
			known["aws:PrincipalTag/"+key] = []string{value}
		}
	}
	for _, need := range needs[e.Verb] {
		r := Request{Action: need.action, Resource: e.Repository.ARN(), Principal: who.Principal,
			Context: e.context("aws:RequestedRegion", e.Repository.Region)}
		for key, values := range known {
			if _, given := r.Context[key]; !given {
				r.Context[key] = values
			}
		}
		both := caller.join(owner)
		if need.action == tokenAction {
			// The repository's policies are given all the same: a statement
			// about the token in them is a mistake worth telling.
			r.Resource, both = "*", caller
			both.Resource = owner.Resource
		}
		step := both.decide(r)
		step.Title = need.action
		if need.optional != "" {
			if step.Status == StepOK {
				continue
			}
			step = Step{Title: need.action + " is not allowed", Status: StepNote, Action: need.action, Notes: []string{need.optional}}
		}
		e.story.add(step)
	}
	return nil
}

// known asks the reader for what it knows of the request. What it may not read stays
// unknown.
func (e *explainer) known(ctx context.Context, who traveller) (map[string][]string, error) {
	all := map[string][]string{}
	reader, ok := e.reader.(ContextReader)
	if !ok {
		return all, nil
	}
	caller, err := reader.PrincipalContext(ctx, who.Principal)
	if err != nil && !errors.Is(err, ErrNotReadable) {
		return nil, err
	}
	maps.Copy(all, caller)
	repository, err := reader.RepositoryContext(ctx, e.Repository)
	if err != nil && !errors.Is(err, ErrNotReadable) {
		return nil, err
	}
	maps.Copy(all, repository)
	return all, nil
}
