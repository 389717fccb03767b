package client

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// Client is safe for concurrent use.
type Client struct {
	base      string // scheme://host[/path], no slash at the end
	shown     string // what errors call the server
	token     pullpass.Secret
	userAgent string
	attempts  int

	readWithin time.Duration
	plainHTTP  bool
	caFile     string
	transport  http.RoundTripper
	http       *http.Client
}

// Option changes how a Client works.
type Option func(*Client)

// WithToken makes every request with this bearer token.
func WithToken(token pullpass.Secret) Option { return func(c *Client) { c.token = token } }

// WithUserAgent names the program: "pullpass/1.2".
func WithUserAgent(name string) Option { return func(c *Client) { c.userAgent = name } }

// WithAttempts bounds how often a call that may be repeated is tried in all.
func WithAttempts(n int) Option { return func(c *Client) { c.attempts = max(n, 1) } }

// WithReadWithin bounds how long a read may take, all its attempts together; 15
// seconds unless given. A long poll is not bound by it.
func WithReadWithin(d time.Duration) Option { return func(c *Client) { c.readWithin = d } }

// WithPlainHTTP allows http to another machine, where whoever is on the way can
// read the token. Loopback needs no such permission.
func WithPlainHTTP() Option { return func(c *Client) { c.plainHTTP = true } }

// WithTransport replaces the transport; for tests and for private CAs.
func WithTransport(rt http.RoundTripper) Option { return func(c *Client) { c.transport = rt } }

// New makes a client of the server at base: https://host, http://127.0.0.1:port
// or unix:///path/to/socket.
func New(base string, options ...Option) (*Client, error) {
	c := &Client{userAgent: "pullpass-client", attempts: 4, readWithin: readWithin}
	for _, option := range options {
		option(c)
	}
	if err := c.at(base); err != nil {
		return nil, err
	}
	c.http = &http.Client{
		Transport: c.transport,
		// A redirect could lead the token to another host; the server makes none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Base returns the address of the server.
func (c *Client) Base() string { return c.shown }

// at checks base and sets where requests go.
func (c *Client) at(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return invalidBase("it is not a URL")
	}
	switch {
	case u.User != nil:
		return invalidBase("it holds a user name or a password")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return invalidBase("it has a query or a fragment")
	case u.Scheme == "unix":
		return c.atSocket(u)
	case u.Scheme != "https" && u.Scheme != "http":
		return invalidBase("it begins with neither https:// nor http://")
	case u.Hostname() == "":
		return invalidBase("it names no host")
	case u.Scheme == "http" && !c.plainHTTP && !loopback(u.Hostname()):
		return &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "plain_http",
			What:  "cannot use " + u.Scheme + "://" + u.Host,
			Cause: "over http the token could be read on the way to another machine",
			Hint:  "use https, or allow plain http if the network is yours alone",
		}
	}
	c.base = u.Scheme + "://" + u.Host + strings.TrimRight(u.EscapedPath(), "/")
	c.shown = c.base
	if c.transport == nil {
		t := transport(nil)
		c.transport = t
		return c.trust(t)
	}
	return nil
}

func (c *Client) atSocket(u *url.URL) error {
	if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return invalidBase("a socket is written unix:///path/to/socket")
	}
	c.base, c.shown = "http://pullpass", "unix://"+u.Path
	path := u.Path
	if c.transport == nil {
		c.transport = transport(func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		})
	}
	return nil
}

func transport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if dial != nil {
		t.Proxy, t.DialContext = nil, dial
	}
	return t
}

func invalidBase(cause string) error {
	return &pullpass.Error{
		Kind:  pullpass.Invalid,
		Code:  "server_address",
		What:  "cannot use the server address",
		Cause: cause,
		Hint:  "write it as https://pullpass.example",
	}
}

// loopback goes by the written form: a name that only resolves to loopback today
// may resolve elsewhere tomorrow.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
