package httpapi

import (
	"net/http"
	"strings"
)

// Cookies are named so under https that browsers take them from this host alone,
// over https: a sibling domain, or somebody on the way of a plain request, cannot
// put its own in their place
// (https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis, __Host-).
const hostOnly = "__Host-"

func (s *Server) cookieName(name string) string {
	if s.https() {
		return hostOnly + name
	}
	return name
}

// https: people reach the server through TLS, its own or a proxy's.
func (s *Server) https() bool { return strings.HasPrefix(s.url, "https://") }

// setCookie gives the browser a cookie that scripts cannot read; a negative maxAge
// takes it away. Without https it goes to path alone; a cookie that is bound to its
// host goes everywhere there.
func (s *Server) setCookie(w http.ResponseWriter, name, value, path string, maxAge int) {
	if s.https() {
		path = "/"
	}
	// Lax: the provider sends the person back. Without https (loopback, tests) a
	// Secure cookie would not come back.
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(name), Value: value, Path: path, MaxAge: maxAge, HttpOnly: true, //nolint:gosec // see above
		Secure: s.https(), SameSite: http.SameSiteLaxMode})
}

// readCookie returns the value of a cookie that there is once: where there are
// two, somebody else has set one of them.
func (s *Server) readCookie(req *http.Request, name string) (string, bool) {
	found := req.CookiesNamed(s.cookieName(name))
	if len(found) != 1 {
		return "", false
	}
	return found[0].Value, true
}
