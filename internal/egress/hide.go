package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/pullpass/pullpass"
)

// CodeNotPublic is the code of the error in which names that do not resolve and names
// that lead to forbidden addresses are alike.
const CodeNotPublic = "name_not_public"

// hiddenStep is what the time of such an answer is rounded up to: a resolver that
// knows a name answers faster than one that has to ask for it.
const hiddenStep = 250 * time.Millisecond

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
