package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

const readyWithin = 2 * time.Second

// healthRoutes: being alive depends on nothing but this process; being ready
// means that requests can be answered.
func (s *Server) healthRoutes() {
	s.mux.HandleFunc("GET "+api.PathLive, func(w http.ResponseWriter, _ *http.Request) { ok(w) })
	s.mux.HandleFunc("GET "+api.PathReady, s.ready)
	s.mux.Handle("GET "+api.PathMetrics, s.metrics.handler())
}

func (s *Server) ready(w http.ResponseWriter, req *http.Request) {
	select {
	case <-s.draining:
		s.refuse(w, req, &pullpass.Error{Kind: pullpass.Unavailable, Code: "stopping", What: "the server is not ready", Cause: "it is stopping"})
		return
	default:
	}
	ctx, cancel := context.WithTimeout(req.Context(), readyWithin)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		s.refuse(w, req, &pullpass.Error{Kind: pullpass.Unavailable, Code: "store_unavailable", What: "the server is not ready", Cause: "its database does not answer", Err: err})
		return
	}
	ok(w)
}

func ok(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}
