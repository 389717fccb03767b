package config

import (
	"net"
	"net/netip"
	"strings"

	"github.com/pullpass/pullpass"
)

// problems collects what is wrong, so that a person is told everything at once.
type problems []string

func (p *problems) add(option, problem string) { *p = append(*p, option+": "+problem) }

func (p *problems) url(option, value string) {
	if !validURL(value) {
		p.add(option, "want an address such as https://pullpass.example.com")
	}
}

func (p *problems) allowances(list []string) {
	for _, a := range list {
		if !validAllowance(a) {
			p.add("--allow-egress", "want a prefix such as 10.0.0.0/8 or an address such as 127.0.0.1:5000")
		}
	}
}

func (p *problems) proxies(list []string) {
	for _, text := range list {
		_, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); err != nil && (e != nil || a.Zone() != "") {
			p.add("--trusted-proxy", "want an address or a range of addresses such as 10.0.0.0/8")
		}
	}
}

func (p *problems) quotas(list []string) {
	for _, text := range list {
		if _, _, ok := parseQuota(text); ok {
			continue
		}
		var names []string
		for _, r := range pullpass.QuotaRules() {
			names = append(names, string(r.Quota))
		}
		p.add("--quota", "want NAME=NUMBER, where NAME is one of "+strings.Join(names, ", "))
	}
}

// validAllowance takes what egress takes: networks, addresses, host:port.
func validAllowance(a string) bool {
	if _, err := netip.ParsePrefix(a); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(a); err == nil {
		return true
	}
	host, port, err := net.SplitHostPort(a)
	return err == nil && host != "" && port != ""
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &pullpass.Error{
		Kind:  pullpass.Invalid,
		What:  "the configuration cannot be used",
		Cause: strings.Join(p, "\n       "),
		Hint:  "these list the options with their environment variables: pullpass server run --help; pullpass runner run --help",
	}
}
