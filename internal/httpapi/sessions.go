package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/signin"
)

// sessionRoutes are what a command line asks while a person signs in, with what
// only it knows as proof; the browser's half is in signin_pages.go.
func (s *Server) sessionRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathSignInDevice, id: "begin-device", within: upstreamWithin, tag: "people", permission: public, status: http.StatusCreated,
		summary: "Begin to sign in without a browser", description: "The person types user_code at verification_uri, on any machine (RFC 8628)."}, s.beginDevice)
	add(s, route{method: http.MethodPost, path: api.PathSignInSession, id: "create-session", within: upstreamWithin, tag: "people", permission: public,
		summary: "Redeem a sign-in", description: "Once. The session lives 12 hours, or until it is ended, its token deleted or its member deleted."}, s.createSession)
	add(s, route{method: http.MethodDelete, path: api.PathSession, id: "end-session", tag: "people", permission: access.SessionEnd,
		summary: "Sign out", description: "Ends the session that the request came with."}, s.endSession)
}

const deviceInterval = 2 * time.Second

// signInLimits are how often the steps of a sign-in may be taken, each by itself:
// whoever floods one of them does not stop the others, nor other addresses.
type signInLimits struct{ begin, typed, redeem *limit }

func newSignInLimits() signInLimits {
	return signInLimits{
		begin: newLimit(1, 30, 50, 500),
		// A code of 34 bits that lives ten minutes cannot be guessed at this rate.
		typed:  newLimit(0.5, 10, 20, 100),
		redeem: newLimit(20, 100, 0, 0),
	}
}

func errSignInOff() error {
	return &pullpass.Error{Kind: pullpass.Conflict, Code: "sign_in_off", What: "cannot sign in",
		Cause: "this server is not configured with an OpenID provider", Hint: "use an API token, or let its operator set --oidc-issuer"}
}

// maySignIn bounds how fast a step of a sign-in is taken, on this server.
func (s *Server) maySignIn(step *limit, address string) error {
	switch {
	case s.signIn == nil:
		return errSignInOff()
	case !step.allow(address, s.now()):
		return &pullpass.Error{Kind: pullpass.Limited, Code: "too_many_sign_ins", What: "cannot sign in", Cause: "too many sign-ins come from this address at once", Hint: "try again"}
	}
	return nil
}

func (s *Server) beginDevice(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewDevice }) (*body[api.Device], error) {
	if err := s.maySignIn(s.signIns.begin, c.Address); err != nil {
		return nil, err
	}
	if !wishable(in.Body.Organization) || !wishable(in.Body.Project) {
		return nil, signin.Refusal("not_a_member")
	}
	device, typed := signin.NewText(), signin.NewUserCode()
	a := signin.Attempt{ID: signin.NewText(), Device: signin.HashOf(device), UserCode: signin.HashOf(typed),
		WishOrganization: in.Body.Organization, WishProject: in.Body.Project, Address: c.Address, ExpiresAt: s.now().Add(signin.AttemptFor)}
	if err := s.store.CreateAttempt(ctx, a); err != nil {
		return nil, err
	}
	return answer(api.Device{DeviceCode: api.NewSecret(pullpass.NewSecret(device)), UserCode: typed, VerificationURI: s.signIn.Server() + api.PathDevice,
		Interval: int(deviceInterval / time.Second), ExpiresAt: a.ExpiresAt.UTC()}), nil
}

// wishable is what can name an organization or a project, or nothing.
func wishable(name string) bool { return name == "" || pullpass.ValidName(name) }

func (s *Server) createSession(ctx context.Context, c pullpass.Caller, in *struct{ Body api.SignIn }) (*body[api.SignedIn], error) {
	if err := s.maySignIn(s.signIns.redeem, c.Address); err != nil {
		return nil, err
	}
	a, pending, err := s.redeem(ctx, in.Body)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return nil, errUnauthenticated("the sign-in is not known here, has been used, or took too long", "begin again: pullpass login SERVER --browser")
	case err != nil:
		return nil, err
	case pending:
		return answer(api.SignedIn{Pending: true}), nil
	case a.Refusal != "":
		return nil, signin.Refusal(a.Refusal)
	}
	return s.openSession(ctx, c, a)
}

// redeem takes what a sign-in gave. A code with another verifier is used up, too:
// somebody else has it.
func (s *Server) redeem(ctx context.Context, w api.SignIn) (a signin.Attempt, pending bool, err error) {
	code, verifier, device := w.Code.Secret().Reveal(), w.Verifier.Secret().Reveal(), w.DeviceCode.Secret().Reveal()
	if device != "" {
		return s.store.RedeemDevice(ctx, signin.HashOf(device))
	}
	a, err = s.store.RedeemCode(ctx, signin.HashOf(code))
	if err == nil && !signin.Proves(verifier, a.Challenge) {
		err = noSuch("sign-in")
	}
	return a, false, err
}

func (s *Server) openSession(ctx context.Context, c pullpass.Caller, a signin.Attempt) (*body[api.SignedIn], error) {
	m, err := s.store.Member(ctx, a.Organization, a.Member)
	if err != nil {
		return nil, err
	}
	method := "loopback"
	if a.Device != "" {
		method = "device"
	}
	text, token, err := s.newSession(ctx, c.Address, m, method)
	if err != nil {
		return nil, err
	}
	return answer(api.SignedIn{Token: api.NewSecret(text), ExpiresAt: token.ExpiresAt.UTC()}), nil
}

// newSession begins a member's session: recorded, then made.
func (s *Server) newSession(ctx context.Context, from string, m pullpass.Member, method string) (pullpass.Secret, pullpass.Token, error) {
	user, err := s.store.User(ctx, m.User)
	if err != nil {
		return pullpass.Secret{}, pullpass.Token{}, err
	}
	text, token := s.newToken(pullpass.Token{Kind: pullpass.TokenSession, Name: user.Email})
	token.ExpiresAt = s.now().Add(signin.SessionFor)
	who := pullpass.Caller{Kind: pullpass.CallerUser, Organization: m.Organization, ID: string(user.ID), Name: user.Email,
		Role: m.Role, Project: m.Project, Address: from}
	e := pullpass.Event{Action: "user.sign_in", Project: m.Project, Target: string(token.ID),
		Detail: map[string]string{"issuer": user.Issuer, "member": string(m.ID), "role": string(m.Role), "method": method}}
	err = s.deed(ctx, who, e, func(ctx context.Context) error {
		_, err := s.store.CreateSession(ctx, m.Organization, m.ID, token)
		return err
	})
	return text, token, err
}

func (s *Server) endSession(ctx context.Context, c pullpass.Caller, _ *struct{}) (*none, error) {
	x := exchangeOf(ctx)
	if x == nil {
		return nil, errUnknownToken()
	}
	return nil, s.deed(ctx, c, pullpass.Event{Action: "user.sign_out", Project: c.Project, Target: string(x.token)}, func(ctx context.Context) error {
		return s.store.DeleteToken(ctx, c.Organization, x.token)
	})
}
