package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) memberRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathMembers, id: "add-member", tag: "people", permission: access.MemberAdd, status: http.StatusCreated,
		summary: "Add a member", description: "An invitation until whoever proves the address, verified by the server's OpenID provider, first signs in."}, s.addMember)
	add(s, route{method: http.MethodGet, path: api.PathMembers, id: "list-members", tag: "people", permission: access.MemberRead,
		summary: "List members"}, s.listMembers)
	add(s, route{method: http.MethodDelete, path: api.PathMember, id: "delete-member", tag: "people", permission: access.MemberDelete,
		summary: "Delete a member", description: "Their sessions end, and with a role of the whole organization the API tokens that they made."}, s.deleteMember)
}

type memberPath struct {
	Member pullpass.MemberID `path:"member" doc:"Its id."`
}

func (s *Server) addMember(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewMember }) (*body[api.Member], error) {
	const what = "cannot add the member"
	w := in.Body
	email, ok := pullpass.NormalEmail(w.Email)
	if !ok {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "email_invalid", What: what, Cause: "this is not an e-mail address that can be compared", Hint: "write it as name@example.com, in plain letters"}
	}
	if err := access.MayGrant(c, w.Role, w.Project); err != nil {
		return nil, err
	}
	// A role lasts until somebody takes it away: no expiring token hands one out.
	if err := outlives(ctx, what, time.Time{}); err != nil {
		return nil, err
	}
	if w.Project != "" {
		if _, err := s.project(ctx, c, access.ProjectRead, w.Project); err != nil {
			return nil, err
		}
	}
	m := pullpass.Member{ID: pullpass.NewMemberID(), Organization: c.Organization, Project: w.Project, Email: email, Role: w.Role, CreatedBy: c.ID, Maker: makerOf(ctx, c), CreatedAt: s.now()}
	err := s.deed(ctx, c, memberEvent("member.add", m), func(ctx context.Context) (err error) {
		m, err = s.store.CreateMember(ctx, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(s.wireMember(m)), nil
}

func (s *Server) wireMember(m pullpass.Member) api.Member {
	m.Maker = m.Maker.At(s.now())
	return api.FromMember(m)
}

func memberEvent(action string, m pullpass.Member) pullpass.Event {
	return pullpass.Event{Action: action, Project: m.Project, Target: string(m.ID),
		Detail: map[string]string{"email": m.Email, "role": string(m.Role), "user": string(m.User)}}
}

func (s *Server) listMembers(ctx context.Context, c pullpass.Caller, in *Paging) (*body[api.List[api.Member]], error) {
	l, err := s.store.Members(ctx, c.Organization, in.page())
	return listed(l, err, s.wireMember)
}

func (s *Server) deleteMember(ctx context.Context, c pullpass.Caller, in *memberPath) (*none, error) {
	m, err := found(ctx, "mem", "member", c.Organization, in.Member, s.store.Member)
	if err != nil {
		return nil, err
	}
	err = s.deed(ctx, c, memberEvent("member.delete", m), func(ctx context.Context) error {
		return s.store.DeleteMember(ctx, c.Organization, m.ID)
	})
	if pullpass.IsKind(err, pullpass.NotFound) {
		err = noSuch("member")
	}
	return nil, err
}
