package httpapi

import (
	"io"
	"net/http"

	"github.com/pullpass/pullpass/api"
)

// healthRoutes: being alive depends on nothing but this process; being ready
// means that requests can be answered.
func (s *Server) healthRoutes() {
	s.mux.HandleFunc("GET "+api.PathLive, func(w http.ResponseWriter, _ *http.Request) { ok(w) })
	s.mux.HandleFunc("GET "+api.PathReady, s.ready)
	s.mux.Handle("GET "+api.PathMetrics, s.metrics.handler())
}

func ok(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}
