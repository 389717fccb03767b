package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// authenticate finds out who asks. A token that we do not know, that has expired,
// that is of a kind that proves nothing here, or that has not the form of one:
// all get one answer.
func (s *Server) authenticate(req *http.Request) (pullpass.Caller, error) {
	headers := req.Header["Authorization"]
	if len(headers) == 0 {
		return pullpass.Caller{}, errUnauthenticated("the request has no token", "send Authorization: Bearer with an API token; for the command line: pullpass login URL")
	}
	scheme, text, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return pullpass.Caller{}, errUnauthenticated("the Authorization header is not one bearer token", "send Authorization: Bearer with an API token")
	}
	return s.bearerOf(req, text)
}

// bearerOf finds out whose token a text is.
func (s *Server) bearerOf(req *http.Request, text string) (pullpass.Caller, error) {
	kind, hash, ok := pullpass.HashBearer(text)
	if !ok || !provesCaller(kind) {
		return pullpass.Caller{}, errUnknownToken()
	}
	token, err := s.store.TokenByHash(req.Context(), hash)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return pullpass.Caller{}, errUnknownToken()
	case err != nil:
		return pullpass.Caller{}, err
	case token.Kind != kind, s.expired(token):
		return pullpass.Caller{}, errUnknownToken()
	}
	noLongerStranger(req.Context())
	caller := bearer(token, address(req))
	noteCaller(req.Context(), caller, endOf(token))
	if x := exchangeOf(req.Context()); x != nil {
		x.token = token.ID
	}
	return caller, nil
}

// provesCaller: the others are spent on a route of their own.
func provesCaller(kind pullpass.TokenKind) bool {
	switch kind {
	case pullpass.TokenAPI, pullpass.TokenRunner, pullpass.TokenCI, pullpass.TokenSession:
		return true
	}
	return false
}

// endOf is when what a token stands for ends. A person's role does not end with
// the session: the API tokens that they make end with their membership.
func endOf(t pullpass.Token) time.Time {
	if t.Kind == pullpass.TokenSession {
		return time.Time{}
	}
	return t.ExpiresAt
}

func (s *Server) expired(t pullpass.Token) bool {
	return !t.ExpiresAt.IsZero() && !s.now().Before(t.ExpiresAt)
}

// bearer is who a token stands for.
func bearer(t pullpass.Token, address string) pullpass.Caller {
	c := pullpass.Caller{Kind: pullpass.CallerToken, Organization: t.Organization, ID: string(t.ID), Name: t.Name,
		Role: t.Role, Project: t.Project, Address: address}
	switch t.Kind {
	case pullpass.TokenRunner:
		c.Kind, c.ID, c.Runner, c.Role, c.Project = pullpass.CallerRunner, string(t.Runner), t.Runner, "", ""
	case pullpass.TokenSession:
		c.Kind, c.ID = pullpass.CallerUser, t.CreatedBy
	case pullpass.TokenCI:
		c.Kind, c.Role, c.Action = pullpass.CallerCI, "", t.Action
	}
	return c
}

func errUnknownToken() error {
	return errUnauthenticated("the token is not known here, or has expired", "check that it is whole and for this server; create one: pullpass token create NAME --role developer")
}

func errUnauthenticated(cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Unauthenticated, Code: "unauthenticated",
		What: "not authenticated", Cause: cause, Hint: hint}
}
