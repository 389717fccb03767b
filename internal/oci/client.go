package oci

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/reference"
)

// Options configure a Client.
type Options struct {
	Egress    *egress.Client
	Hosts     *reference.Hosts // nil: the grammar alone
	Platform  string           // "linux/amd64"; default linux on this machine's architecture
	UserAgent string
}

const (
	maxManifest = 4 << 20 // the distribution specification's own limit
	maxBlob     = 64 << 30
	blobTime    = time.Hour
)

// Client talks to any number of registries.
type Client struct {
	http     *egress.Client
	blobs    *egress.Client
	hosts    *reference.Hosts
	platform platform
	agent    string
}

// New returns a client.
func New(o Options) (*Client, error) {
	p, err := parsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	c := &Client{
		http:     o.Egress.With(egress.Limits{Body: maxManifest}),
		blobs:    o.Egress.With(egress.Limits{Body: maxBlob, Total: blobTime}),
		hosts:    o.Hosts,
		agent:    o.UserAgent,
		platform: p,
	}
	if c.agent == "" {
		c.agent = "pullpass"
	}
	return c, nil
}

// Parse reads an image reference; the host must be one that Hosts knows or the
// grammar accepts.
func (c *Client) Parse(s string) (reference.Image, error) {
	img, err := reference.ParseImage(s)
	if err != nil {
		return reference.Image{}, err
	}
	_, err = c.hosts.Parse(img.Host)
	return img, err
}

// Ping asks a registry how it wants to be asked. A registry that wants nothing
// answers with the zero Challenge.
func (c *Client) Ping(ctx context.Context, host string) (Challenge, error) {
	h, err := c.hosts.Parse(host)
	if err != nil {
		return Challenge{}, err
	}
	return c.ping(ctx, h)
}

func (c *Client) ping(ctx context.Context, h reference.Host) (Challenge, error) {
	what := "cannot reach the registry " + h.Name
	at := h.URL() + "/v2/"
	resp, err := c.frontDoor(ctx, at)
	if err != nil {
		return Challenge{}, c.spoken(h, wrap(what, err))
	}
	defer drain(resp)
	switch resp.StatusCode {
	case http.StatusOK:
		return Challenge{}, nil
	case http.StatusUnauthorized:
		ch, ok := chooseChallenge(resp.Header.Values("WWW-Authenticate"))
		if !ok {
			return Challenge{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "challenge_unknown",
				What: "cannot log in to the registry " + h.Name, Cause: "it asks neither for a password (Basic) nor for a token (Bearer)",
				Hint: "check that the host is a registry of the OCI distribution protocol"}
		}
		return ch, nil
	}
	return Challenge{}, atFrontDoor(explain(subject{what: what, host: h}, resp))
}

// spoken adds to the error of a port that speaks plain http the mapping that says so.
func (c *Client) spoken(h reference.Host, err error) error {
	var e *pullpass.Error
	if errors.As(err, &e) && e.Code == pullpass.CodeTLSNotSpoken {
		e.Hint = "use the registry's https port; or, if plain http is meant, map it on the server and its runners: --host " + c.hosts.OverHTTP(
			h,
		)
	}
	return err
}

// frontDoor asks at /v2/ and follows one redirect, if it stays at the registry: a
// slash that was missing. Another host is named and not asked, because the login that
// was stored is for this one.
func (c *Client) frontDoor(ctx context.Context, address string) (*http.Response, error) {
	resp, err := c.get(ctx, c.http, address, pullpass.Secret{}, "")
	if err != nil || !redirects(resp) {
		return resp, err
	}
	defer drain(resp)
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	next, err := redirect(at, resp.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	if originOf(next) != originOf(at) {
		host := printable.Line(next.Host, maxShown)
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "redirect_refused",
			Cause: "the registry's front door, /v2/, redirects to " + host + "; a login for one host is not taken to another",
			Hint:  "if that is the registry, use its name: pullpass registry add NAME --host " + host}
	}
	return c.get(ctx, c.http, next.String(), pullpass.Secret{}, "")
}

// atFrontDoor corrects what an answer to /v2/ cannot mean: no manifest is asked for
// there, so a 404 is not a missing one.
func atFrontDoor(err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != pullpass.CodeManifestUnknown {
		return err
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "registry_answer", What: e.What,
		Cause: "there is nothing at /v2/: what answers at this address is not a registry",
		Hint:  "check the host: the registry's own host may have another name or port than its web pages"}
}

// get makes one request and follows nothing.
func (c *Client) get(
	ctx context.Context,
	client *egress.Client,
	address string,
	authorization pullpass.Secret,
	accept string,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "address_unusable",
			Cause: "the registry names an address that cannot be read",
		}
	}
	req.Header.Set("User-Agent", c.agent)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if !authorization.Empty() {
		req.Header.Set("Authorization", authorization.Reveal())
	}
	return client.Do(req)
}

// exchange gets a bearer token for one repository.
func (c *Client) exchange(
	ctx context.Context,
	on subject,
	ch Challenge,
	cred pullpass.Credential,
	scope string,
) (pullpass.Secret, error) {
	realm, err := c.checkRealm(on, ch.Realm, !cred.Secret.Empty())
	if err != nil {
		return pullpass.Secret{}, err
	}
	query := realm.Query()
	if ch.Service != "" {
		query.Set("service", ch.Service)
	}
	query.Set("scope", scope)
	realm.RawQuery = query.Encode()
	var authorization pullpass.Secret
	if !cred.Secret.Empty() {
		authorization = basic(cred)
	}
	resp, err := c.get(ctx, c.http, realm.String(), authorization, "")
	if err != nil {
		return pullpass.Secret{}, wrap(on.what, err)
	}
	defer drain(resp)
	if resp.StatusCode != http.StatusOK { // a redirect, too: a password follows none
		return pullpass.Secret{}, explain(on, resp)
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return pullpass.Secret{}, wrap(on.what, err)
	}
	if json.Unmarshal(body, &answer) != nil || (answer.Token == "" && answer.AccessToken == "") {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "token_unreadable", What: on.what,
			Cause: "the registry's token service gave no token in its answer", Hint: "try again; if it stays, ask the registry's operator"}
	}
	if answer.Token == "" {
		answer.Token = answer.AccessToken
	}
	if !headerText(answer.Token) {
		return pullpass.Secret{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "token_unreadable", What: on.what,
			Cause: "the registry's token service gave a token that cannot be sent"}
	}
	return pullpass.NewSecret(answer.Token), nil
}

// checkRealm decides where a password may go. A realm is chosen by whoever runs
// the registry, or whoever got between.
func (c *Client) checkRealm(on subject, realm string, password bool) (*url.URL, error) {
	u, err := url.Parse(realm)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "realm_unusable", What: on.what,
			Cause: "the registry names a token service whose address cannot be used", Hint: "check that the host is the registry that you mean"}
	}
	u.Fragment = ""
	origin := originOf(u)
	own := origin == on.origin()
	if own || slices.Contains(knownRealms[on.host.Name], origin) || allowedRealm(on.host, origin) {
		return u, nil
	}
	if u.Scheme == "http" {
		return nil, refusedRealm(on, origin, "it is not reached over https")
	}
	if !password {
		return u, nil
	}
	return nil, refusedRealm(on, origin, "it is on another host, which could be anyone's")
}

// Pull writes the image into an OCI layout in directory, which must be empty or
// not exist: what somebody else pulled there is not this credential's to use.
// Progress, if not nil, is called from one goroutine at a time.
func (c *Client) Pull(
	ctx context.Context,
	image reference.Image,
	cred pullpass.Credential,
	directory string,
	progress func(pullpass.Progress),
) (Pulled, error) {
	s, err := c.Open(ctx, image, cred)
	if err != nil {
		return Pulled{}, err
	}
	top, err := s.Manifest(ctx, image.Reference())
	if err != nil {
		return Pulled{}, err
	}
	d, m, err := s.imageOf(ctx, top)
	if err != nil {
		return Pulled{}, err
	}
	l, err := createLayout(directory)
	if err != nil {
		return Pulled{}, wrap(s.on.what, err)
	}
	count := &counter{report: progress}
	parts := s.parts(m, count)
	if err := s.download(ctx, l, parts, count); err != nil {
		return Pulled{}, err
	}
	if err := l.finish(image, d); err != nil {
		return Pulled{}, wrap(s.on.what, err)
	}
	return Pulled{Digest: d.Digest, Config: m.Config.Digest, Layers: len(m.Layers), Bytes: count.now.BytesTotal}, nil
}

// Resolve asks the registry for the image with this credential. What it returns
// proves that the credential may pull exactly this digest.
func (c *Client) Resolve(ctx context.Context, image reference.Image, cred pullpass.Credential) (Resolved, error) {
	s, err := c.Open(ctx, image, cred)
	if err != nil {
		return Resolved{}, err
	}
	top, err := s.Manifest(ctx, image.Reference())
	if err != nil {
		return Resolved{}, err
	}
	d, m, err := s.imageOf(ctx, top)
	if err != nil {
		return Resolved{}, err
	}
	r := Resolved{
		Digest: top.Digest, MediaType: top.MediaType, Size: int64(len(top.Raw)),
		Reference: forEngine(s.on.host, image.WithDigest(top.Digest)),
		Image:     d.Digest, Config: m.Config.Digest, Layers: len(m.Layers), Auth: s.EngineAuth(), session: s,
	}
	for _, l := range m.Layers {
		r.Bytes += l.Size
		if l.Size > r.largest.Size {
			r.largest = Part{l.Digest, l.Size}
		}
	}
	return r, nil
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
		return nil, &pullpass.Error{
			Kind:  pullpass.Internal,
			Code:  "credential_misdirected",
			What:  "cannot pull " + image.String(),
			Cause: "the credential belongs to another registry",
		}
	}
	if strings.Contains(cred.Username, ":") {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: pullpass.CodeLoginRefused, What: "cannot pull " + image.String(),
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

// drain lets the connection be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
}

// originOf is scheme, host and port, the port written out.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + u.Hostname() + ":" + port
}
