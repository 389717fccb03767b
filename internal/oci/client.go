package oci

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
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
	platform v1.Platform
	agent    string
}

// New returns a client.
func New(o Options) (*Client, error) {
	c := &Client{
		http:     o.Egress.With(egress.Limits{Body: maxManifest}),
		blobs:    o.Egress.With(egress.Limits{Body: maxBlob, Total: blobTime}),
		hosts:    o.Hosts,
		agent:    o.UserAgent,
		platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
	}
	if o.Platform != "" {
		p, err := v1.ParsePlatform(o.Platform)
		if err != nil || p.OS == "" || p.Architecture == "" {
			return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the platform", Hint: "linux/amd64 or linux/arm64"}
		}
		c.platform = *p
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
	resp, err := c.get(ctx, c.http, h.URL()+"/v2/", pullpass.Secret{}, "")
	if err != nil {
		return Challenge{}, wrap("cannot reach the registry "+h.Name, err)
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
	return Challenge{}, explain(subject{what: "cannot reach the registry " + h.Name, host: h}, resp)
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
