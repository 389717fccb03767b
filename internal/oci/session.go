package oci

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/reference"
)

// Session is one image's registry, opened with one credential.
type Session struct {
	client        *Client
	on            subject
	image         reference.Image
	credential    pullpass.Credential
	authorization pullpass.Secret // the whole header value
	auth          EngineAuth
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
func (c *Client) Open(ctx context.Context, image reference.Image, cred pullpass.Credential) (*Session, error) {
	host, err := c.hosts.Parse(image.Host)
	if err != nil {
		return nil, err
	}
	if cred.Host != "" && cred.Host != host.Name {
		return nil, &pullpass.Error{Kind: pullpass.Internal, Code: "credential_misdirected", What: "cannot pull " + image.String(),
			Cause: "the credential belongs to another registry"}
	}
	if !headerText(cred.Username) {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot pull " + image.String(), Cause: "the user name has characters that cannot be sent"}
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
	return s, s.login(ctx, ch)
}

func (s *Session) login(ctx context.Context, ch Challenge) error {
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

// EngineAuth returns what the engine may have for this image.
func (s *Session) EngineAuth() EngineAuth { return s.auth }

// Check asks the registry's front door with the session's authorization: a
// mangled password, or one from another region, shows here.
func (s *Session) Check(ctx context.Context) error {
	resp, err := s.fetch(ctx, s.client.http, s.on.host.URL()+"/v2/", "")
	if err != nil {
		return wrap(s.on.what, err)
	}
	drain(resp)
	return nil
}

const maxRedirects = 5

// fetch gets an address of the registry. It follows redirects itself: the
// authorization goes to the registry's own origin only, and once a redirect has
// left that origin it is not sent again, not even when the next one leads back,
// because by then another host chooses the path.
func (s *Session) fetch(ctx context.Context, client *egress.Client, address, accept string) (*http.Response, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	authorization := s.authorization
	for range maxRedirects + 1 {
		if originOf(at) != s.on.origin() {
			authorization = pullpass.Secret{}
		}
		resp, err := s.client.get(ctx, client, at.String(), authorization, accept)
		if err != nil {
			return nil, err
		}
		switch resp.StatusCode {
		case http.StatusOK:
			return resp, nil
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			next, err := redirect(at, resp.Header.Get("Location"))
			drain(resp)
			if err != nil {
				return nil, err
			}
			at = next
			continue
		}
		defer drain(resp)
		on := s.on
		on.away = originOf(at) != s.on.origin()
		return nil, explain(on, resp)
	}
	return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "redirects", Cause: "the registry redirects in a circle"}
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
