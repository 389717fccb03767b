package oci

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/reference"
)

// Session is one image's registry, opened with one credential.
type Session struct {
	client     *Client
	image      reference.Image
	credential pullpass.Credential

	mu            sync.Mutex // layers are fetched in parallel, and any answer may ask for a login
	on            subject
	authorization pullpass.Secret // the whole header value
	auth          EngineAuth
	asked         Challenge // what the login answered; zero: nothing asked yet
	again         bool      // a resource's own challenge was answered: it is answered once
}

// EngineAuth is what an engine gets for one pull: a user name and password
// where the registry takes nothing else, a token for the one repository where
// it does, or nothing.
type EngineAuth struct {
	ServerAddress string
	Username      string
	Password      pullpass.Secret
	RegistryToken pullpass.Secret
}

// Open logs in for pulling image. An empty credential asks anonymously.
//
// Most registries ask for a login at /v2/. Some leave that door open and ask at
// the repository (zot with anonymous access, Artifactory, keppel); the session
// then answers when it is asked.
func (c *Client) Open(ctx context.Context, image reference.Image, cred pullpass.Credential) (*Session, error) {
	host, err := c.hosts.Parse(image.Host)
	if err != nil {
		return nil, err
	}
	if cred.Host != "" && cred.Host != host.Name {
		return nil, &pullpass.Error{Kind: pullpass.Internal, Code: "credential_misdirected", What: "cannot pull " + image.String(),
			Cause: "the credential belongs to another registry"}
	}
	if strings.Contains(cred.Username, ":") {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "login_refused", What: "cannot pull " + image.String(),
			Cause: "the user name has a colon, which ends a user name in a login",
			Hint:  "store the login again, the user name without its password: pullpass registry update NAME --username NAME"}
	}
	s := &Session{client: c, image: image, credential: cred,
		on: subject{what: "cannot pull " + image.String(), host: host, image: image, credential: cred}}
	s.auth.ServerAddress = host.ConfigKey()
	ch := Challenge{Scheme: schemeBasic}
	if host.Kind != reference.KindECR { // ECR is known to take Basic: one round trip less
		if ch, err = c.ping(ctx, host); err != nil {
			return nil, wrap(s.on.what, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.login(ctx, ch)
}

// login answers a challenge. The caller holds mu.
func (s *Session) login(ctx context.Context, ch Challenge) error {
	s.asked = ch
	switch ch.Scheme {
	case schemeBasic:
		if s.credential.Secret.Empty() {
			return nil // the registry's refusal will say so
		}
		s.authorization = basic(s.credential)
		s.auth.Username, s.auth.Password = s.credential.Username, s.credential.Secret
	case schemeBearer:
		token, err := s.client.exchange(ctx, s.on, ch, s.credential, "repository:"+s.image.Repository+":pull")
		if err != nil {
			return err
		}
		s.authorization = pullpass.NewSecret("Bearer " + token.Reveal())
		s.auth.RegistryToken = token
		s.on.token = token
	}
	return nil
}

// answer logs in as the refusal of one request asks, unless that was done before or
// would only repeat what was refused. It reports whether the request may be tried again.
func (s *Session) answer(ctx context.Context, resp *http.Response, sent pullpass.Secret) (bool, error) {
	ch, ok := chooseChallenge(resp.Header.Values("WWW-Authenticate"))
	if resp.StatusCode != http.StatusUnauthorized || !ok {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.authorization.Reveal() != sent.Reveal():
		return true, nil // another request of this session logged in meanwhile
	case s.again || ch == s.asked, ch.Scheme == schemeBasic && s.credential.Secret.Empty():
		return false, nil
	}
	s.again = true
	if err := s.login(ctx, ch); err != nil {
		return false, err
	}
	return true, nil
}

// EngineAuth returns what the engine may have for this image.
func (s *Session) EngineAuth() EngineAuth {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.auth
}

// Login tells whether the registry has asked for a login so far, and whether its
// token service took the credential. A password that goes with each request (Basic)
// is not known to be right before a request was answered.
func (s *Session) Login() (asked, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked.Scheme != "", s.asked.Scheme == schemeBearer
}

// Check asks the registry's front door with the session's authorization: a
// mangled password, or one from another region, shows here. Where the door is open
// to everybody, the password is shown to it all the same, because some registries
// refuse a wrong one even there.
func (s *Session) Check(ctx context.Context) error {
	s.mu.Lock()
	authorization := s.authorization
	s.mu.Unlock()
	if authorization.Empty() && !s.credential.Secret.Empty() {
		authorization = basic(s.credential)
	}
	resp, err := s.fetchWith(ctx, s.client.http, s.on.host.URL()+"/v2/", "", authorization)
	if err != nil {
		return wrap(s.on.what, atFrontDoor(err))
	}
	drain(resp)
	return nil
}

const maxRedirects = 5

// fetch gets an address of the registry with the session's login, and logs in
// once where the answer asks for it.
func (s *Session) fetch(ctx context.Context, client *egress.Client, address, accept string) (*http.Response, error) {
	for {
		s.mu.Lock()
		sent := s.authorization
		s.mu.Unlock()
		resp, err := s.follow(ctx, client, address, accept, sent)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusOK {
			return resp.Response, nil
		}
		if !resp.away {
			again, err := s.answer(ctx, resp.Response, sent)
			if err != nil {
				drain(resp.Response)
				return nil, err
			}
			if again {
				drain(resp.Response)
				continue
			}
		}
		return nil, s.explain(resp)
	}
}

// fetchWith gets an address with this authorization and answers no challenge.
func (s *Session) fetchWith(ctx context.Context, client *egress.Client, address, accept string, authorization pullpass.Secret) (*http.Response, error) {
	resp, err := s.follow(ctx, client, address, accept, authorization)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Response, nil
	}
	return nil, s.explain(resp)
}

// explain turns a refusal into an error, and ends its body.
func (s *Session) explain(resp reply) error {
	defer drain(resp.Response)
	s.mu.Lock()
	on := s.on
	s.mu.Unlock()
	on.away = resp.away
	return explain(on, resp.Response)
}

// reply is an answer, and whether it came from where the registry redirected to.
type reply struct {
	*http.Response

	away bool
}

// follow gets an address and follows redirects itself: the authorization goes to
// the registry's own origin only, and once a redirect has left that origin it is
// not sent again, not even when the next one leads back, because by then another
// host chooses the path.
func (s *Session) follow(
	ctx context.Context, client *egress.Client, address, accept string, authorization pullpass.Secret,
) (reply, error) {
	at, err := url.Parse(address)
	if err != nil {
		return reply{}, err
	}
	for range maxRedirects + 1 {
		if originOf(at) != s.on.origin() {
			authorization = pullpass.Secret{}
		}
		resp, err := s.client.get(ctx, client, at.String(), authorization, accept)
		if err != nil {
			return reply{}, err
		}
		if !redirects(resp) {
			return reply{resp, originOf(at) != s.on.origin()}, nil
		}
		next, err := redirect(at, resp.Header.Get("Location"))
		drain(resp)
		if err != nil {
			return reply{}, err
		}
		at = next
	}
	return reply{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "redirects", Cause: "the registry redirects in a circle"}
}

func redirects(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirect reads a Location, without showing it: it may be presigned.
func redirect(from *url.URL, location string) (*url.URL, error) {
	bad := func(cause string) error {
		return &pullpass.Error{Kind: pullpass.Unavailable, Code: "redirect_refused", Cause: cause,
			Hint: "check that the host is the registry that you mean"}
	}
	if location == "" {
		return nil, bad("the registry redirects nowhere")
	}
	to, err := from.Parse(location)
	switch {
	case err != nil || to.Host == "" || to.User != nil || (to.Scheme != "https" && to.Scheme != "http"):
		return nil, bad("the registry redirects to an address that cannot be used")
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, bad("the registry redirects from https to http")
	}
	to.Fragment = ""
	return to, nil
}
