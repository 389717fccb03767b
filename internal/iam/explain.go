package iam

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
			step = Step{
				Title:  need.action + " is not allowed",
				Status: StepNote,
				Action: need.action,
				Notes:  []string{need.optional},
			}
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

// assume explains one sts:AssumeRole: the caller's own policies and the role's
// trust policy have to agree.
func (e *explainer) assume(ctx context.Context, who traveller, hop Hop) (traveller, error) {
	next, err := hop.session()
	if err != nil {
		return next, err
	}
	role, err := ParsePrincipal(hop.RoleARN)
	if err != nil {
		return next, err
	}
	caller, err := e.callerPolicies(ctx, who)
	if err != nil {
		return next, err
	}
	trust, err := e.trustPolicies(ctx, role)
	if err != nil {
		return next, err
	}
	r := Request{
		Action: "sts:AssumeRole", Resource: role.ARN, Principal: who.Principal,
		Context: e.context("sts:RoleSessionName", next.Session, "sts:ExternalId", hop.ExternalID),
	}
	step := caller.join(trust).decide(r)
	step.Title = "assume " + role.ARN
	step.aboutExternalID(trust.Resource, hop.ExternalID)
	if who.RoleARN == role.ARN {
		step.Notes = append(
			step.Notes,
			"a role does not trust itself by itself: its trust policy has to name it like any other",
		)
	}
	step.aboutDuration(hop.Duration)
	if who.Kind == Role || who.Kind == RoleSession {
		step.aboutChaining(hop.Duration)
	}
	e.story.add(step)
	return next, nil
}

// context is the journey's context, the given keys, the empty ones left out, and what
// every request of ours has. What the journey gives goes first.
func (e *explainer) context(pairs ...string) map[string][]string {
	context := make(map[string][]string, len(e.Context)+len(pairs)/2+4)
	pairs = append(pairs, "aws:SecureTransport", "true", "aws:ViaAWSService", "false")
	if !e.Now.IsZero() {
		now := e.Now.UTC()
		pairs = append(pairs, "aws:CurrentTime", now.Format(time.RFC3339), "aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	}
	for pair := range slices.Chunk(pairs, 2) {
		if key, value := pair[0], pair[1]; value != "" {
			context[key] = []string{value}
		}
	}
	for key, values := range e.Context {
		for have := range context {
			if equalFold(have, key) {
				delete(context, have)
			}
		}
		context[key] = values
	}
	return context
}

// signIn explains AssumeRoleWithWebIdentity, in the order in which STS checks.
func (e *explainer) signIn(ctx context.Context, hop Hop) (traveller, error) {
	next, err := hop.session()
	if err != nil {
		return next, err
	}
	role, err := ParsePrincipal(hop.RoleARN)
	if err != nil {
		return next, err
	}
	provider := ProviderARN(role.Partition, role.Account, e.Token.Issuer)
	caller, err := ParsePrincipal(provider)
	if err != nil {
		return next, fmt.Errorf("issuer: %w", err)
	}
	claims, err := WebIdentityContext(e.Token.Issuer, e.Token.Claims)
	if err != nil {
		return next, err
	}
	trust, err := e.trustPolicies(ctx, role)
	if err != nil {
		return next, err
	}
	if err := e.checkProvider(ctx, role, provider, claims); err != nil {
		return next, err
	}
	e.checkExpiry()
	context := e.context("sts:RoleSessionName", next.Session)
	for key, values := range claims {
		context[key] = values
	}
	tags, transitive := SessionTags(e.Token.Claims)
	maps.Copy(context, tagContext(tags, transitive))
	r := Request{Action: webIdentityAction, Resource: role.ARN, Principal: caller, Context: context}
	step := trust.decide(r)
	step.Title = "sign in to " + role.ARN + " with a token of " + e.Token.Issuer
	step.aboutDuration(hop.Duration)
	step.Claims = claimsOf(trust.Resource, &r, e.Token.Issuer)
	step.aboutProviders(trust.Resource, provider)
	for _, c := range step.Claims {
		if c.Note != "" {
			step.Notes = append(step.Notes, fmt.Sprintf("%s on %s: %s", c.Operator, c.Key, c.Note))
		}
	}
	e.story.add(step)
	if len(tags) > 0 {
		r.Action = "sts:TagSession"
		tagging := trust.decide(r)
		tagging.Title = "tag the session as the token says: " + strings.Join(slices.Sorted(maps.Keys(tags)), ", ")
		e.story.add(tagging)
		e.tags = tags
	}
	return next, nil
}

// checkProvider is STS's first two checks, where the reader can see providers.
func (e *explainer) checkProvider(
	ctx context.Context,
	role Principal,
	provider string,
	claims map[string][]string,
) error {
	providers, ok := e.reader.(ProviderReader)
	if !ok {
		return nil
	}
	clients, found, err := providers.Provider(ctx, provider)
	var unreadable sources
	if err := unreadable.take(err, unread{TrustPolicy, role.Account, provider}); err != nil {
		return err
	}
	step := Step{Title: "find the identity provider " + provider, Status: StepOK}
	audience := claims[ProviderName(e.Token.Issuer)+":aud"]
	switch {
	case len(unreadable.unread) > 0:
		return nil
	case !found:
		step.Status = StepDenied
		step.Cause = []string{fmt.Sprintf("account %s, which owns the role, has no OIDC provider for %s: STS answers "+
			"\"InvalidIdentityToken: No OpenIDConnect provider found\"", role.Account, e.Token.Issuer)}
		step.Fix = []string{
			fmt.Sprintf(
				"aws iam create-open-id-connect-provider --url %s --client-id-list %s   (with credentials of account %s)",
				e.Token.Issuer,
				strings.Join(audience, " "),
				role.Account,
			),
		}
	case !anyOf(audience, clients):
		step.Status = StepDenied
		step.Cause = []string{
			fmt.Sprintf("the token's audience %s is not a client id of the provider, which has %s: STS answers "+
				"\"InvalidIdentityToken: Incorrect token audience\"", quoteAll(audience), quoteAll(clients)),
		}
		step.Fix = []string{
			fmt.Sprintf("aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn %s --client-id %s",
				provider, strings.Join(audience, " ")),
		}
	}
	e.story.add(step)
	return nil
}

// checkExpiry is STS's third check, as far as it can be told without keys.
func (e *explainer) checkExpiry() {
	seconds, ok := e.Token.Claims["exp"].(float64)
	if !ok || e.Now.IsZero() {
		return
	}
	if expires := time.Unix(int64(seconds), 0).UTC(); !e.Now.Before(expires) {
		e.story.add(Step{
			Title: "check the token's expiry", Status: StepDenied,
			Cause: []string{"the token expired at " + expires.Format(time.RFC3339) + ": STS answers ExpiredTokenException"},
			Fix:   []string{"ask the identity provider for a new token"},
		})
	}
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
