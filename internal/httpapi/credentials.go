package httpapi

import (
	"context"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/reference"
)

func (s *Server) credentialRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathCredentials, id: "issue-credential", tag: "credentials", permission: access.CredentialIssue,
		summary: "Get a registry credential", description: "It is recorded in the audit log before it is answered. A runner names one of its environments, everybody else a project or an environment."}, s.issueCredential)
}

func (s *Server) issueCredential(ctx context.Context, c pullpass.Caller, in *struct{ Body api.CredentialRequest }) (*body[api.Credential], error) {
	ask, err := s.ask(ctx, c, in.Body)
	if err != nil {
		return nil, err
	}
	issued, err := s.issuer.Issue(ctx, c, ask)
	s.metrics.issued(issued.Cached, err)
	if err != nil {
		return nil, err
	}
	credential := issued.Credential
	return answer(api.Credential{
		Host: credential.Host, Username: credential.Username, Secret: api.NewSecret(credential.Secret),
		Expires: credential.Expires.UTC(), Unscoped: credential.Unscoped, Registry: issued.Registry,
	}), nil
}

// ask checks the form of a request and that the caller reaches what it names.
// Which registry it is, and whether it may be opened, is the broker's to decide.
func (s *Server) ask(ctx context.Context, c pullpass.Caller, in api.CredentialRequest) (Ask, error) {
	const what = "cannot get a credential"
	ask := Ask{Environment: in.Environment, Project: in.Project, Repository: in.Repository, Action: in.Action, Inside: in.Inside}
	if ask.Action == "" {
		ask.Action = pullpass.ActionPull
	}
	host, err := s.hosts.Parse(in.Host)
	if err != nil {
		return Ask{}, err
	}
	ask.Host = host.Name
	if in.Repository != "" && !reference.ValidRepository(in.Repository) {
		return Ask{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "repository_invalid", What: what, Cause: "the repository is not made of lower-case words separated by . _ - and /", Hint: "give it as in the image reference, without host and tag"}
	}
	if (in.Environment == "") == (in.Project == "") {
		return Ask{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: what, Cause: "it has to be for one environment or one project", Hint: "name one of them"}
	}
	return ask, s.reachesAsk(ctx, c, ask)
}

// reachesAsk applies the caller's limits to what the request names.
func (s *Server) reachesAsk(ctx context.Context, c pullpass.Caller, ask Ask) error {
	if ask.Environment != "" {
		_, err := s.environment(ctx, c, access.CredentialIssue, ask.Environment)
		return err
	}
	if c.Kind == pullpass.CallerRunner {
		return &pullpass.Error{Kind: pullpass.Denied, Code: "permission_denied", What: "cannot get a credential for a project",
			Cause: "a runner gets credentials for its environments only", Hint: "name the environment"}
	}
	_, err := s.project(ctx, c, access.CredentialIssue, ask.Project)
	return err
}
