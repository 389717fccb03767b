package reference

import (
	"net/netip"
	"strconv"
	"strings"
)

// refuseName says why text is not a canonical host[:port], or "".
func refuseName(text string) string {
	switch {
	case text == "":
		return "it is empty"
	case len(text) > 255+6:
		return "it is too long"
	case strings.Contains(text, "://"):
		return "only https:// may stand before a host"
	case strings.Contains(text, "/"):
		return "a path follows the host"
	case strings.Contains(text, "@"):
		return "user names and passwords do not belong into a host"
	}
	if reason := refuseBytes(text); reason != "" {
		return reason
	}
	host, port, hasPort := splitPort(text)
	if hasPort && !validPort(port) {
		return "the port is not a number from 1 to 65535"
	}
	if strings.HasPrefix(host, "[") {
		return refuseIPv6(host)
	}
	if reason := refuseLabels(host); reason != "" {
		return reason
	}
	if !hasPort && !strings.Contains(host, ".") && host != "localhost" {
		return "one word alone is a Docker Hub repository, not a host"
	}
	return ""
}

// refuseBytes allows what can stand in a canonical host and port.
func refuseBytes(s string) string {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == ':', c == '[', c == ']':
		case 'A' <= c && c <= 'Z':
			return "it has upper-case letters; hosts are compared byte for byte, so write it in lower case"
		case c >= 0x80:
			return "it has letters outside ASCII, which can imitate another name"
		default:
			return "it has characters that no host name has"
		}
	}
	return ""
}

func splitPort(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || end == len(s)-1 {
			return s, "", false
		}
		if s[end+1] != ':' {
			return s, "", false // refuseIPv6 refuses it
		}
		return s[:end+1], s[end+2:], true
	}
	return strings.Cut(s, ":")
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

func refuseIPv6(host string) string {
	inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	a, err := netip.ParseAddr(inner)
	if err != nil || !a.Is6() || a.Is4In6() || "["+a.String()+"]" != host {
		return "it is not an IPv6 address in its shortest form"
	}
	return ""
}

func refuseLabels(host string) string {
	if strings.HasSuffix(host, ".") {
		return "it ends with a dot"
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		switch {
		case l == "":
			return "it has an empty label"
		case len(l) > 63:
			return "one of its labels is longer than 63 characters"
		case l[0] == '-' || l[len(l)-1] == '-':
			return "a label begins or ends with a hyphen"
		case strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
			return "it has characters that no host name has"
		}
	}
	if last := labels[len(labels)-1]; isNumber(last) {
		// What ends like a number is an address to the parsers that matter:
		// 0x7f.1, 2130706433 and 0177.0.0.1 are all 127.0.0.1 somewhere.
		if a, err := netip.ParseAddr(host); err != nil || a.String() != host {
			return "it ends like an IP address but is not one in its usual form"
		}
	}
	return ""
}

func isNumber(label string) bool {
	if label != "" && strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}
