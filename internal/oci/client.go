package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
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
	if errors.As(err, &e) && e.Code == "tls_not_spoken" {
		e.Hint = "use the registry's https port; or, if plain http is meant, map it on the server and its runners: --host " + c.hosts.OverHTTP(h)
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
	if !errors.As(err, &e) || e.Code != "manifest_unknown" {
		return err
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "registry_answer", What: e.What,
		Cause: "there is nothing at /v2/: what answers at this address is not a registry",
		Hint:  "check the host: the registry's own host may have another name or port than its web pages"}
}

// get makes one request and follows nothing.
func (c *Client) get(ctx context.Context, client *egress.Client, address string, authorization pullpass.Secret, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "address_unusable", Cause: "the registry names an address that cannot be read"}
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
