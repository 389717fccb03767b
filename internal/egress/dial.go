package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"syscall"
)

// dial is what a request tells the dialer about itself. Connections are pooled
// by scheme and address, so every request that shares one says the same.
type dial struct {
	plain bool     // http
	named bool     // the operator allows this host:port
	proxy *url.URL // the operator's proxy takes it from here
}

type dialKey struct{}

type dialer struct {
	allow    allowance
	resolver *net.Resolver
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	asked, _ := ctx.Value(dialKey{}).(*dial)
	if asked == nil {
		asked = &dial{}
	}
	nd := &net.Dialer{Timeout: connectTimeout, Resolver: d.resolver}
	if asked.proxy == nil && !asked.named {
		nd.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return d.check(asked, address)
		}
	}
	return nd.DialContext(ctx, network, address)
}

// check sees the address that connect is about to get.
func (d *dialer) check(asked *dial, address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	ip := ap.Addr().Unmap()
	switch {
	case d.allow.address(ip):
		return nil
	case !public(ip):
		return fmt.Errorf("%w: %s", errForbidden, ip)
	case asked.plain:
		return errPlain
	}
	return nil
}
