package client

import (
	"context"
	"iter"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// AddMember takes m's address, role and project.
func (c *Client) AddMember(ctx context.Context, m pullpass.Member) (pullpass.Member, error) {
	w, err := do[api.Member](ctx, c, post(api.PathMembers, api.NewMember{Email: m.Email, Role: m.Role, Project: m.Project}))
	return member(w), err
}

// Members gets one page of the members.
func (c *Client) Members(ctx context.Context, page pullpass.Page) (pullpass.List[pullpass.Member], error) {
	return list(ctx, c, api.PathMembers, nil, page, member)
}

// AllMembers walks all members.
func (c *Client) AllMembers(ctx context.Context) iter.Seq2[pullpass.Member, error] {
	return all(ctx, c.Members)
}

// DeleteMember takes a person's role away.
func (c *Client) DeleteMember(ctx context.Context, id pullpass.MemberID) error {
	return c.send(ctx, remove(path(api.PathMember, id)))
}

func member(w api.Member) pullpass.Member {
	return pullpass.Member{ID: w.ID, Email: w.Email, Role: w.Role, Project: w.Project, User: w.User, CreatedBy: w.CreatedBy, Maker: w.Maker.Maker(), CreatedAt: w.CreatedAt}
}

// BeginDevice begins a sign-in on a machine without a browser.
func (c *Client) BeginDevice(ctx context.Context, wish api.NewDevice) (api.Device, error) {
	k := post(api.PathSignInDevice, wish)
	k.anonymous = true
	return do[api.Device](ctx, c, k)
}

// Redeem takes the session of a sign-in, once.
func (c *Client) Redeem(ctx context.Context, proof api.SignIn) (api.SignedIn, error) {
	k := post(api.PathSignInSession, proof)
	k.anonymous = true
	return do[api.SignedIn](ctx, c, k)
}

// SignOut ends the session that the client's token is of.
func (c *Client) SignOut(ctx context.Context) error { return c.send(ctx, remove(api.PathSession)) }
