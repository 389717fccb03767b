package egress

import (
	"net"
	"net/netip"
	"strings"

	"github.com/pullpass/pullpass"
)

// allowance is what the operator allows beyond the public internet.
type allowance struct {
	prefixes []netip.Prefix
	hosts    map[string]bool // host:port as the URL names it
}

// forbidden are the ranges behind which internal services live, or nothing at
// all. What the public internet is made of in IPv6 is global, below.
var forbidden = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",           // Azure's host service, in a public range
	"2001::/23", "2001:db8::/32", // Teredo and others, documentation
	"2002::/16", "3fff::/20", // 6to4 carries any IPv4 address
)

// global is all of IPv6 that is assigned to the public internet: everything
// else (::1, fe80::, fc00::, 64:ff9b::, ::ffff:) is not.
var global = netip.MustParsePrefix("2000::/3")

// metadata hands cloud credentials to whoever asks. A wide allowance such as
// 0.0.0.0/0 is never meant for it: it has to be named.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("169.254.169.254"): true, // AWS, Azure, Google and others
	netip.MustParseAddr("169.254.170.2"):   true, // ECS
	netip.MustParseAddr("169.254.170.23"):  true, // EKS Pod Identity
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("fd00:ec2::23"):    true,
	netip.MustParseAddr("fd20:ce::254"):    true, // Google
	netip.MustParseAddr("168.63.129.16"):   true,
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// parseAllow reads "10.0.0.0/8", "10.1.2.3" and "registry.corp:5000".
func parseAllow(list []string) (allowance, error) {
	a := allowance{hosts: map[string]bool{}}
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil && p.Masked() == p && !p.Addr().Is4In6() {
			a.prefixes = append(a.prefixes, p)
			continue
		}
		if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" && !ip.Is4In6() {
			a.prefixes = append(a.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		host, port, err := net.SplitHostPort(s)
		if err != nil || refuseHost(host) != "" || port == "" || strings.Trim(port, "0123456789") != "" {
			return allowance{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "egress_allowance",
				What: "cannot read an egress allowance", Cause: "it is a network, an address, or host:port",
				Hint: "10.20.0.0/16, 10.20.1.2 or registry.corp:5000"}
		}
		a.hosts[net.JoinHostPort(host, port)] = true
	}
	return a, nil
}

func (a allowance) address(ip netip.Addr) bool {
	for _, p := range a.prefixes {
		if p.Contains(ip) && (p.IsSingleIP() || !metadata[ip]) {
			return true
		}
	}
	return false
}

// public reports whether ip belongs to the public internet.
func public(ip netip.Addr) bool {
	if ip.Zone() != "" || (ip.Is6() && !global.Contains(ip)) {
		return false
	}
	for _, p := range forbidden {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
