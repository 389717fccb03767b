package reference_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// The characters that a name may have, and those that stand beside them in ASCII.
func TestNamesCharacterByCharacter(t *testing.T) {
	for c := range 256 {
		s := string([]byte{byte(c)})
		lower := strings.Contains("abcdefghijklmnopqrstuvwxyz0123456789", s)
		upper := strings.Contains("ABCDEFGHIJKLMNOPQRSTUVWXYZ", s)
		if got, want := reference.ValidRepository("a"+s+"a"), lower || strings.Contains("._-/", s); got != want {
			t.Errorf("ValidRepository(a%qa) = %v, want %v", s, got, want)
		}
		if got, want := reference.ValidTag("a"+s+"a"), lower || upper || strings.Contains("._-", s); got != want {
			t.Errorf("ValidTag(a%qa) = %v, want %v", s, got, want)
		}
		if got, want := reference.ValidTag(s), lower || upper || s == "_"; got != want {
			t.Errorf("ValidTag(%q) = %v, want %v", s, got, want)
		}
		_, err := reference.ParseHost("a" + s + "a.example")
		if got, want := err == nil, lower || strings.Contains(".-", s); got != want {
			t.Errorf("ParseHost(a%qa.example) = %v, want taken %v", s, err, want)
		}
	}
}

// The longest of each is taken, and one character more is not.
func TestLongestNames(t *testing.T) {
	label := strings.Repeat("l", 63)
	host := label + "." + label + "." + label + "." + label // 255
	for name, test := range map[string]struct {
		taken, refused bool
	}{
		"a repository": {reference.ValidRepository(strings.Repeat("r", 255)), reference.ValidRepository(strings.Repeat("r", 256))},
		"a tag":        {reference.ValidTag(strings.Repeat("t", 128)), reference.ValidTag(strings.Repeat("t", 129))},
		"a label":      {parses(label + ".example"), parses(label + "l.example")},
		"a host":       {parses(host + ":65535"), parses(host + "l:65535")},
	} {
		if !test.taken || test.refused {
			t.Errorf("%s: the longest is taken %v, a longer one %v", name, test.taken, test.refused)
		}
	}
}

func parses(host string) bool {
	_, err := reference.ParseHost(host)
	return err == nil
}

// Why a host is refused is said rightly: it is what people correct.
func TestRefusedHostsSayWhy(t *testing.T) {
	for host, want := range map[string]string{
		"aAa.example": "upper-case", "aZa.example": "upper-case", "a@a.example": "user names", "a[a.example": "", "a\x7fa.example": "characters that no host name has",
		"a_a.example": "characters that no host name has", "a\x80a.example": "outside ASCII", "ä.example": "outside ASCII", "a{a.example": "characters that no host name has",
		strings.Repeat("a.", 130) + "aa": "too long", "[]": "IPv6", "[": "IPv6", "[::1": "IPv6", "[::1]x": "IPv6", "]:1": "",
	} {
		_, err := reference.ParseHost(host)
		if err == nil || !strings.Contains(pullpass.Explain(err), want) {
			t.Errorf("ParseHost(%q) = %v, want it to say %q", host, err, want)
		}
	}
}

// A refusal shows what it refuses where all of it can be shown, and nothing else:
// no control characters, no blanks, nothing that may hold a password, nothing long.
func TestRefusalsShowWhatCanBeShown(t *testing.T) {
	for _, test := range []struct {
		host  string
		shown string
	}{
		{"ONE!two.example", "ONE!two.example"},
		{"ONE~two.example", "ONE~two.example"},
		{"ONE two.example", "(not shown)"},
		{"ONE\x1ftwo.example", "(not shown)"},
		{"ONE\x7ftwo.example", "(not shown)"},
		{"ONE\u00e9two.example", "(not shown)"},
		{"one:pass@two.example", "(not shown)"},
		{strings.Repeat("A", 300), strings.Repeat("A", 300)},
		{strings.Repeat("A", 301), "(too long to show)"},
	} {
		_, err := reference.ParseHost(test.host)
		if err == nil {
			t.Errorf("ParseHost(%q) takes it", test.host)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, test.shown) || test.shown != test.host && strings.Contains(text, test.host) {
			t.Errorf("ParseHost(%q) = %s, want it to show %s", test.host, text, test.shown)
		}
	}
}

// A mapping leads engines to where it says, and is of this machine where that is.
func TestWhereMappingsLead(t *testing.T) {
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "128.0.0.1": false, "10.0.0.1": false, "127.0.0.1.example": false} {
		if got := reference.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v, want %v", host, got, want)
		}
	}
	for m, want := range map[reference.Mapping]bool{
		{RegistryURL: "http://127.0.0.1:5000"}: true, {Realm: "http://[::1]:5001/token"}: true, {RegistryURL: "https://a.example", Realm: "http://localhost:1"}: true,
		{RegistryURL: "https://a.example"}: false, {}: false, {RegistryURL: "http://127.0.0.1:x"}: false,
	} {
		if got := m.OfThisMachine(); got != want {
			t.Errorf("OfThisMachine(%s) = %v, want %v", m, got, want)
		}
	}
	hosts, err := reference.NewHosts(reference.Mapping{Host: "a.example", RegistryURL: "http://127.0.0.1:5000"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.example": "127.0.0.1:5000", "b.example": "b.example"} {
		h, err := hosts.Parse(name)
		if err != nil || h.EngineName() != want {
			t.Errorf("EngineName(%s) = %s, %v, want %s", name, h.EngineName(), err, want)
		}
	}
}

// A digest has one form: lower-case hexadecimal digits, as many as its algorithm has.
func TestDigestsHaveOneForm(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for digest, want := range map[string]bool{
		"sha256:" + hex: true, "sha512:" + hex + hex: true,
		"sha256:" + strings.ToUpper(hex): false, "sha256:A" + hex[1:]: false, "SHA256:" + hex: false, "sha256:" + hex[1:]: false, "sha256:" + hex + "0": false,
		"sha256:" + hex + hex: false, "sha512:" + hex: false, "md5:" + hex[:32]: false, hex: false, "sha256:": false, "": false,
	} {
		if got := reference.ValidDigest(digest); got != want {
			t.Errorf("ValidDigest(%q) = %v, want %v", digest, got, want)
		}
	}
}
