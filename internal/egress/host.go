package egress

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// refuseHost says why a host cannot be dialled whatever the operator allows:
// it is written so that two parsers could read it differently.
func refuseHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" || ip.Is4In6() || ip.String() != host {
			return "the address is not written in its usual form"
		}
		return ""
	}
	if host == "" || len(host) > 253 || strings.HasSuffix(host, ".") {
		return "the host name is empty, too long or ends with a dot"
	}
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return "the host name has characters other than a-z, 0-9, hyphen and dot"
		}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		// 2130706433, 0177.0.0.1 and 0x7f.1 are 127.0.0.1 to some resolvers.
		return "the host is an address in an unusual form, or has an empty label"
	}
	return ""
}

// checkURL refuses what must not even be resolved, and returns host:port.
func checkURL(u *url.URL) (string, error) {
	switch {
	case u == nil || (u.Scheme != "https" && u.Scheme != "http"):
		return "", forbid("this address", "only http and https are spoken", "")
	case u.User != nil:
		return "", forbid("this address", "it carries a user name", "")
	}
	host := u.Hostname()
	if reason := refuseHost(host); reason != "" {
		return "", forbid("this address", reason, "")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(host, port), nil
}

// origin is how an address is shown in errors: paths and queries can hold
// signatures and tokens.
func origin(req *http.Request) string { return req.URL.Scheme + "://" + req.URL.Host }
