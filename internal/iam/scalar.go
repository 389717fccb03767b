package iam

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// decimal is an exact decimal number. Account and pull request numbers do not
// fit into a float64, so digits are compared as text.
type decimal struct {
	negative    bool
	whole, frac string  // without leading and trailing zeros
	float       float64 // for numbers with an exponent
	exponent    bool
}

func parseDecimal(text string) (decimal, bool) {
	var d decimal
	rest := text
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		d.negative, rest = rest[0] == '-', rest[1:]
	}
	for i := range len(rest) {
		c := rest[i]
		switch {
		case c == 'e' || c == 'E':
			d.exponent = true
		case '0' <= c && c <= '9', c == '.', d.exponent && (c == '+' || c == '-'):
		default:
			return decimal{}, false
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && (d.exponent || len(rest) == 0) || !strings.ContainsAny(rest, "0123456789") {
		return decimal{}, false
	}
	d.float = f
	if d.exponent {
		return d, true
	}
	whole, frac, _ := strings.Cut(rest, ".")
	if strings.Contains(frac, ".") {
		return decimal{}, false
	}
	d.whole, d.frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	if d.whole == "" && d.frac == "" {
		d.negative = false
	}
	return d, true
}

func (d decimal) compare(other decimal) int {
	if d.exponent || other.exponent {
		return cmp.Compare(d.float, other.float)
	}
	if d.negative != other.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	order := cmp.Compare(len(d.whole), len(other.whole))
	if order == 0 {
		order = cmp.Compare(d.whole, other.whole)
	}
	if order == 0 {
		order = cmp.Compare(d.frac, other.frac)
	}
	if d.negative {
		return -order
	}
	return order
}

// dateLayouts are the W3C profiles of ISO 8601, and two spellings seen beside
// them. A fraction of a second needs no layout of its own.
var dateLayouts = [...]string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "20060102T150405Z0700",
	"2006-01-02", "2006-01", "2006",
}

// parseDate reads an ISO 8601 date or seconds since 1970. Four digits are a
// year: no request is as old as the epoch's first hours.
func parseDate(text string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) != 4 {
		return time.Unix(seconds, 0), true
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseBool(text string) (value, ok bool) {
	if strings.EqualFold(text, "true") {
		return true, true
	}
	return false, strings.EqualFold(text, "false")
}

// parsePrefix reads an address or a range; a range's host bits do not count.
func parsePrefix(text string) (netip.Prefix, bool) {
	if strings.IndexByte(text, '/') < 0 {
		a, ok := parseAddr(text)
		if !ok {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// parseAddr takes ::ffff:192.0.2.1 for the IPv4 address that it is: otherwise
// a range could be left by writing the address differently.
func parseAddr(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

func parseBinary(text string) ([]byte, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return b, err == nil
}
