package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/signin"
)

const browserCookie = "pullpass_sign_in"

// signInPages are what a browser sees of a sign-in for a command line. They set no
// session: what the person gets is handed to the command line that waits.
func (s *Server) signInPages() {
	s.mux.HandleFunc("GET "+api.PathSignIn, s.page(s.asksLoopback))
	s.mux.HandleFunc("GET "+api.PathSignInCallback, s.page(s.returned))
	s.mux.HandleFunc("GET "+api.PathDevice, s.page(func(w http.ResponseWriter, _ *http.Request) error {
		if s.signIn == nil {
			return errSignInOff()
		}
		return show(w, http.StatusOK, signInPage{Title: "Sign in", Form: true})
	}))
	// Another site's form would sign its own command line in as the visitor.
	ownSite := http.NewCrossOriginProtection()
	s.mux.Handle("POST "+api.PathSignIn, ownSite.Handler(s.page(s.beginLoopback)))
	s.mux.Handle("POST "+api.PathDevice, ownSite.Handler(s.page(s.typed)))
}

// page answers errors as a page.
func (s *Server) page(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "no-referrer")
		if err := h(w, req); err != nil {
			p := s.problemOf(req.Context(), err)
			_ = show(w, p.Status, signInPage{Title: "Not signed in", Text: []string{p.Detail, p.Cause, p.Hint}})
		}
	}
}

// send keeps what is needed to know the answer again and goes to the provider.
func (s *Server) send(w http.ResponseWriter, req *http.Request, keep func(ctx context.Context, state, browser signin.Hash) error) error {
	state, browser := signin.NewText(), signin.NewBrowser()
	target, err := s.signIn.AuthorizationURL(req.Context(), state, browser)
	if err != nil {
		return err
	}
	if err := keep(req.Context(), signin.HashOf(state), browser.Hash()); err != nil {
		return err
	}
	s.setCookie(w, browserCookie, browser.Cookie().Reveal(), api.PathSignIn, int(signin.AttemptFor.Seconds()))
	http.Redirect(w, req, target, http.StatusSeeOther)
	return nil
}

// returned takes the person back from the provider.
func (s *Server) returned(w http.ResponseWriter, req *http.Request) error {
	if s.signIn == nil {
		return errSignInOff()
	}
	a, browser, err := s.known(req)
	if err != nil {
		return err
	}
	s.setCookie(w, browserCookie, "", api.PathSignIn, -1)
	m, err := s.person(req, a, browser)
	if err != nil {
		return s.refusePerson(w, req, a, err)
	}
	if a.Redirect == api.PathDashboard {
		return s.enterDashboard(w, req, m)
	}
	if a.Redirect == "" {
		if err := s.store.FinishAttempt(req.Context(), a.ID, m, "", a.ExpiresAt); err != nil {
			return err
		}
		return show(w, http.StatusOK, signInPage{Title: "Signed in", Text: []string{"Go back to the machine that showed the code."}})
	}
	code := signin.NewText()
	if err := s.store.FinishAttempt(req.Context(), a.ID, m, signin.HashOf(code), s.now().Add(signin.CodeFor)); err != nil {
		return err
	}
	goBack(w, req, a, "code", code)
	return nil
}

// known finds the sign-in that an answer belongs to: by its state, which counts
// once, and only for the browser that began it.
func (s *Server) known(req *http.Request) (signin.Attempt, signin.Browser, error) {
	unknown := errUnauthenticated("this answer belongs to no sign-in that this browser has begun, or was used already", "begin again: pullpass login SERVER --browser")
	cookie, ok := s.readCookie(req, browserCookie)
	if !ok {
		return signin.Attempt{}, signin.Browser{}, unknown
	}
	browser, ok := signin.ParseBrowser(cookie)
	state := req.URL.Query()["state"]
	if !ok || len(state) != 1 || !signin.ValidVerifier(state[0]) {
		return signin.Attempt{}, signin.Browser{}, unknown
	}
	a, err := s.store.TakeAttempt(req.Context(), signin.HashOf(state[0]), browser.Hash())
	if pullpass.IsKind(err, pullpass.NotFound) {
		err = unknown
	}
	return a, browser, err
}

// person has the provider prove who it is, and finds the membership.
func (s *Server) person(req *http.Request, a signin.Attempt, b signin.Browser) (pullpass.Member, error) {
	q := req.URL.Query()
	if q.Get("error") != "" || q.Get("code") == "" {
		return pullpass.Member{}, signin.Refusal("provider_refused")
	}
	person, err := s.signIn.Person(req.Context(), signin.Answer{Code: q.Get("code"), Issuer: q.Get("iss")}, b)
	if err != nil {
		return pullpass.Member{}, err
	}
	_, members, err := s.store.SignIn(req.Context(), pullpass.User{Issuer: person.Issuer, Subject: person.Subject, Email: person.Email, Name: person.Name})
	if err != nil {
		return pullpass.Member{}, err
	}
	return s.choose(req.Context(), members, a)
}

// choose picks the membership that the command line asked for: the one there is,
// or that of the whole organization before those of projects.
func (s *Server) choose(ctx context.Context, members []pullpass.Member, a signin.Attempt) (pullpass.Member, error) {
	var whole, part []pullpass.Member
	for _, m := range members {
		fits, err := s.fits(ctx, m, a)
		switch {
		case err != nil:
			return pullpass.Member{}, err
		case fits && m.Project == "":
			whole = append(whole, m)
		case fits:
			part = append(part, m)
		}
	}
	if len(whole) == 0 {
		whole = part
	}
	switch len(whole) {
	case 0:
		return pullpass.Member{}, signin.Refusal("not_a_member")
	case 1:
		return whole[0], nil
	}
	return pullpass.Member{}, signin.Refusal("member_ambiguous")
}

func (s *Server) fits(ctx context.Context, m pullpass.Member, a signin.Attempt) (bool, error) {
	if a.WishOrganization != "" && a.WishOrganization != string(m.Organization) {
		org, err := s.store.Organization(ctx, m.Organization)
		if err != nil || org.Name != a.WishOrganization {
			return false, err
		}
	}
	if a.WishProject == "" || a.WishProject == string(m.Project) {
		return true, nil
	}
	if m.Project == "" {
		return false, nil
	}
	project, err := s.store.Project(ctx, m.Organization, m.Project)
	return err == nil && project.Name == a.WishProject, err
}

// refusePerson tells the person, the log, and the command line that waits. There
// is no organization yet in whose audit record it could stand.
func (s *Server) refusePerson(w http.ResponseWriter, req *http.Request, a signin.Attempt, err error) error {
	code := "provider_unavailable"
	if pullpass.IsKind(err, pullpass.Denied) {
		code = reason(err)
	}
	attributes := []slog.Attr{slog.String("reason", code), slog.String("address", address(req))}
	var known *pullpass.Error
	if errors.As(err, &known) && known.Err != nil {
		attributes = append(attributes, slog.String("error", known.Err.Error()))
	}
	s.log.LogAttrs(req.Context(), slog.LevelWarn, "sign-in refused", attributes...)
	if noted := s.store.RefuseAttempt(req.Context(), a.ID, code); noted != nil {
		return errors.Join(err, noted)
	}
	if a.Redirect == "" || a.Redirect == api.PathDashboard {
		return err
	}
	goBack(w, req, a, "error", code)
	return nil
}

// goBack sends the browser to the command line's own address.
func goBack(w http.ResponseWriter, req *http.Request, a signin.Attempt, name, value string) {
	query := url.Values{name: {value}, "state": {a.ClientState}}
	http.Redirect(w, req, a.Redirect+"?"+query.Encode(), http.StatusSeeOther)
}
