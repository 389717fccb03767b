package oci

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/printable"
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
func (s *Session) fetchWith(
	ctx context.Context,
	client *egress.Client,
	address, accept string,
	authorization pullpass.Secret,
) (*http.Response, error) {
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
	return reply{}, &pullpass.Error{
		Kind:  pullpass.Unavailable,
		Code:  "redirects",
		Cause: "the registry redirects in a circle",
	}
}

// choose gets the image of an index for the client's platform.
func (s *Session) choose(ctx context.Context, d Document) (Document, error) {
	candidates, err := s.candidates(ctx, d, maxIndexDepth)
	if err != nil {
		return Document{}, err
	}
	for _, want := range s.client.platform.accepts() {
		for _, c := range candidates {
			if c.platform.normal() == want {
				return s.Manifest(ctx, c.at.Digest)
			}
		}
	}
	var have []string
	for _, c := range candidates {
		if name := printable.Line(c.platform.String(), maxShown); !slices.Contains(have, name) && len(have) < 12 {
			have = append(have, name)
		}
	}
	return Document{}, &pullpass.Error{Kind: pullpass.NotFound, Code: "platform_missing", What: s.on.what,
		Cause: "the image has no entry for " + s.client.platform.String() + "; it has " + orElse(
			strings.Join(have, ", "),
			"no image at all",
		),
		Hint: "build it for that platform, too: docker buildx build --platform " + s.client.platform.String()}
}

// candidates lists the images of an index and of the indexes that it names.
func (s *Session) candidates(ctx context.Context, d Document, depth int) ([]candidate, error) {
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if json.Unmarshal(d.Raw, &index) != nil || len(index.Manifests) > maxIndexEntries {
		return nil, s.corrupt("the image index cannot be read")
	}
	var all []candidate
	for _, m := range index.Manifests {
		if newHash(m.Digest) == nil {
			return nil, s.corrupt("the image index names an image without a usable digest")
		}
		switch {
		case m.Notes["vnd.docker.reference.type"] != "": // an attestation of an image beside it
		case m.MediaType.IsIndex():
			if depth == 0 {
				return nil, s.corrupt("the image index leads to one index after another")
			}
			inner, err := s.Manifest(ctx, m.Digest)
			if err != nil {
				return nil, err
			}
			more, err := s.candidates(ctx, inner, depth-1)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		case m.MediaType.IsImage():
			c, err := s.candidate(ctx, m)
			if err != nil {
				return nil, err
			}
			all = append(all, c...)
		}
		if len(all) > maxIndexEntries {
			return nil, s.corrupt("the image index names too many images")
		}
	}
	return all, nil
}

// candidate reads the platform of one entry. It is optional in an index; the
// image's own configuration has it then.
func (s *Session) candidate(ctx context.Context, m descriptor) ([]candidate, error) {
	if m.Platform != nil {
		if !m.Platform.known() {
			return nil, nil
		}
		return []candidate{{m, *m.Platform}}, nil
	}
	d, err := s.Manifest(ctx, m.Digest)
	if err != nil {
		return nil, err
	}
	inner, err := s.readManifest(d)
	if err != nil {
		return nil, err
	}
	if !inner.Config.MediaType.IsConfig() || inner.Config.Size > maxConfig {
		return nil, nil // an artifact, which no platform runs
	}
	p, err := s.platformOf(ctx, inner.Config)
	if err != nil || !p.known() {
		return nil, err
	}
	return []candidate{{m, p}}, nil
}

func (s *Session) platformOf(ctx context.Context, config descriptor) (platform, error) {
	body, err := s.Blob(ctx, config.Digest, config.Size)
	if err != nil {
		return platform{}, err
	}
	defer func() { _ = body.Close() }() // it was read to its end, or the error is known
	raw, err := io.ReadAll(body)
	if err != nil {
		return platform{}, wrap(s.on.what, err)
	}
	var p platform
	if json.Unmarshal(raw, &p) != nil {
		return platform{}, s.corrupt("the image's configuration cannot be read")
	}
	return p, nil
}

// Parts gets the image's manifest, for a look at each part on its own.
func (s *Session) Parts(ctx context.Context) (Parts, error) {
	top, err := s.Manifest(ctx, s.image.Reference())
	if err != nil {
		return Parts{}, err
	}
	d, m, err := s.imageOf(ctx, top)
	if err != nil {
		return Parts{}, err
	}
	p := Parts{
		Digest: d.Digest, MediaType: top.MediaType, Platform: s.client.platform.String(),
		Config: Part{m.Config.Digest, m.Config.Size}, Layers: make([]Part, len(m.Layers)),
	}
	for i, l := range m.Layers {
		p.Layers[i] = Part{l.Digest, l.Size}
	}
	return p, nil
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
