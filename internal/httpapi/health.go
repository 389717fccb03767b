package httpapi

import (
	"crypto/subtle"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// healthRoutes: being alive depends on nothing but this process; being ready
// means that requests can be answered.
func (s *Server) healthRoutes() {
	s.mux.HandleFunc("GET "+api.PathLive, func(w http.ResponseWriter, _ *http.Request) { ok(w) })
	s.mux.HandleFunc("GET "+api.PathReady, s.ready)
	s.mux.HandleFunc("GET "+api.PathMetrics, s.serveMetrics)
}

// serveMetrics is for whoever watches the server: with the operator's token, or from
// this machine where there is none. Figures of all tenants together are still not
// everybody's.
func (s *Server) serveMetrics(w http.ResponseWriter, req *http.Request) {
	if !s.mayReadMetrics(req) {
		s.refuse(w, req, &pullpass.Error{
			Kind: pullpass.Unauthenticated, Code: "metrics_token", What: "cannot show the metrics",
			Cause: "they are for callers on the server's machine that no proxy passes on, or with the token of --metrics-token-file",
			Hint:  "pullpass server --metrics-token-file FILE",
		})
		return
	}
	s.metrics.handler().ServeHTTP(w, req)
}

func (s *Server) mayReadMetrics(req *http.Request) bool {
	if !s.metricsToken.Empty() {
		given, isBearer := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		return isBearer && subtle.ConstantTimeCompare([]byte(given), []byte(s.metricsToken.Reveal())) == 1
	}
	from, err := netip.ParseAddr(address(req))
	return err == nil && from.Unmap().IsLoopback() && !s.behindProxy(req)
}

// behindProxy reports whether a request may be somebody else's whom a proxy on this
// machine passes on: they all come from here. Not every proxy says for whom it asks,
// but it is what people reach where their address is not this machine's own.
func (s *Server) behindProxy(req *http.Request) bool {
	for _, said := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if req.Header.Get(said) != "" {
			return true
		}
	}
	if req.TLS != nil || s.url == "" {
		return false
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return true
	}
	if u.Hostname() == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || !ip.IsLoopback()
}

func ok(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}
