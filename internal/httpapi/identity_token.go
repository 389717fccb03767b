package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/identity"
)

// maxAge is the longest that a cache may keep what the provider publishes: enough
// to be of use, and a new key is known everywhere long before it signs.
const maxAge = time.Hour

func (s *Server) environmentTokenRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRunnerTokens, id: "issue-identity-token", within: upstreamWithin, tag: "runner", permission: access.IdentityIssue,
		summary: "Get an identity token for an environment", description: "It is recorded in the audit log before it is answered. The subject names the project's repository only if the organization has proved that it is its own."}, s.issueIdentityToken)
}

func (s *Server) issueIdentityToken(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	Body        api.IdentityTokenRequest
}) (*body[api.IdentityToken], error) {
	if s.identity == nil {
		return nil, errNoIdentity()
	}
	e, err := s.environment(ctx, c, access.IdentityIssue, in.Environment)
	if err != nil {
		return nil, err
	}
	if e.Wanted != pullpass.WantedRunning {
		return nil, &pullpass.Error{Kind: pullpass.Conflict, Code: "environment_not_running", What: "cannot issue an identity token",
			Cause: "the environment is stopped", Hint: "start it again"}
	}
	request, err := s.tokenRequest(ctx, e, in.Body)
	if err != nil {
		return nil, err
	}
	token, err := s.identity.Issue(ctx, request)
	if err != nil {
		return nil, err
	}
	record := pullpass.Event{
		Organization: c.Organization, Caller: c.Actor(), At: s.now(), Action: string(access.IdentityIssue), Decision: pullpass.DecisionAllowed,
		Project: e.Project, Environment: e.ID, Runner: e.Runner, Target: token.ID,
		Detail: map[string]string{"subject": request.Subject, "audience": strings.Join(request.Audience, " "), "jti": token.ID,
			"algorithm": string(request.Algorithm), "expires": token.Expires.UTC().Format(time.RFC3339)},
	}
	if err := s.auditor.Record(ctx, record); err != nil {
		return nil, err
	}
	return answer(api.IdentityToken{Token: api.NewSecret(token.Text), Subject: request.Subject, ID: token.ID, Expires: token.Expires.UTC()}), nil
}

// tokenRequest says what is true of an environment, and nothing that it or its
// runner claims of itself.
func (s *Server) tokenRequest(ctx context.Context, e pullpass.Environment, in api.IdentityTokenRequest) (identity.Request, error) {
	for _, audience := range in.Audience {
		if audience == "" || len(audience) > 512 || strings.ContainsFunc(audience, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return identity.Request{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "audience_invalid", What: "cannot issue an identity token",
				Cause: "an audience is empty, longer than 512 bytes, or has spaces in it", Hint: "name who will check the token: sts.amazonaws.com"}
		}
	}
	project, err := s.store.Project(ctx, e.Organization, e.Project)
	if err != nil {
		return identity.Request{}, err
	}
	text, err := s.store.SubjectTemplate(ctx, e.Organization)
	if err != nil {
		return identity.Request{}, err
	}
	template, err := identity.ParseTemplate(text)
	if err != nil {
		return identity.Request{}, err
	}
	subject := identity.Subject{Organization: e.Organization, Project: e.Project, Environment: e.ID, Runner: e.Runner,
		Repository: project.Repository, Ref: e.Ref, Commit: e.Commit, Proved: project.OwnershipProved}
	claims := identity.Claims{Project: e.Project, Environment: e.ID, Runner: e.Runner}
	if subject.Earned() {
		claims.Repository, claims.Ref, claims.Commit = project.Repository, e.Ref, e.Commit
	}
	if len(in.Audience) == 1 {
		claims.AuthorizedParty = in.Audience[0] // AWS compares azp instead of aud where a token has both
	}
	algorithm := identity.Algorithm(in.Algorithm)
	if algorithm == "" {
		algorithm = identity.RS256
	}
	return identity.Request{Organization: e.Organization, Subject: template.Render(subject), Audience: in.Audience, Algorithm: algorithm, Claims: claims}, nil
}
