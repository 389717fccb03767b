package httpapi

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// exchange is one request and what became of it, for the log and the metrics.
type exchange struct {
	http.ResponseWriter
	id      string
	address string
	caller  pullpass.Caller
	expires time.Time // of what the caller's token stands for; zero: never
	token   pullpass.TokenID
	status  int
	bytes   int64
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

func requestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

func noteCaller(ctx context.Context, c pullpass.Caller, expires time.Time) {
	if x := exchangeOf(ctx); x != nil {
		x.caller, x.expires = c, expires
	}
}

// newRequestID need not be secret: it only finds a request in the log.
func newRequestID() string {
	var b [8]byte
	for i, v := 0, rand.Uint64(); i < len(b); i, v = i+1, v>>8 { //nolint:gosec // as above
		b[i] = byte(v)
	}
	return "req_" + hex.EncodeToString(b[:])
}

// ServeHTTP answers every request: what panics is answered as an internal error,
// and each answer is counted and logged.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	began := time.Now()
	x := &exchange{ResponseWriter: w, id: newRequestID(), address: s.proxies.client(req)}
	outer := req
	req = req.WithContext(context.WithValue(req.Context(), exchangeKey{}, x))
	h := w.Header()
	h.Set("X-Request-Id", x.id)
	h.Set("X-Content-Type-Options", "nosniff")
	if s.https() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if strings.HasPrefix(req.URL.Path, "/api/") { // each route says how long it may take
		h.Set("Cache-Control", "no-store")
	} else {
		ctx, cancel := context.WithTimeout(req.Context(), upstreamWithin)
		defer cancel()
		req = req.WithContext(ctx)
	}
	defer func() {
		if p := recover(); p != nil {
			s.panicked(x, req, p)
		}
		s.finished(x, req, time.Since(began))
	}()
	if req.ContentLength != 0 {
		boundUnread(w, outer, began)
	}
	if !canonical(req.URL.Path) {
		s.unknown(x, req)
		return
	}
	s.mux.ServeHTTP(x, req)
}

// boundUnread bounds how long a body that no route wants to read keeps the
// connection: until a deadline, or until the connection is closed to make room.
// Where net/http sees its own kind of body in the request, it sleeps for half a
// second beside a large rest, which nothing ends; who expects to be told to go on
// is not told, and does not sleep.
func boundUnread(w http.ResponseWriter, outer *http.Request, began time.Time) {
	// Where there is no connection (in tests) there is no deadline.
	_ = http.NewResponseController(w).SetReadDeadline(began.Add(bodyWithin))
	if outer.Header.Get("Expect") == "" {
		outer.Body = http.NoBody
	}
}

// canonical refuses what the mux would answer with a redirect to a cleaned path.
func canonical(p string) bool {
	clean := path.Clean(p)
	return p == clean || (p == clean+"/" && clean != "/")
}

func (s *Server) panicked(x *exchange, req *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares so, too
		panic(p)
	}
	// The value may hold anything, so the log gets its type and where it was.
	s.log.LogAttrs(req.Context(), slog.LevelError, "panic", slog.String("request", x.id),
		slog.String("route", routeOf(req)), slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
	if x.status == 0 {
		s.write(x, &problem{Problem: internalProblem(x.id)})
	}
}

func (s *Server) finished(x *exchange, req *http.Request, took time.Duration) {
	route := routeOf(req)
	status := x.status
	if status == 0 {
		status = http.StatusOK
	}
	s.metrics.answered(route, status, took)
	level := slog.LevelInfo
	if !strings.HasPrefix(req.URL.Path, "/api/") {
		level = slog.LevelDebug
	}
	if !s.log.Enabled(req.Context(), level) {
		return
	}
	// The route as registered, not the path as sent: people paste tokens anywhere.
	s.log.LogAttrs(req.Context(), level, "request", slog.String("request", x.id), slog.String("route", route),
		slog.Int("status", status), slog.Int64("bytes", x.bytes), slog.Duration("took", took), slog.String("address", address(req)),
		slog.String("organization", string(x.caller.Organization)), slog.String("caller", x.caller.ID))
}

const unmatched = "unmatched"

func routeOf(req *http.Request) string {
	if req.Pattern == "" || req.Pattern == "/" {
		return unmatched
	}
	return req.Pattern
}

// unknown answers what no route does: another method of one, or nothing.
func (s *Server) unknown(w http.ResponseWriter, req *http.Request) {
	if allowed := s.methods(req); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.refuse(w, req, &statusError{http.StatusMethodNotAllowed, &pullpass.Error{Kind: pullpass.Invalid, Code: "method_not_allowed",
			What: "there is no such operation", Cause: "this path answers " + strings.Join(allowed, ", ") + " only"}})
		return
	}
	s.refuse(w, req, &pullpass.Error{Kind: pullpass.NotFound, Code: "route_not_found", What: "there is no such path", Hint: "the API is described at " + api.PathDocs})
}

func (s *Server) methods(req *http.Request) []string {
	if !canonical(req.URL.Path) {
		return nil
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: req.URL, Host: req.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
