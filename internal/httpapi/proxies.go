package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pullpass/pullpass"
)

// Proxies are the reverse proxies in front of the server, by address. What they
// say of a request's origin is believed; what others say is not.
type Proxies []netip.Prefix

// ParseProxies reads prefixes and single addresses.
func ParseProxies(texts []string) (Proxies, error) {
	var out Proxies
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot trust the proxy " + text,
					Cause: "it is not an address or a range of addresses", Hint: "pullpass server --trusted-proxy 10.0.0.0/8"}
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

func (p Proxies) has(a netip.Addr) bool {
	a = a.Unmap()
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// client is where a request came from. Only trusted proxies may say that it is
// somebody else's: from the right, the first address that is not theirs. What
// stands left of it was written by whoever sent the request.
func (p Proxies) client(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	if len(p) == 0 {
		return host
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !p.has(a) {
		return host
	}
	hops := strings.Split(strings.Join(req.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil || hop.Zone() != "" {
			break // a proxy that writes no address: its own is all that is known
		}
		a = hop.Unmap()
		if !p.has(a) {
			break
		}
	}
	return a.String()
}
