package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/printable"
)

func (s *Server) trustRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathTrusts, id: "create-trust", within: upstreamWithin, tag: "identity", permission: access.TrustCreate, status: http.StatusCreated,
		summary: "Trust an issuer", description: "Its tokens that meet all conditions can be exchanged at POST /api/v1/token."}, s.createTrust)
	add(s, route{method: http.MethodGet, path: api.PathTrusts, id: "list-trusts", tag: "identity", permission: access.TrustRead,
		summary: "List trusted issuers"}, s.listTrusts)
	add(s, route{method: http.MethodPost, path: api.PathTrustTest, id: "test-trust", within: upstreamWithin, tag: "identity", permission: access.TrustRead,
		summary: "Test a token against the trusts", description: "Nothing is issued. Each condition is laid beside what the token says."}, s.testTrust)
	add(s, route{method: http.MethodDelete, path: api.PathTrust, id: "delete-trust", tag: "identity", permission: access.TrustDelete,
		summary: "Stop trusting an issuer", description: "The tokens given out for it end at once."}, s.deleteTrust)
}

const (
	defaultTrustLife = time.Hour
	maxClaimShown    = 256
)

func (s *Server) createTrust(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewTrust }) (*body[api.Trust], error) {
	t, err := s.newTrust(ctx, c, in.Body)
	if err != nil {
		return nil, err
	}
	e := pullpass.Event{Action: string(access.TrustCreate), Project: t.Project, Target: string(t.ID), Detail: map[string]string{
		"name": t.Name, "issuer": t.Issuer, "audience": t.Audience, "conditions": strings.Join(in.Body.Conditions, " "), "action": string(t.Action)}}
	err = s.deed(ctx, c, byExpiring(ctx, e), func(ctx context.Context) (err error) {
		t, err = s.store.CreateTrust(ctx, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(s.wireTrust(t)), nil
}

func (s *Server) newTrust(ctx context.Context, c pullpass.Caller, in api.NewTrust) (identity.Trust, error) {
	if err := checkName("cannot trust the issuer", in.Name); err != nil {
		return identity.Trust{}, err
	}
	if err := checkIssuer(in.Issuer); err != nil {
		return identity.Trust{}, err
	}
	project, err := s.project(ctx, c, access.ProjectRead, in.Project)
	if err != nil {
		return identity.Trust{}, err
	}
	t := identity.Trust{ID: pullpass.NewTrustID(), Organization: c.Organization, Name: in.Name, Issuer: in.Issuer, Audience: in.Audience,
		Project: project.ID, Action: in.Action, Life: time.Duration(in.Life) * time.Second, Maker: makerOf(ctx, c), CreatedAt: s.now()}
	if t.Action == "" {
		t.Action = pullpass.ActionPull
	}
	if t.Life == 0 {
		t.Life = defaultTrustLife
	}
	for _, text := range in.Conditions {
		condition, err := identity.ParseCondition(text)
		if err != nil {
			return identity.Trust{}, err
		}
		t.Conditions = append(t.Conditions, condition)
	}
	return t, identity.CheckOwner(t)
}

func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && u.String() == issuer {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "issuer_invalid", What: "cannot trust the issuer",
		Cause: "it is not a plain https URL", Hint: "write it exactly as the token's iss: https://token.actions.githubusercontent.com"}
}

func (s *Server) wireTrust(t identity.Trust) api.Trust {
	conditions := make([]string, len(t.Conditions))
	for i, c := range t.Conditions {
		conditions[i] = c.String()
	}
	return api.Trust{ID: t.ID, Name: t.Name, Issuer: t.Issuer, Audience: t.Audience, Conditions: conditions, Project: t.Project,
		Action: t.Action, Life: int64(t.Life / time.Second), Maker: api.FromMaker(t.Maker.At(s.now())), CreatedAt: t.CreatedAt}
}

type trustsQuery struct {
	Paging
	Named
}

func (s *Server) listTrusts(ctx context.Context, c pullpass.Caller, in *trustsQuery) (*body[api.List[api.Trust]], error) {
	if in.Name != "" {
		l, err := byName(pullpass.ValidName(in.Name), func() (identity.Trust, error) { return s.store.TrustByName(ctx, c.Organization, in.Name) })
		return listed(l, err, s.wireTrust)
	}
	l, err := s.store.Trusts(ctx, c.Organization, in.page())
	return listed(l, err, s.wireTrust)
}

func (s *Server) deleteTrust(ctx context.Context, c pullpass.Caller, in *struct {
	Trust pullpass.TrustID `path:"trust" doc:"Its id."`
}) (*none, error) {
	t, err := found(ctx, "tru", "trust", c.Organization, in.Trust, s.store.Trust)
	if err != nil {
		return nil, err
	}
	e := pullpass.Event{Action: string(access.TrustDelete), Project: t.Project, Target: string(t.ID), Detail: map[string]string{"name": t.Name, "issuer": t.Issuer}}
	return nil, s.deed(ctx, c, e, func(ctx context.Context) error { return s.store.DeleteTrust(ctx, c.Organization, t.ID) })
}

// allTrusts reads every trust of an organization.
func (s *Server) allTrusts(ctx context.Context, org pullpass.OrganizationID) ([]identity.Trust, error) {
	var all []identity.Trust
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := s.store.Trusts(ctx, org, page)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
		if l.Next == "" {
			return all, nil
		}
		page.After = l.Next
	}
}

func (s *Server) testTrust(ctx context.Context, c pullpass.Caller, in *struct{ Body api.TrustTest }) (*body[api.TrustTestResult], error) {
	if s.verifier == nil {
		return nil, errNoIdentity()
	}
	trusts, err := s.allTrusts(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	match, tried, err := s.verifier.Verify(ctx, in.Body.Token.Secret().Reveal(), trusts)
	out := api.TrustTestResult{Accepted: err == nil, Matches: []api.TrustMatch{}}
	if err == nil {
		tried = append(tried, match)
	}
	for _, m := range tried {
		out.Matches = append(out.Matches, wireMatch(m))
	}
	var e *pullpass.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && (e.Kind == pullpass.Unauthenticated || e.Kind == pullpass.Denied):
		// It is the token under test that is not good, not the caller's.
		out.Cause, out.Hint = causeOf(e), e.Hint
	default:
		return nil, err
	}
	return answer(out), nil
}

func wireMatch(m identity.Match) api.TrustMatch {
	w := api.TrustMatch{Trust: m.Trust.Name, OK: m.OK, Claims: []api.ClaimMatch{}}
	for _, r := range m.Results {
		w.Claims = append(w.Claims, api.ClaimMatch{Claim: r.Claim, Want: r.Want, Got: printable.Line(r.Got, maxClaimShown), OK: r.OK, Why: r.Why})
	}
	return w
}
