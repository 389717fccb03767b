package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

const setupFor = 24 * time.Hour

// SetupToken makes a one-time setup token while there is no organization yet, for
// the link that the server prints at its start, in place of those of earlier
// starts; afterwards it returns an empty Secret.
func (s *Server) SetupToken(ctx context.Context) (pullpass.Secret, error) {
	text, token := s.newToken(pullpass.Token{Kind: pullpass.TokenSetup, Name: "setup", CreatedBy: string(pullpass.CallerServer), ExpiresAt: s.now().Add(setupFor)})
	made, err := s.store.ReplaceSetupToken(ctx, token)
	if err != nil || !made {
		return pullpass.Secret{}, err
	}
	return text, nil
}

func (s *Server) setupRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathSetup, id: "setup", tag: "setup", permission: public, status: http.StatusCreated,
		summary: "Set the server up", description: "Creates the organization and its owner's token, once, with the token that the server printed at its first start.",
	}, s.setUp)
}

func (s *Server) setUp(ctx context.Context, caller pullpass.Caller, in *struct{ Body api.Setup }) (*body[api.SetupDone], error) {
	const what = "cannot set the server up"
	if err := checkName(what, in.Body.Organization); err != nil {
		return nil, err
	}
	if err := checkName(what, in.Body.Name); err != nil {
		return nil, err
	}
	setup, err := s.oneTime(ctx, pullpass.TokenSetup, in.Body.Token.Secret())
	if err != nil {
		return nil, err
	}
	org, err := s.store.SetUp(ctx, setup.Hash, pullpass.Organization{ID: pullpass.NewOrganizationID(), Name: in.Body.Organization, CreatedAt: s.now()})
	if pullpass.IsKind(err, pullpass.NotFound) {
		return nil, errOneTime() // somebody else was faster
	}
	if err != nil {
		return nil, err
	}
	caller.Kind, caller.Organization, caller.ID, caller.Name = pullpass.CallerServer, org.ID, "setup", "setup"
	text, token := s.newToken(pullpass.Token{Organization: org.ID, Kind: pullpass.TokenAPI, Name: in.Body.Name, Role: pullpass.RoleOwner, CreatedBy: "setup"})
	err = s.deed(ctx, caller, pullpass.Event{Action: "organization.setup", Target: string(token.ID)}, func(ctx context.Context) error {
		_, err := s.store.CreateToken(ctx, token)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.SetupDone{Organization: api.FromOrganization(org), Token: api.NewSecret(text)}), nil
}

func errOneTime() error {
	return errUnauthenticated("the one-time token is not known here, has been used, or has expired", "get a new one")
}

// oneTime finds a one-time token that is still good; whoever spends it, spends it in
// the store, where of several at once one gets it.
func (s *Server) oneTime(ctx context.Context, kind pullpass.TokenKind, text pullpass.Secret) (pullpass.Token, error) {
	got, hash, ok := pullpass.HashBearer(text.Reveal())
	if !ok || got != kind {
		return pullpass.Token{}, errOneTime()
	}
	token, err := s.store.TokenByHash(ctx, hash)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return pullpass.Token{}, errOneTime()
	case err != nil:
		return pullpass.Token{}, err
	case token.Kind != kind, s.expired(token):
		return pullpass.Token{}, errOneTime()
	}
	return token, nil
}

// newToken fills in what every token has, and makes its text.
func (s *Server) newToken(t pullpass.Token) (pullpass.Secret, pullpass.Token) {
	text := pullpass.NewBearer(t.Kind)
	t.ID, t.CreatedAt = pullpass.NewTokenID(), s.now()
	_, t.Hash, _ = pullpass.HashBearer(text.Reveal())
	return text, t
}

func (s *Server) selfRoutes() {
	add(s, route{method: http.MethodGet, path: api.PathSelf, id: "self", tag: "setup", permission: access.SelfRead, summary: "Who am I"}, s.self)
}

func (s *Server) self(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.Self], error) {
	org, err := s.store.Organization(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	permissions := []string{}
	for _, p := range access.Permissions(c) {
		permissions = append(permissions, string(p))
	}
	return answer(api.Self{
		Kind: c.Kind, ID: c.ID, Name: c.Name, Role: c.Role, Organization: api.FromOrganization(org),
		Project: c.Project, Runner: c.Runner, Environment: c.Environment, Permissions: permissions, ServerVersion: s.version,
	}), nil
}

func checkName(what, name string) error {
	if pullpass.ValidName(name) {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "name_invalid", What: what, Cause: "the name is not 1 to 127 letters, digits, dots, underscores and hyphens, beginning with a letter or digit", Hint: "choose another name"}
}
