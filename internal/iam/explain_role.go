package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chainedLimit is the longest session of a role assumed from a role. Asking
// for more fails; it is not shortened.
const chainedLimit = time.Hour

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
		step.Notes = append(step.Notes, "a role does not trust itself by itself: its trust policy has to name it like any other")
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

// aboutExternalID tells when the trust policy asks for an external id and none
// is given.
func (s *Step) aboutExternalID(trust []*Policy, given string) {
	for _, p := range trust {
		for i := range p.Statements {
			for _, c := range p.Statements[i].Conditions {
				if !equalFold(c.Key.Text, "sts:ExternalId") || p.Statements[i].Effect != Allow {
					continue
				}
				if given == "" {
					s.Notes = append(s.Notes, fmt.Sprintf("statement %d of the trust policy asks for an external id, and none is given", i))
				}
			}
		}
	}
}

// aboutDuration: STS refuses what no role could have. The role's own maximum
// is no matter of policies.
func (s *Step) aboutDuration(asked time.Duration) {
	if asked == 0 || asked >= 15*time.Minute && asked <= 12*time.Hour {
		return
	}
	s.Status = StepDenied
	s.Cause = append([]string{fmt.Sprintf("%s is asked for, and a session lasts from 15 minutes to 12 hours", asked)}, s.Cause...)
	s.Fix = append(s.Fix, "ask for 900 to 43200 seconds, and no more than the role's MaxSessionDuration")
}

func (s *Step) aboutChaining(asked time.Duration) {
	if asked <= chainedLimit {
		s.Notes = append(s.Notes, "role chaining: the session lasts one hour at most, whatever the role's own maximum")
		return
	}
	s.Status = StepDenied
	s.Cause = append([]string{fmt.Sprintf("%s is asked for, which exceeds the 1 hour session limit for roles assumed by role chaining", asked)}, s.Cause...)
	s.Fix = append(s.Fix, "ask for at most 3600 seconds, or let the role trust the OIDC provider directly")
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

const webIdentityAction = "sts:AssumeRoleWithWebIdentity"

// checkProvider is STS's first two checks, where the reader can see providers.
func (e *explainer) checkProvider(ctx context.Context, role Principal, provider string, claims map[string][]string) error {
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
		step.Fix = []string{fmt.Sprintf("aws iam create-open-id-connect-provider --url %s --client-id-list %s   (with credentials of account %s)",
			e.Token.Issuer, strings.Join(audience, " "), role.Account)}
	case !anyOf(audience, clients):
		step.Status = StepDenied
		step.Cause = []string{fmt.Sprintf("the token's audience %s is not a client id of the provider, which has %s: STS answers "+
			"\"InvalidIdentityToken: Incorrect token audience\"", quoteAll(audience), quoteAll(clients))}
		step.Fix = []string{fmt.Sprintf("aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn %s --client-id %s",
			provider, strings.Join(audience, " "))}
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

func anyOf(values, among []string) bool {
	for _, v := range values {
		if listed(among, v) != noGrant {
			return true
		}
	}
	return false
}

func quoteAll(values []string) string {
	if len(values) == 0 {
		return "(none)"
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return strings.Join(quoted, ", ")
}
