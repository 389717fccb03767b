package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/printable"
)

func (s *Server) exchangeRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathExchange, id: "exchange-token", within: upstreamWithin, tag: "identity", permission: public, maxBody: maxExchangeBody,
		summary: "Exchange a CI job's own token", description: "RFC 8693: a form with grant_type, subject_token, subject_token_type, and organization (its id or name) or audience (its issuer URL); " +
			"project (id or name) chooses among the trusts, scope asks for pull only. The answer's token works for that project alone. " +
			"A CI token is exchanged once. Refusals are RFC 6749's error and error_description, and our problem fields beside them.",
	}, s.exchange)
}

// rememberedAfter is how long after its expiry a subject token is still remembered:
// more than clocks may differ.
const rememberedAfter = 10 * time.Minute

type exchangeAnswer struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *Server) exchange(ctx context.Context, c pullpass.Caller, in *struct {
	RawBody []byte `contentType:"application/x-www-form-urlencoded"`
}) (*exchangeAnswer, error) {
	done, err := s.tryExchange(ctx, c, in.RawBody)
	status, document := http.StatusOK, any(done)
	if err != nil {
		refusal := s.oauthRefusal(ctx, err)
		status, document = refusal.Status, refusal
	}
	text, err := json.Marshal(document)
	return &exchangeAnswer{Status: status, ContentType: api.ContentType, Body: text}, err
}

// oauthProblem is a refusal as OAuth clients read it, and as ours do.
type oauthProblem struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	api.Problem
}

func (s *Server) oauthRefusal(ctx context.Context, err error) oauthProblem {
	p := s.problemOf(ctx, err)
	out := oauthProblem{Error: "server_error", Problem: p.Problem, Description: p.Cause}
	if out.Description == "" {
		out.Description = p.Detail
	}
	var coded oauthError
	switch {
	case errors.As(err, &coded):
		out.Error, out.Status = coded.code, http.StatusBadRequest
	case p.Kind == pullpass.Unauthenticated, p.Kind == pullpass.Denied:
		out.Error, out.Status = "invalid_grant", http.StatusBadRequest
	case p.Kind == pullpass.Unavailable:
		out.Error = "temporarily_unavailable"
	case p.Status < http.StatusInternalServerError:
		out.Error, out.Status = "invalid_request", http.StatusBadRequest
	}
	out.Title = http.StatusText(out.Status)
	return out
}

// oauthError gives a refusal one of RFC 6749's codes.
type oauthError struct {
	code string
	error
}

func (e oauthError) Unwrap() error { return e.error }

const cannotExchange = "cannot exchange the token"

func badExchange(code, cause, hint string) error {
	return oauthError{code, &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: cannotExchange, Cause: cause, Hint: hint}}
}

// asked is what an exchange asks for.
type asked struct {
	organization pullpass.OrganizationID
	project      string
	scope        string
	token        string
}

func (s *Server) tryExchange(ctx context.Context, c pullpass.Caller, form []byte) (*api.Exchanged, error) {
	if s.verifier == nil || s.identity == nil {
		return nil, errNoIdentity()
	}
	ask, err := s.readExchange(ctx, form)
	if err != nil {
		return nil, err
	}
	trusts, err := s.trustsFor(ctx, ask)
	if err != nil {
		return nil, err
	}
	match, tried, err := s.verifier.Verify(ctx, ask.token, trusts)
	if err != nil {
		if m, ok := meantForUs(tried); ok { // signed by an issuer that is trusted, for something that is not
			s.recordAnyway(ctx, pullpass.Event{Organization: ask.organization, Caller: pullpass.EventActor{Kind: pullpass.CallerCI, Address: c.Address}, At: s.now(),
				Action: "token.exchange", Decision: pullpass.DecisionDenied, Reason: reason(err), Detail: exchangeDetail(m)})
		}
		return nil, err
	}
	used, err := s.store.TokenExchanged(ctx, ask.organization, match.Unique)
	if err != nil {
		return nil, err
	}
	if used {
		s.recordAnyway(ctx, pullpass.Event{Organization: ask.organization, Caller: pullpass.EventActor{Kind: pullpass.CallerCI, Address: c.Address}, At: s.now(),
			Action: "token.exchange", Decision: pullpass.DecisionDenied, Reason: "token_exchanged", Detail: exchangeDetail(match)})
		return nil, errExchanged()
	}
	return s.grantExchange(ctx, c, ask, match)
}

// errExchanged refuses a subject token that comes again: whoever found it in a log
// gets nothing for it.
func errExchanged() error {
	return oauthError{"invalid_grant", &pullpass.Error{Kind: pullpass.Denied, Code: "token_exchanged", What: cannotExchange,
		Cause: "this token has been exchanged already, and each counts once",
		Hint:  "ask the CI system for a new id token, one for each exchange, or keep the token that the first exchange gave"}}
}

// meantForUs finds a match whose audience fits. Of a shared issuer anybody has
// tokens: one for somebody else says nothing, and is not worth a record.
func meantForUs(tried []identity.Match) (identity.Match, bool) {
	for _, m := range tried {
		for _, r := range m.Results {
			if r.Claim == "aud" && r.OK {
				return m, true
			}
		}
	}
	return identity.Match{}, false
}

// readExchange checks the form. What it sends twice is refused: readers disagree on
// which one counts.
func (s *Server) readExchange(ctx context.Context, form []byte) (asked, error) {
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return asked{}, badExchange("invalid_request", "the body is not a form", "send application/x-www-form-urlencoded")
	}
	for _, v := range values {
		if len(v) > 1 {
			return asked{}, badExchange("invalid_request", "duplicate parameter", "")
		}
	}
	switch {
	case values.Get("grant_type") != api.GrantTokenExchange:
		return asked{}, badExchange("unsupported_grant_type", "grant_type is not token exchange", "grant_type="+api.GrantTokenExchange)
	case values.Get("subject_token") == "":
		return asked{}, badExchange("invalid_request", "subject_token is missing", "give the CI job's own OIDC token")
	case values.Get("subject_token_type") != api.TokenTypeJWT && values.Get("subject_token_type") != api.TokenTypeID:
		return asked{}, badExchange("invalid_request", "subject_token_type is neither jwt nor id_token", "subject_token_type="+api.TokenTypeJWT)
	case values.Has("actor_token"):
		return asked{}, badExchange("invalid_request", "delegation is not supported", "leave actor_token out")
	case values.Has("requested_token_type") && values.Get("requested_token_type") != api.TokenTypeAccess:
		return asked{}, badExchange("invalid_request", "only access tokens are given out", "leave requested_token_type out")
	}
	ask := asked{token: values.Get("subject_token"), project: values.Get("project"), scope: values.Get("scope")}
	ask.organization, err = s.exchangeOrganization(ctx, values.Get("organization"), values.Get("audience"))
	return ask, err
}

// exchangeOrganization finds whose trusts are meant. A name that nobody has becomes an
// organization that trusts nobody: whether it is there is not told to strangers.
func (s *Server) exchangeOrganization(ctx context.Context, organization, audience string) (pullpass.OrganizationID, error) {
	if organization == "" {
		_, organization, _ = strings.Cut(audience, "/o/")
		if s.identity.Issuer(pullpass.OrganizationID(organization)) != audience {
			organization = ""
		}
	}
	if !pullpass.ValidID("org", organization) && pullpass.ValidName(organization) {
		o, err := s.store.OrganizationByName(ctx, organization)
		if pullpass.IsKind(err, pullpass.NotFound) {
			return pullpass.NewOrganizationID(), nil
		}
		return o.ID, err
	}
	if !pullpass.ValidID("org", organization) {
		return "", badExchange("invalid_target", "it does not say whose trusts to use", "organization=NAME, as pullpass whoami shows it, or audience=<issuer URL of the organization>")
	}
	return pullpass.OrganizationID(organization), nil
}

// trustsFor narrows an organization's trusts to a project. An organization that is
// not there trusts nobody, like one that is.
func (s *Server) trustsFor(ctx context.Context, ask asked) ([]identity.Trust, error) {
	trusts, err := s.allTrusts(ctx, ask.organization)
	if err != nil || ask.project == "" {
		return trusts, err
	}
	id := pullpass.ProjectID(ask.project)
	if !pullpass.ValidID("prj", ask.project) {
		p, err := s.store.ProjectByName(ctx, ask.organization, ask.project)
		if err != nil && !pullpass.IsKind(err, pullpass.NotFound) {
			return nil, err
		}
		id = p.ID
	}
	var of []identity.Trust
	for _, t := range trusts {
		if t.Project == id {
			of = append(of, t)
		}
	}
	return of, nil
}

func (s *Server) grantExchange(ctx context.Context, c pullpass.Caller, ask asked, match identity.Match) (*api.Exchanged, error) {
	t := match.Trust
	action := t.Action
	switch pullpass.Action(ask.scope) {
	case "", action:
	case pullpass.ActionPull:
		action = pullpass.ActionPull
	default:
		return nil, badExchange("invalid_scope", "the trust gives "+string(t.Action)+" only", "leave scope out, or ask for pull")
	}
	expires := s.now().Add(t.Life)
	if match.Expires.Before(expires) {
		expires = match.Expires // nothing outlives what it was bought with
	}
	expires = expires.UTC().Truncate(time.Second)
	life := expires.Sub(s.now())
	if life <= 0 { // within what clocks may differ
		return nil, &pullpass.Error{Kind: pullpass.Unauthenticated, Code: "token_expired", What: cannotExchange, Cause: "the token has expired", Hint: "ask the issuer for a new one, and check the clock"}
	}
	text, token := s.newToken(pullpass.Token{Organization: t.Organization, Kind: pullpass.TokenCI, Name: t.Name, Project: t.Project,
		Action: action, CreatedBy: string(t.ID), ExpiresAt: expires})
	detail := exchangeDetail(match)
	detail["action"], detail["expires"] = string(action), token.ExpiresAt.Format(time.RFC3339)
	caller := pullpass.Caller{Kind: pullpass.CallerCI, Organization: t.Organization, ID: string(token.ID), Name: t.Name, Project: t.Project, Address: c.Address}
	e := pullpass.Event{Action: "token.exchange", Project: t.Project, Target: string(token.ID), Detail: detail}
	err := s.deed(ctx, caller, e, func(ctx context.Context) error {
		return s.store.ExchangeToken(ctx, token, match.Unique, match.Expires.Add(rememberedAfter))
	})
	if pullpass.CodeOf(err) == "token_exchanged" { // another one was faster
		return nil, errExchanged()
	}
	if err != nil {
		return nil, err
	}
	return &api.Exchanged{AccessToken: api.NewSecret(text), IssuedType: api.TokenTypeAccess, TokenType: "Bearer",
		ExpiresIn: int64(life / time.Second), Scope: action}, nil
}

// exchangeDetail says whose token it was: what its issuer signed, never the token.
func exchangeDetail(m identity.Match) map[string]string {
	return map[string]string{"trust": string(m.Trust.ID), "name": m.Trust.Name, "issuer": m.Trust.Issuer,
		"subject": printable.Line(m.Subject, maxClaimShown), "jti": printable.Line(m.TokenID, maxClaimShown)}
}
