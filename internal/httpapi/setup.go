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
// the link that the server prints at its start; afterwards it returns an empty
// Secret.
func (s *Server) SetupToken(ctx context.Context) (pullpass.Secret, error) {
	_, done, err := s.standingSetup(ctx)
	if err != nil || done {
		return pullpass.Secret{}, err
	}
	text := pullpass.NewBearer(pullpass.TokenSetup)
	_, hash, _ := pullpass.HashBearer(text.Reveal())
	now := s.now()
	_, err = s.store.CreateToken(ctx, pullpass.Token{
		ID: pullpass.NewTokenID(), Kind: pullpass.TokenSetup, Name: "setup", Hash: hash,
		CreatedBy: string(pullpass.CallerServer), CreatedAt: now, ExpiresAt: now.Add(setupFor),
	})
	if err != nil {
		return pullpass.Secret{}, err
	}
	return text, nil
}

// standingSetup returns the organization that an earlier setup made before it
// stopped halfway, without a token to reach it; done means that nothing is left
// to set up.
func (s *Server) standingSetup(ctx context.Context) (half pullpass.Organization, done bool, err error) {
	orgs, err := s.store.Organizations(ctx, pullpass.Page{Limit: 2})
	if err != nil || len(orgs.Items) == 0 {
		return pullpass.Organization{}, false, err
	}
	if len(orgs.Items) > 1 {
		return pullpass.Organization{}, true, nil
	}
	tokens, err := s.store.Tokens(ctx, orgs.Items[0].ID, pullpass.Page{Limit: 1})
	return orgs.Items[0], len(tokens.Items) > 0, err
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
	var org pullpass.Organization
	_, err := s.use(ctx, pullpass.TokenSetup, in.Body.Token.Secret(), func(pullpass.Token) error {
		half, done, err := s.standingSetup(ctx)
		org = half
		switch {
		case err != nil:
			return err
		case done:
			return &pullpass.Error{Kind: pullpass.Conflict, Code: "already_set_up", What: what, Cause: "it is set up already", Hint: "ask its owner for a token"}
		case half.ID != "" && half.Name != in.Body.Organization:
			return &pullpass.Error{Kind: pullpass.Conflict, Code: "setup_halfway", What: what,
				Cause: "an earlier setup stopped after it had made the organization " + half.Name, Hint: "use that name"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if org.ID == "" {
		org, err = s.store.CreateOrganization(ctx, pullpass.Organization{ID: pullpass.NewOrganizationID(), Name: in.Body.Organization, CreatedAt: s.now()})
		if err != nil {
			return nil, err
		}
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

// use takes a one-time token, if check agrees first: it is gone afterwards.
func (s *Server) use(ctx context.Context, kind pullpass.TokenKind, text pullpass.Secret, check func(pullpass.Token) error) (pullpass.Token, error) {
	unknown := errUnauthenticated("the one-time token is not known here, has been used, or has expired", "get a new one")
	got, hash, ok := pullpass.HashBearer(text.Reveal())
	if !ok || got != kind {
		return pullpass.Token{}, unknown
	}
	token, err := s.store.TokenByHash(ctx, hash)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return pullpass.Token{}, unknown
	case err != nil:
		return pullpass.Token{}, err
	case token.Kind != kind, s.expired(token):
		return pullpass.Token{}, unknown
	}
	if err := check(token); err != nil {
		return pullpass.Token{}, err
	}
	token, err = s.store.UseToken(ctx, hash) // of several at once, one gets it
	if pullpass.IsKind(err, pullpass.NotFound) {
		return pullpass.Token{}, unknown
	}
	return token, err
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
		Project: c.Project, Runner: c.Runner, Environment: c.Environment, Permissions: permissions,
	}), nil
}

func checkName(what, name string) error {
	if pullpass.ValidName(name) {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "name_invalid", What: what, Cause: "the name is not 1 to 127 letters, digits, dots, underscores and hyphens, beginning with a letter or digit", Hint: "choose another name"}
}
