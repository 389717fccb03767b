package httpapi

import (
	"context"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
)

func (s *Server) credentialRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathCredentials, id: "issue-credential", within: upstreamWithin, tag: "credentials", permission: access.CredentialIssue,
		summary: "Get a registry credential", description: "It is recorded in the audit log before it is answered. A runner names one of its environments, everybody else a project or an environment; who is limited to a project may leave it out."}, s.issueCredential)
	add(s, route{method: http.MethodGet, path: api.PathCredentialHosts, id: "list-credential-hosts", tag: "credentials", permission: access.CredentialIssue,
		summary: "List the hosts that you get credentials for", description: "Of one project. Nothing is issued, and no registry is asked."}, s.credentialHosts)
}

func (s *Server) issueCredential(ctx context.Context, c pullpass.Caller, in *struct{ Body api.CredentialRequest }) (*body[api.Credential], error) {
	ask, err := s.ask(c, in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.reachesAsk(ctx, c, &ask); err != nil {
		s.recordRefusal(ctx, c, ask, err)
		return nil, err
	}
	issued, err := s.issuer.Issue(ctx, c, ask)
	s.metrics.issued(issued.Cached, err)
	if err != nil {
		return nil, err
	}
	credential := issued.Credential
	return answer(api.Credential{
		Host: ask.Host, Username: credential.Username, Secret: api.NewSecret(credential.Secret),
		Expires: credential.Expires.UTC(), Unscoped: credential.Unscoped, Registry: issued.Registry, Grant: api.NewSecret(issued.Grant),
	}), nil
}

// ask checks the form of a request. Which registry it is, and whether it may be
// opened, is the broker's to decide.
func (s *Server) ask(c pullpass.Caller, in api.CredentialRequest) (broker.Ask, error) {
	const what = "cannot get a credential"
	ask := broker.Ask{Environment: in.Environment, Project: in.Project, Repository: in.Repository, Action: in.Action, Inside: in.Inside, Refused: in.Refused}
	if ask.Action == "" {
		ask.Action = pullpass.ActionPull
	}
	host, err := s.hosts.Parse(in.Host)
	if err != nil {
		return broker.Ask{}, err
	}
	ask.Host = host.Name
	if in.Repository != "" && !reference.ValidRepository(in.Repository) {
		return broker.Ask{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "repository_invalid", What: what, Cause: "the repository is not made of lower-case words separated by . _ - and /", Hint: "give it as in the image reference, without host and tag"}
	}
	if in.Environment != "" {
		return ask, nil
	}
	ask.Project, err = projectOf(c, in.Project, what)
	return ask, err
}

// projectOf is the project that a request names, or the only one that its caller reaches.
func projectOf(c pullpass.Caller, named pullpass.ProjectID, what string) (pullpass.ProjectID, error) {
	switch {
	case named != "":
		return named, nil
	case c.Project != "" && c.Kind != pullpass.CallerRunner && c.Kind != pullpass.CallerEnvironment:
		return c.Project, nil
	}
	return "", &pullpass.Error{Kind: pullpass.Invalid, Code: api.CodeProjectMissing, What: what, Cause: "it has to be for an environment or a project",
		Hint: "name one of them; docker-credential-pullpass takes the project from PULLPASS_PROJECT"}
}

func (s *Server) credentialHosts(ctx context.Context, c pullpass.Caller, in *struct {
	Project string `query:"project" maxLength:"127" doc:"Its id or name; without it, the one project that the token is limited to."`
}) (*body[api.CredentialHosts], error) {
	if c.Kind == pullpass.CallerRunner || c.Kind == pullpass.CallerEnvironment {
		return answer(api.CredentialHosts{Hosts: []string{}}), nil // no project opens anything for them
	}
	named, err := projectOf(c, pullpass.ProjectID(in.Project), "cannot list the hosts")
	if err != nil {
		return nil, err
	}
	p, err := s.projectNamed(ctx, c, access.CredentialIssue, named)
	if err != nil {
		return nil, err
	}
	hosts, err := s.issuer.Hosts(ctx, c, p.ID)
	if err != nil {
		return nil, err
	}
	return answer(api.CredentialHosts{Hosts: hosts}), nil
}

// reachesAsk applies the caller's limits to what the request names; the broker
// need not read again what it has read.
func (s *Server) reachesAsk(ctx context.Context, c pullpass.Caller, ask *broker.Ask) error {
	if ask.Environment != "" {
		if ask.Project != "" {
			p, err := s.projectNamed(ctx, c, access.CredentialIssue, ask.Project)
			if err != nil {
				return err
			}
			ask.Project = p.ID
		}
		if c.Kind == pullpass.CallerCI {
			return &pullpass.Error{Kind: pullpass.Denied, Code: "permission_denied", What: "cannot get a credential for an environment",
				Cause: "a CI job gets credentials for its project only", Hint: "name the project"}
		}
		found, err := s.environmentBy(ctx, c, access.CredentialIssue, ask.Environment, s.store.KnownEnvironment)
		if err == nil {
			ask.Found = &found
		}
		return err
	}
	if c.Kind == pullpass.CallerRunner {
		return &pullpass.Error{Kind: pullpass.Denied, Code: "permission_denied", What: "cannot get a credential for a project",
			Cause: "a runner gets credentials for its environments only", Hint: "name the environment"}
	}
	p, err := s.projectNamed(ctx, c, access.CredentialIssue, ask.Project)
	ask.Project = p.ID
	return err
}

// recordRefusal keeps who tried to get at what is not theirs; the broker, which
// records everything else, has not been asked.
func (s *Server) recordRefusal(ctx context.Context, c pullpass.Caller, ask broker.Ask, err error) {
	switch pullpass.KindOf(err) {
	case pullpass.NotFound, pullpass.Denied:
	default:
		return
	}
	e := pullpass.Event{
		Organization: c.Organization, Caller: c.Actor(), At: s.now(), Action: string(access.CredentialIssue),
		Decision: pullpass.DecisionDenied, Reason: reason(err), Runner: c.Runner,
		Detail: map[string]string{"host": ask.Host, "repository": ask.Repository, "action": string(ask.Action)},
	}
	if pullpass.ValidID("env", string(ask.Environment)) {
		e.Target = string(ask.Environment)
	}
	s.recordAnyway(ctx, e)
}
