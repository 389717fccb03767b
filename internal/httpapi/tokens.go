package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) tokenRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathTokens, id: "create-token", tag: "tokens", permission: access.TokenCreate, status: http.StatusCreated,
		summary: "Create an API token", description: "Its text is shown this once. It can do no more than whoever creates it."}, s.createToken)
	add(s, route{method: http.MethodGet, path: api.PathTokens, id: "list-tokens", tag: "tokens", permission: access.TokenRead,
		summary: "List tokens", description: "Without their texts: these are not kept."}, s.listTokens)
	add(s, route{method: http.MethodDelete, path: api.PathToken, id: "delete-token", tag: "tokens", permission: access.TokenDelete,
		summary: "End a token", description: "What it has made ends with it, and what that has made."}, s.deleteToken)
}

type tokenPath struct {
	Token pullpass.TokenID `path:"token" doc:"Its id; not its text."`
}

func (s *Server) createToken(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewToken }) (*body[api.TokenWithText], error) {
	w := in.Body
	if err := checkName("cannot create the token", w.Name); err != nil {
		return nil, err
	}
	if err := access.MayGrant(c, w.Role, w.Project); err != nil {
		return nil, err
	}
	if w.Project != "" {
		if _, err := s.project(ctx, c, access.ProjectRead, w.Project); err != nil {
			return nil, err
		}
	}
	if !w.ExpiresAt.IsZero() && !w.ExpiresAt.After(s.now()) {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "expiry_past", What: "cannot create the token", Cause: "it would have expired already", Hint: "choose a later time, or leave it out"}
	}
	if err := outlives(ctx, "cannot create the token", w.ExpiresAt); err != nil {
		return nil, err
	}
	text, token := s.newToken(pullpass.Token{
		Organization: c.Organization, Kind: pullpass.TokenAPI, Name: w.Name, Role: w.Role, Project: w.Project, CreatedBy: c.ID, Parent: parentOf(c), ExpiresAt: w.ExpiresAt.UTC(),
	})
	err := s.deed(ctx, c, tokenEvent("token.create", token), func(ctx context.Context) (err error) {
		token, err = s.store.CreateToken(ctx, token)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.TokenWithText{Details: api.FromToken(token), Token: api.NewSecret(text)}), nil
}

// parentOf is the token that a caller makes another with. A session is none: what
// a person makes lasts as long as the membership.
func parentOf(c pullpass.Caller) pullpass.TokenID {
	if c.Kind == pullpass.CallerToken {
		return pullpass.TokenID(c.ID)
	}
	return ""
}

// makerOf is the caller as the maker of something that stays when it is gone.
func makerOf(ctx context.Context, c pullpass.Caller) pullpass.Maker {
	m := pullpass.Maker{ID: c.ID}
	if x := exchangeOf(ctx); x != nil && c.Kind == pullpass.CallerToken {
		m.Expires = x.expires
	}
	return m
}

// outlives refuses what would live on after its maker's token.
func outlives(ctx context.Context, what string, expires time.Time) error {
	x := exchangeOf(ctx)
	if x == nil || x.expires.IsZero() || (!expires.IsZero() && !expires.After(x.expires)) {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Denied, Code: "grant_exceeds", What: what,
		Cause: "it would outlive your token, which expires " + x.expires.UTC().Format(time.RFC3339),
		Hint:  "let it expire by then, or sign in: pullpass login URL --browser"}
}

// soonest is at, or when the caller's own token ends.
func soonest(ctx context.Context, at time.Time) time.Time {
	if x := exchangeOf(ctx); x != nil && !x.expires.IsZero() && x.expires.Before(at) {
		return x.expires
	}
	return at
}

// byExpiring has the record of what lasts say when the token that made it ends:
// a runner or a trust stays when its maker's token has gone.
func byExpiring(ctx context.Context, e pullpass.Event) pullpass.Event {
	if x := exchangeOf(ctx); x != nil && !x.expires.IsZero() {
		e.Detail["maker_expires"] = x.expires.UTC().Format(time.RFC3339)
	}
	return e
}

func tokenEvent(action string, t pullpass.Token) pullpass.Event {
	return pullpass.Event{Action: action, Project: t.Project, Target: string(t.ID), Runner: t.Runner,
		Detail: map[string]string{"name": t.Name, "role": string(t.Role), "kind": string(t.Kind)}}
}

func (s *Server) listTokens(ctx context.Context, c pullpass.Caller, in *Paging) (*body[api.List[api.Token]], error) {
	l, err := s.store.Tokens(ctx, c.Organization, in.page())
	return listed(l, err, api.FromToken)
}

func (s *Server) deleteToken(ctx context.Context, c pullpass.Caller, in *tokenPath) (*none, error) {
	if !pullpass.ValidID("tok", string(in.Token)) {
		return nil, noSuch("token")
	}
	err := s.deed(ctx, c, pullpass.Event{Action: "token.delete", Target: string(in.Token)}, func(ctx context.Context) error {
		return s.store.DeleteToken(ctx, c.Organization, in.Token)
	})
	if pullpass.IsKind(err, pullpass.NotFound) {
		err = noSuch("token")
	}
	return nil, err
}
