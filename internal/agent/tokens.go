package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Tokens issues identity tokens for an environment; the Server of Options may have
// it, too.
type Tokens interface {
	IdentityToken(context.Context, pullpass.EnvironmentID, api.IdentityTokenRequest) (api.IdentityToken, error)
}

// token asks the server, always for this environment, whatever the request says.
func (s *Sockets) token(w http.ResponseWriter, r *http.Request, k *socket) {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	t, err := s.identityToken(ctx, w, r, k)
	if err != nil {
		s.problem(ctx, w, k, err)
		return
	}
	answer(w, http.StatusOK, api.ContentType, t)
}

func (s *Sockets) identityToken(ctx context.Context, w http.ResponseWriter, r *http.Request, k *socket) (api.IdentityToken, error) {
	const what = "cannot give an identity token"
	issuer, ok := s.o.Server.(Tokens)
	if !ok {
		return api.IdentityToken{}, &pullpass.Error{Kind: pullpass.NotFound, What: what, Cause: "this runner has none to give"}
	}
	if !k.limit.Allow() {
		return api.IdentityToken{}, &pullpass.Error{
			Kind: pullpass.Limited, Code: "agent_limit", What: what,
			Cause: "this environment asks for too many", Hint: "try again in a second",
		}
	}
	var in api.IdentityTokenRequest
	if err := decodeToken(w, r, &in); err != nil {
		return api.IdentityToken{}, err
	}
	return issuer.IdentityToken(ctx, k.knows().ID, in)
}

func decodeToken(w http.ResponseWriter, r *http.Request, in *api.IdentityTokenRequest) error {
	refuse := func(cause string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the request", Cause: cause, Hint: `send {"audience": ["sts.amazonaws.com"]}`}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	var tooLong *http.MaxBytesError
	switch err := d.Decode(in); {
	case errors.As(err, &tooLong):
		return refuse("it is too long")
	case err != nil:
		return refuse("it is not the JSON object that is expected")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("something follows the JSON object")
	}
	if len(in.Audience) == 0 {
		return refuse("audience is missing")
	}
	return nil
}
