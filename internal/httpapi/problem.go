package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// problem is an error on its way out. huma asks it for its status and headers.
type problem struct {
	api.Problem
	header http.Header
}

func (p *problem) Error() string             { return p.Detail }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) GetHeaders() http.Header   { return p.header }
func (p *problem) ContentType(string) string { return api.ProblemType }

// statusError gives an error another status than its kind has.
type statusError struct {
	status int
	err    *pullpass.Error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// kindOf is the reverse, for what huma refuses by itself.
func kindOf(status int) pullpass.Kind {
	switch {
	case status == http.StatusNotFound:
		return pullpass.NotFound
	case status < http.StatusInternalServerError:
		return pullpass.Invalid
	}
	return pullpass.Internal
}

// problemOf makes the answer to an error. What only the operator may know goes to
// the log.
func (s *Server) problemOf(ctx context.Context, err error) *problem {
	var e *pullpass.Error
	if !errors.As(err, &e) {
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			e = &pullpass.Error{Kind: pullpass.Unavailable, Code: "timeout", What: "the request took too long",
				Cause: "what it needs did not answer in time", Hint: "try again; the operator sees at /readyz what does not answer", Err: err}
		case ctx.Err() != nil: // nobody is there to read it
			e = &pullpass.Error{Kind: pullpass.Unavailable, What: "the request was canceled"}
		default:
			e = &pullpass.Error{Kind: pullpass.Internal}
		}
	}
	p := &problem{Problem: api.Problem{Type: "about:blank", Status: api.StatusOf(e.Kind), Kind: e.Kind}}
	var other *statusError
	if errors.As(err, &other) {
		p.Status = other.status
	}
	if p.Status == http.StatusInternalServerError {
		s.internal(ctx, p, err)
		return p
	}
	p.Title = http.StatusText(p.Status)
	p.Detail, p.Cause, p.Hint, p.Code = e.What, causeOf(e), pullpass.HintOf(e), e.Code
	if p.Detail == "" {
		p.Detail = p.Title
	}
	p.header = headersFor(e.Kind)
	if e.Kind == pullpass.Unavailable && !errors.Is(ctx.Err(), context.Canceled) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "unavailable", slog.String("request", requestID(ctx)), slog.Any("error", err))
	}
	return p
}

// internal says nothing but where to look.
func (s *Server) internal(ctx context.Context, p *problem, err error) {
	id := requestID(ctx)
	s.log.LogAttrs(ctx, slog.LevelError, "internal error", slog.String("request", id), slog.Any("error", err))
	p.Problem = internalProblem(id)
}

func internalProblem(id string) api.Problem {
	return api.Problem{
		Type: "about:blank", Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError),
		Kind: pullpass.Internal, Detail: "something went wrong on the server",
		Hint: "the operator finds the cause in the server's log, under request " + id, Instance: id,
	}
}

// causeOf shows an error inside only where it was written to be shown.
func causeOf(e *pullpass.Error) string {
	if e.Cause != "" || e.Err == nil {
		return e.Cause
	}
	var inner *pullpass.Error
	if errors.As(e.Err, &inner) && inner.Kind != pullpass.Internal {
		cause := causeOf(inner)
		switch {
		case inner.What == "":
			return cause
		case cause == "":
			return inner.What
		}
		return inner.What + ": " + cause
	}
	return ""
}

func headersFor(k pullpass.Kind) http.Header {
	switch k {
	case pullpass.Unauthenticated:
		return http.Header{"Www-Authenticate": {`Bearer realm="pullpass"`}}
	case pullpass.Limited, pullpass.Unavailable:
		return http.Header{"Retry-After": {"2"}}
	}
	return nil
}

// refuse answers an error outside of huma.
func (s *Server) refuse(w http.ResponseWriter, req *http.Request, err error) {
	if req.ContentLength != 0 {
		// net/http reads what is left of the body before it answers: not for long.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadWithin))
	}
	s.write(w, s.problemOf(req.Context(), err))
}

func (s *Server) write(w http.ResponseWriter, p *problem) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", api.ProblemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem) // the client has gone: nothing to do
}

// problemResponse describes problems in the OpenAPI document.
func (s *Server) problemResponse() *huma.Response {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[api.Problem](), true, "Problem")
	return &huma.Response{
		Description: "What failed, why, and what to do about it.",
		Content:     map[string]*huma.MediaType{api.ProblemType: {Schema: schema}},
	}
}
