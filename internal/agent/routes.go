package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/runner"
)

// routes is what one environment may ask.
func (s *Sockets) routes(k *socket) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathAgentSelf, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, api.ContentType, s.self(k.knows()))
	})
	credentials := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		c, err := s.credential(ctx, k, w, r)
		if err != nil {
			s.problem(ctx, w, k, err)
			return
		}
		answer(w, http.StatusOK, api.ContentType, c)
	}
	mux.HandleFunc("POST "+api.PathAgentCredentials, credentials)
	mux.HandleFunc("POST "+api.PathCredentials, credentials)
	mux.HandleFunc("POST "+api.PathAgentTokens, func(w http.ResponseWriter, r *http.Request) { s.token(w, r, k) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.problem(r.Context(), w, k, &pullpass.Error{
			Kind: pullpass.NotFound, What: "the agent socket does not answer this",
			Cause: "it knows GET " + api.PathAgentSelf + ", POST " + api.PathAgentCredentials + " and POST " + api.PathAgentTokens,
		})
	})
	return mux
}

func (s *Sockets) self(e pullpass.Environment) api.AgentSelf {
	self := api.AgentSelf{
		Environment:  api.AgentName{ID: string(e.ID), Name: e.Name},
		Project:      e.Project,
		Organization: e.Organization,
		Runner:       api.AgentName{ID: string(e.Runner), Name: s.o.RunnerName},
		Services:     make([]api.AgentService, 0, len(e.Services)),
	}
	for _, service := range e.Services {
		self.Services = append(self.Services, api.AgentService{Name: service.Name, Image: service.Image})
	}
	return self
}

// credential asks the server, always as the person inside and always for this
// environment, whatever the request says.
func (s *Sockets) credential(ctx context.Context, k *socket, w http.ResponseWriter, r *http.Request) (api.Credential, error) {
	const what = "cannot give a registry credential"
	if !k.limit.Allow() {
		return api.Credential{}, &pullpass.Error{
			Kind: pullpass.Limited, Code: "agent_limit", What: what,
			Cause: "this environment asks for too many", Hint: "try again in a second",
		}
	}
	var in api.CredentialRequest
	if err := decode(w, r, &in); err != nil {
		return api.Credential{}, err
	}
	e := k.knows()
	c, err := s.o.Server.Credential(ctx, runner.CredentialRequest{
		Environment: e.ID, Host: in.Host, Repository: in.Repository, Action: in.Action, Inside: true, Refused: in.Refused,
	})
	if err != nil {
		return api.Credential{}, err
	}
	return api.Credential{
		Host: c.Host, Username: c.Username, Secret: api.NewSecret(c.Secret), Expires: c.Expires, Unscoped: c.Unscoped,
	}, nil
}

// decode reads a request; what cannot be read is not repeated.
func decode(w http.ResponseWriter, r *http.Request, in *api.CredentialRequest) error {
	refuse := func(cause string) error {
		return &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read the request", Cause: cause,
			Hint: `send {"host": "…", "repository": "…", "action": "pull"}`,
		}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(in)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return refuse("it is too long")
	case err != nil:
		return refuse("it is not the JSON object that is expected")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("something follows the JSON object")
	}
	if in.Action == "" {
		in.Action = pullpass.ActionPull
	}
	switch {
	case in.Host == "":
		return refuse("host is missing")
	case len(in.Host) > 512 || len(in.Repository) > 255 || len(in.Refused) > 64:
		return refuse("host or repository is too long")
	case in.Action != pullpass.ActionPull && in.Action != pullpass.ActionPush:
		return refuse("action is neither pull nor push")
	}
	return nil
}

func (s *Sockets) problem(ctx context.Context, w http.ResponseWriter, k *socket, err error) {
	p := api.Problem{Type: "about:blank", Status: http.StatusInternalServerError, Kind: pullpass.KindOf(err)}
	var e *pullpass.Error
	if p.Kind != pullpass.Internal && api.KnownKind(p.Kind) && errors.As(err, &e) {
		p.Status, p.Code, p.Detail, p.Cause, p.Hint = api.StatusOf(p.Kind), e.Code, e.What, e.Cause, pullpass.HintOf(err)
	} else {
		// The cause is ours to repair, and stays with us.
		s.o.Log.ErrorContext(ctx, "an agent socket could not answer", "environment", k.knows().ID, "error", err)
		p.Kind, p.Detail = pullpass.Internal, "the runner could not answer"
		p.Hint = "look into the runner's log"
	}
	if p.Kind == pullpass.Unauthenticated {
		// It is the runner that the server does not know, not the person inside.
		p.Kind, p.Status = pullpass.Unavailable, http.StatusServiceUnavailable
	}
	p.Title = http.StatusText(p.Status)
	answer(w, p.Status, api.ProblemType, p)
}

// answer writes JSON. A reader that has gone is nobody's error.
func answer(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // the structs of api encode
}
