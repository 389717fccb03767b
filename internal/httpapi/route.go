package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

// public marks the routes that need no token: their body carries its own proof.
const public access.Permission = "public"

// permissionKey names the permission of an operation in the OpenAPI document.
const permissionKey = "x-permission"

// route is what every operation has to say of itself.
type route struct {
	method      string
	path        string
	id          string
	tag         string
	summary     string
	description string
	permission  access.Permission
	status      int           // of success; 0: 200, or 204 without a body
	within      time.Duration // how long the answer may take; 0: answerWithin
	maxBody     int64         // bytes of the body; 0: as much as its callers may send
}

// maxPublicBody is enough for a setup, a sign-in and a CI system's token. Whoever
// may send more has proved who they are.
const (
	maxPublicBody = 16 << 10
	maxJoinBody   = 64 << 10 // a runner says what it can do

	// maxExchangeBody has room for a CI system's token of 16 KiB, escaped, in a form.
	maxExchangeBody = 24 << 10
)

func (r route) limit() int64 {
	switch {
	case r.maxBody != 0:
		return r.maxBody
	case r.permission == public:
		return maxPublicBody
	}
	return api.MaxBody
}

// How long an answer may take: below the time in which it can be sent, so that
// whoever asks is told what was waited for, and nothing happens after that.
const (
	answerWithin   = 8 * time.Second
	pollWithin     = api.MaxWait*time.Second + answerWithin
	upstreamWithin = 50 * time.Second // where AWS, a registry, a Git host or an issuer is asked
)

// handler answers a request whose caller is known and has the permission of its
// route; whether it reaches the objects named is the handler's to check.
type handler[I, O any] func(ctx context.Context, caller pullpass.Caller, in *I) (*O, error)

// add registers a route. It is the only way to make one.
func add[I, O any](s *Server, r route, h handler[I, O]) {
	if r.permission != public && !access.Known(r.permission) {
		panic("httpapi: " + r.method + " " + r.path + " names no permission of the access table")
	}
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Tags: []string{r.tag},
		Summary: r.summary, Description: r.description, DefaultStatus: r.status,
		MaxBodyBytes:                 r.limit(),
		RejectUnknownQueryParameters: true,
		Extensions:                   map[string]any{permissionKey: string(r.permission)},
		Security:                     []map[string][]string{{bearerScheme: {}}},
		Responses:                    map[string]*huma.Response{"default": s.problemResponse()},
	}
	if r.permission == public {
		op.Security = []map[string][]string{}
	}
	hasBody := r.method == http.MethodPost || r.method == http.MethodPut || r.method == http.MethodPatch
	op.Middlewares = huma.Middlewares{s.gate(r, hasBody)}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, callerOf(ctx), in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
}

// gate lets in who may use a route, before anything of the body is read.
func (s *Server) gate(r route, hasBody bool) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		req, w := unwrap(hc)
		in := &request{humaContext: hc, ctx: req.Context()}
		if r.permission != public {
			admitting, cancel := context.WithTimeout(req.Context(), answerWithin)
			caller, err := s.admit(req.WithContext(admitting), r)
			cancel()
			if err != nil {
				s.refuse(w, req, err)
				return
			}
			in.ctx = context.WithValue(in.ctx, callerKey{}, caller)
		} else {
			in.ctx = context.WithValue(in.ctx, callerKey{}, pullpass.Caller{Address: address(req)})
			in.stranger = connectionOf(req.Context())
			defer in.done()
		}
		if hasBody {
			if err := in.readBody(w, req, r.limit()); err != nil {
				s.refuse(w, req, err)
				return
			}
		}
		// The body has a time of its own: from here on nothing waits for the caller.
		ctx, cancel := context.WithTimeout(in.ctx, cmp.Or(r.within, answerWithin))
		defer cancel()
		in.ctx = ctx
		next(in)
	}
}

// admit finds out who asks and whether they may use the route at all.
func (s *Server) admit(req *http.Request, r route) (pullpass.Caller, error) {
	caller, err := s.authenticate(req)
	if err != nil {
		return pullpass.Caller{}, err
	}
	if err := access.Check(caller, r.permission, access.Any); err != nil {
		if r.method != http.MethodGet {
			s.recordDenied(req.Context(), caller, r.permission)
		}
		return pullpass.Caller{}, err
	}
	return caller, nil
}

type callerKey struct{}

func callerOf(ctx context.Context) pullpass.Caller {
	c, _ := ctx.Value(callerKey{}).(pullpass.Caller)
	return c
}

// body and none are the answers of operations.
type body[T any] struct{ Body T }

type none struct{}

func answer[T any](v T) *body[T] { return &body[T]{v} }
