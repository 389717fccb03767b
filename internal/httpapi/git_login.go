package httpapi

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) setGitLogin(ctx context.Context, c pullpass.Caller, in *struct {
	Project pullpass.ProjectID `path:"project" doc:"Its id."`
	Body    api.GitLogin
}) (*none, error) {
	p, err := s.project(ctx, c, access.ProjectProve, in.Project)
	if err != nil {
		return nil, err
	}
	if p.Repository == "" {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "no_repository", What: "cannot keep the login",
			Cause: "the project has no repository", Hint: "create it with --repository"}
	}
	if err := checkUsername(in.Body.Username); err != nil {
		return nil, err
	}
	login := pullpass.GitLogin{Username: in.Body.Username, Password: in.Body.Token.Secret()}
	return nil, s.deed(ctx, c, gitLoginEvent("project.git_login", p), func(ctx context.Context) error {
		return s.store.SetGitLogin(ctx, p.Organization, p, login)
	})
}

func (s *Server) deleteGitLogin(ctx context.Context, c pullpass.Caller, in *projectPath) (*none, error) {
	p, err := s.project(ctx, c, access.ProjectProve, in.Project)
	if err != nil {
		return nil, err
	}
	return nil, s.deed(ctx, c, gitLoginEvent("project.git_logout", p), func(ctx context.Context) error {
		return s.store.SetGitLogin(ctx, p.Organization, p, pullpass.GitLogin{})
	})
}

func gitLoginEvent(action string, p pullpass.Project) pullpass.Event {
	return pullpass.Event{Action: action, Project: p.ID, Target: p.Name, Detail: map[string]string{"repository": p.Repository}}
}
