package egress_test

import (
	"net"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
)

// A name that does not resolve and one that leads to a private address are one error,
// as to text, code and kind; the operator is told which it was. Both are rounded up to
// the same time. An address is refused as one.
func TestHiddenNames(t *testing.T) {
	answers := map[string]string{}
	for kind, ips := range map[string][]net.IP{"private": {net.IPv4(10, 0, 0, 5)}, "metadata": {net.IPv4(169, 254, 169, 254)}, "loopback": {net.IPv4(127, 0, 0, 1)}, "missing": nil} {
		var host string
		var cause error
		c := client(t, egress.Options{Resolver: serveDNS(t, ips...).resolver(), HideNames: func(h string, err error) { host, cause = h, err }})
		for _, scheme := range []string{"https", "http"} {
			_, err := get(t, c, scheme+"://app.corp.example.com:8443/")
			answers[kind+" "+scheme] = string(pullpass.KindOf(err)) + " " + pullpass.CodeOf(err) + " " + strings.ReplaceAll(pullpass.Explain(err), scheme+":", "")
			if host != "app.corp.example.com:8443" || cause == nil {
				t.Errorf("%s: the operator is told %q, %v", kind, host, cause)
			}
			want := "no such host"
			if ips != nil {
				want = ips[0].String()
			}
			if cause != nil && !strings.Contains(cause.Error(), want) {
				t.Errorf("%s: the operator is told %v, want %s in it", kind, cause, want)
			}
			if pullpass.CodeOf(err) != egress.CodeNotPublic || !pullpass.IsKind(err, pullpass.Unavailable) || strings.Contains(pullpass.Chain(err), want) {
				t.Errorf("%s: %v, want %s, and no word of %s", kind, pullpass.Chain(err), egress.CodeNotPublic, want)
			}
		}
	}
	for kind, answer := range answers {
		if answer != answers["missing https"] {
			t.Errorf("%s is told from a name that does not exist:\n%s\n%s", kind, answer, answers["missing https"])
		}
	}
	c := client(t, egress.Options{HideNames: func(string, error) { t.Error("an address is no name") }})
	if _, err := get(t, c, "https://10.0.0.5/"); pullpass.CodeOf(err) != "egress_forbidden" {
		t.Errorf("an address: %v, want egress_forbidden", err)
	}
}
