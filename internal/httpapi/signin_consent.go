package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/signin"
)

// consent is the question whether a command line that asks is the person's own.
// Without it whoever makes somebody follow a link would act in their name
// (RFC 8252, 8.6).
type consent struct {
	Action string       // where the answer goes
	Hidden []consentKey // what it needs to go on
	Facts  []consentKey
	Word   string
}

type consentKey struct{ Name, Value string }

// asksLoopback shows who asks; nothing is kept yet.
func (s *Server) asksLoopback(w http.ResponseWriter, req *http.Request) error {
	if s.signIn == nil {
		return errSignInOff()
	}
	q := req.URL.Query()
	a, err := s.loopbackAttempt(q)
	if err != nil {
		return err
	}
	c := &consent{Action: api.PathSignIn, Word: signin.Word(a.Challenge)}
	for _, name := range loopbackFields {
		c.Hidden = append(c.Hidden, consentKey{name, q.Get(name)})
	}
	at := strings.TrimPrefix(a.Redirect, "http://")
	at, _, _ = strings.Cut(at, "/")
	c.Facts = []consentKey{{"asks", "a program on this computer"}, {"waits at", at}}
	c.Facts = append(c.Facts, wishes(a)...)
	return show(w, http.StatusOK, signInPage{Title: "Did you run pullpass login?", Consent: c})
}

// loopbackFields are the parameters of the link that a command line makes.
var loopbackFields = []string{"redirect_uri", "state", "code_challenge", "code_challenge_method", "organization", "project"}

// loopbackAttempt reads such a link.
func (s *Server) loopbackAttempt(q url.Values) (signin.Attempt, error) {
	redirect, err := signin.Loopback(q.Get("redirect_uri"))
	if err != nil {
		return signin.Attempt{}, err
	}
	a := signin.Attempt{ID: signin.NewText(), Redirect: redirect, ClientState: q.Get("state"), Challenge: q.Get("code_challenge"),
		WishOrganization: q.Get("organization"), WishProject: q.Get("project"), ExpiresAt: s.now().Add(signin.AttemptFor)}
	if !signin.ValidVerifier(a.ClientState) || !signin.ValidChallenge(a.Challenge) || q.Get("code_challenge_method") != "S256" {
		return signin.Attempt{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "pkce_missing", What: "cannot sign in",
			Cause: "the link lacks the state or the S256 challenge of the command line that made it", Hint: "begin again: pullpass login SERVER --browser"}
	}
	if !wishable(a.WishOrganization) || !wishable(a.WishProject) {
		return signin.Attempt{}, signin.Refusal("not_a_member")
	}
	return a, nil
}

// beginLoopback sends a person who has said yes to the provider, for a command
// line that listens on this person's machine.
func (s *Server) beginLoopback(w http.ResponseWriter, req *http.Request) error {
	if err := s.maySignIn(s.signIns.begin, address(req)); err != nil {
		return err
	}
	req.Body = http.MaxBytesReader(w, req.Body, maxForm)
	if err := req.ParseForm(); err != nil {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot sign in", Cause: "the form cannot be read"}
	}
	a, err := s.loopbackAttempt(req.PostForm)
	if err != nil {
		return err
	}
	return s.send(w, req, func(ctx context.Context, state, browser signin.Hash) error {
		a.State, a.Browser = state, browser
		return s.store.CreateAttempt(ctx, a)
	})
}

const maxForm = 4 << 10

// typed takes the code of a device. It first shows who asks, and sends the person
// to the provider once they have said yes.
func (s *Server) typed(w http.ResponseWriter, req *http.Request) error {
	if err := s.maySignIn(s.signIns.typed, address(req)); err != nil {
		return err
	}
	req.Body = http.MaxBytesReader(w, req.Body, maxForm)
	code, ok := signin.CleanUserCode(req.PostFormValue("code"))
	again := signInPage{Title: "Sign in", Text: []string{"This code is not known, or too old. Look at it again, or begin again on the machine that shows it."}, Form: true}
	if !ok {
		return show(w, http.StatusNotFound, again)
	}
	err := s.typedCode(w, req, code)
	if pullpass.IsKind(err, pullpass.NotFound) {
		return show(w, http.StatusNotFound, again)
	}
	return err
}

func (s *Server) typedCode(w http.ResponseWriter, req *http.Request, code string) error {
	a, err := s.store.TypedAttempt(req.Context(), signin.HashOf(code))
	if err != nil {
		return err
	}
	word := signin.Word(string(a.Device))
	if req.PostFormValue("word") != word {
		c := &consent{Action: api.PathDevice, Word: word, Hidden: []consentKey{{"code", code}, {"word", word}}}
		c.Facts = []consentKey{{"asks", "a program at the address " + a.Address},
			{"began", a.ExpiresAt.Add(-signin.AttemptFor).UTC().Format(time.RFC3339)}, {"this browser's address", address(req)}}
		c.Facts = append(c.Facts, wishes(a)...)
		return show(w, http.StatusOK, signInPage{Title: "Did you run pullpass login?", Consent: c})
	}
	return s.send(w, req, func(ctx context.Context, state, browser signin.Hash) error {
		_, err := s.store.SendAttempt(ctx, signin.HashOf(code), state, browser)
		return err
	})
}

func wishes(a signin.Attempt) (facts []consentKey) {
	if a.WishOrganization != "" {
		facts = append(facts, consentKey{"organization", a.WishOrganization})
	}
	if a.WishProject != "" {
		facts = append(facts, consentKey{"project", a.WishProject})
	}
	return facts
}
