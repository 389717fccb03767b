package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/signin"
)

// sessionCookie holds a person's session, for the dashboard alone, whose pages only
// read; the API takes no cookie, so no other site can use it there.
const sessionCookie = "pullpass_session"

// RenderDashboard writes one page of the dashboard: web.Dashboard.
type RenderDashboard func(w io.Writer, page any) error

// DashboardPage is what a page of the dashboard shows.
type DashboardPage struct {
	Title        string
	Organization string
	Who          string // email or name of the person; empty: nobody has signed in
	Role         pullpass.Role
	Links        []DashboardLink // to the pages that this person may see
	Text         []string
	SignIn       bool // offer to sign in
	Table        *DashboardTable
	Facts        []DashboardFact
	Conditions   []pullpass.Condition
	Output       []DashboardOutput
}

// DashboardLink leads to a page.
type DashboardLink struct {
	Text, Path string
	Here       bool
}

// DashboardTable is a list of things, a page of it at a time.
type DashboardTable struct {
	Columns []string
	Rows    [][]DashboardCell
	Empty   string // what to do where there is nothing
	Next    string // query of the next page
}

// DashboardCell is one field; Mark is a word that the style sheet knows.
type DashboardCell struct{ Text, Path, Mark string }

// DashboardFact is one property of a thing.
type DashboardFact struct{ Name, Value string }

// DashboardOutput is the end of what a service has printed.
type DashboardOutput struct{ Service, Text string }

// dashboardRoute is a page: like a route of the API it names its permission.
type dashboardRoute struct {
	path, title string
	permission  access.Permission
	fill        func(*Server, *http.Request, pullpass.Caller, *DashboardPage) error
}

func (s *Server) dashboardRoutes() {
	if s.dashboard == nil {
		return
	}
	for _, r := range dashboardTable {
		if !access.Known(r.permission) {
			panic("httpapi: " + r.path + " names no permission of the access table")
		}
		s.mux.HandleFunc("GET "+r.path, func(w http.ResponseWriter, req *http.Request) { s.serveDashboard(w, req, r) })
	}
	s.mux.HandleFunc("GET "+api.PathDashboardSignIn, s.page(s.beginDashboard))
	// Signing somebody out from another site is a nuisance, too.
	ownSite := http.NewCrossOriginProtection()
	s.mux.Handle("POST "+api.PathDashboardSignOut, ownSite.Handler(s.page(s.leaveDashboard)))
}

func (s *Server) serveDashboard(w http.ResponseWriter, req *http.Request, r dashboardRoute) {
	p := DashboardPage{Title: r.title}
	status := http.StatusOK
	if err := s.fillDashboard(req, r, &p); err != nil {
		problem := s.problemOf(req.Context(), err)
		status, p.Text = problem.Status, []string{problem.Detail, problem.Cause, problem.Hint}
		if status == http.StatusUnauthorized {
			p.Title, p.Text, p.SignIn = "Sign in", nil, s.signIn != nil
			if !p.SignIn {
				p.Text = []string{errSignInOff().Error(), pullpass.HintOf(errSignInOff())}
			}
		}
	}
	s.showDashboard(w, status, p)
}

func (s *Server) fillDashboard(req *http.Request, r dashboardRoute, p *DashboardPage) error {
	caller, err := s.visitor(req)
	if err != nil {
		return err
	}
	org, err := s.store.Organization(req.Context(), caller.Organization)
	if err != nil {
		return err
	}
	p.Organization, p.Who, p.Role, p.Links = org.Name, caller.Name, caller.Role, dashboardLinks(caller, r.path)
	if err := access.Check(caller, r.permission, access.Any); err != nil {
		return err
	}
	return r.fill(s, req, caller, p)
}

// visitor is the person whose session the browser holds.
func (s *Server) visitor(req *http.Request) (pullpass.Caller, error) {
	cookie, ok := s.readCookie(req, sessionCookie)
	if !ok {
		return pullpass.Caller{}, errUnauthenticated("nobody has signed in here", "sign in")
	}
	caller, err := s.bearerOf(req, cookie)
	if err == nil && caller.Kind != pullpass.CallerUser {
		err = errUnknownToken() // an API token is not for browsers
	}
	return caller, err
}

// dashboardLinks are the pages that somebody may see; one whose name holds a
// variable is reached from another.
func dashboardLinks(c pullpass.Caller, here string) []DashboardLink {
	var links []DashboardLink
	for _, r := range dashboardTable {
		if !strings.Contains(r.path, "{") && access.Check(c, r.permission, access.Any) == nil {
			links = append(links, DashboardLink{r.title, r.path, r.path == here})
		}
	}
	return links
}

// showDashboard writes a page whole or not at all.
func (s *Server) showDashboard(w http.ResponseWriter, status int, p DashboardPage) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	var page bytes.Buffer
	if err := s.dashboard(&page, p); err != nil {
		s.log.Error("dashboard page", "error", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // a reader that has gone is nobody's error
}

// beginDashboard sends a person to the provider; the answer comes back to the
// same callback as a command line's.
func (s *Server) beginDashboard(w http.ResponseWriter, req *http.Request) error {
	if err := s.maySignIn(s.signIns.begin, address(req)); err != nil {
		return err
	}
	q := req.URL.Query()
	a := signin.Attempt{ID: signin.NewText(), Redirect: api.PathDashboard, WishOrganization: q.Get("organization"), WishProject: q.Get("project"),
		ExpiresAt: s.now().Add(signin.AttemptFor)}
	if !wishable(a.WishOrganization) || !wishable(a.WishProject) {
		return signin.Refusal("not_a_member")
	}
	return s.send(w, req, func(ctx context.Context, state, browser signin.Hash) error {
		a.State, a.Browser = state, browser
		return s.store.CreateAttempt(ctx, a)
	})
}

// enterDashboard begins the session of a person that the provider has vouched for.
func (s *Server) enterDashboard(w http.ResponseWriter, req *http.Request, m pullpass.Member) error {
	text, _, err := s.newSession(req.Context(), address(req), m, "dashboard")
	if err != nil {
		return err
	}
	s.setCookie(w, sessionCookie, text.Reveal(), api.PathDashboard, int(signin.SessionFor.Seconds()))
	http.Redirect(w, req, api.PathDashboard, http.StatusSeeOther)
	return nil
}

func (s *Server) leaveDashboard(w http.ResponseWriter, req *http.Request) error {
	caller, err := s.visitor(req)
	switch {
	case pullpass.IsKind(err, pullpass.Unauthenticated): // the session has ended already
	case err != nil:
		return err
	default:
		if _, err := s.endSession(req.Context(), caller, nil); err != nil {
			return err
		}
	}
	s.setCookie(w, sessionCookie, "", api.PathDashboard, -1)
	http.Redirect(w, req, api.PathDashboard, http.StatusSeeOther)
	return nil
}
