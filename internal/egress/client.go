package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
)

// Options configure a Client. The zero value reaches the public internet only.
type Options struct {
	// Allow lists what else may be reached: networks, addresses, or host:port
	// exactly as a URL names it. Plain http is spoken only to these.
	Allow []string
	// Proxy is nil for none; http.ProxyFromEnvironment if the operator says so.
	Proxy    func(*http.Request) (*url.URL, error)
	RootCAs  *x509.CertPool // nil: the system's
	Resolver *net.Resolver  // nil: the system's
	Limits   Limits         // of clients that With does not change
	// HideNames keeps it from whoever gets the answers which names exist that are not
	// public: a name that does not resolve and one that leads to a forbidden address
	// give the same error, after a time that tells nothing. It is told the cause of
	// each. Nil: the two are told apart.
	HideNames func(host string, cause error)
}

// Limits bound one request. A zero field takes the default.
type Limits struct {
	Body  int64         // bytes of an answer's body; default 8 MiB
	Total time.Duration // from the call to the end of the body; default 30 s
}

const (
	defaultBody      = 8 << 20
	defaultTotal     = 30 * time.Second
	connectTimeout   = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	headerTimeout    = 20 * time.Second
	maxHeader        = 64 << 10
)

// Client makes requests within the operator's allowances. It never follows a
// redirect and never sends more than the request holds.
type Client struct {
	transport *http.Transport
	allow     allowance
	limits    Limits
	hideNames func(host string, cause error)
}

// New returns a client. Close it to end its idle connections.
func New(o Options) (*Client, error) {
	allow, err := parseAllow(o.Allow)
	if err != nil {
		return nil, err
	}
	c := &Client{allow: allow, limits: o.Limits.orDefault(), hideNames: o.HideNames}
	c.transport = &http.Transport{
		DialContext: (&dialer{allow: allow, resolver: o.Resolver}).dial,
		Proxy:       o.Proxy,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			RootCAs:    o.RootCAs,
		},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the byte cap counts what is sent, not what it unpacks to
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        60 * time.Second,
	}
	return c, nil
}

// With returns a client with other limits over the same connections.
func (c *Client) With(l Limits) *Client {
	d := *c
	d.limits = l.orDefault()
	return &d
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do sends the request and returns the answer, redirects included. The body
// ends with an error where it is longer or takes longer than the limits say.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	target, err := checkURL(req.URL)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), c.limits.Total)
	d := &dial{plain: req.URL.Scheme == "http", named: c.allow.hosts[target]}
	if c.transport.Proxy != nil {
		if d.proxy, err = c.transport.Proxy(req); err != nil {
			cancel()
			closeBody(req)
			return nil, explain(req, err)
		}
		if err := c.checkProxied(req, d); err != nil {
			cancel()
			closeBody(req)
			return nil, err
		}
	}
	began := time.Now()
	out := req.Clone(context.WithValue(ctx, dialKey{}, d))
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		if c.hidden(req, err) {
			err = c.hide(ctx, req, err, began)
		}
		cancel()
		return nil, explain(req, err)
	}
	if resp.ContentLength > c.limits.Body && req.Method != http.MethodHead {
		cancel()
		_ = resp.Body.Close() // the answer is refused unread
		return nil, tooLong(req, c.limits.Body)
	}
	resp.Request = req
	resp.Body = &body{ReadCloser: resp.Body, req: req, left: c.limits.Body, limit: c.limits.Body, cancel: cancel}
	return resp, nil
}

// checkProxied is what can be checked of a request that a proxy dials: the
// address where the URL holds one, and that plain http is allowed.
func (c *Client) checkProxied(req *http.Request, d *dial) error {
	if d.proxy == nil || d.named {
		return nil
	}
	ip, err := netip.ParseAddr(req.URL.Hostname())
	switch {
	case err == nil && c.allow.address(ip):
		return nil
	case err == nil && !public(ip):
		return explain(req, errForbidden)
	case d.plain:
		return explain(req, errPlain)
	}
	return nil
}

// RoundTrip makes a Client an http.RoundTripper.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) { return c.Do(req) }

// hidden reports whether err would tell if a name exists that is not public. An
// address tells nothing: whoever asks has named it.
func (c *Client) hidden(req *http.Request, err error) bool {
	if c.hideNames == nil {
		return false
	}
	if _, notName := netip.ParseAddr(req.URL.Hostname()); notName == nil {
		return false
	}
	var dns *net.DNSError
	return errors.Is(err, errForbidden) || errors.As(err, &dns) && dns.IsNotFound
}

// hide tells the operator the cause and makes the error that everybody else gets.
func (c *Client) hide(ctx context.Context, req *http.Request, cause error, began time.Time) error {
	c.hideNames(req.URL.Host, cause)
	took := time.Since(began)
	left := time.NewTimer(hiddenStep - took%hiddenStep)
	defer left.Stop()
	select {
	case <-left.C:
	case <-ctx.Done():
	}
	// Unavailable: a resolver may be mistaken for a moment, and what is kept of a host
	// that denies is thrown away.
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: CodeNotPublic, What: "cannot connect to " + origin(req),
		Cause: "the name does not lead to an address on the public internet: it does not exist, or its address is private",
		Hint:  "check the spelling; the server's log has the cause, and its operator can allow a private network or host:port for egress",
	}
}

func (l Limits) orDefault() Limits {
	if l.Body <= 0 {
		l.Body = defaultBody
	}
	if l.Total <= 0 {
		l.Total = defaultTotal
	}
	return l
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // RoundTrip's contract: closed on errors, too
	}
}
