package reference_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

func TestMappings(t *testing.T) {
	sandbox := reference.Mapping{Host: "127.0.0.1:4512", Account: "222222222222", Region: "eu-west-1",
		APIEndpoint: "http://127.0.0.1:4510", STSEndpoint: "http://127.0.0.1:4510", RegistryURL: "http://127.0.0.1:4512"}
	vpc := reference.Mapping{Host: "vpce-0a1b.dkr.ecr.eu-west-1.vpce.amazonaws.com", Account: "222222222222", Region: "eu-west-1"}
	moved := reference.Mapping{Host: "333333333333.dkr.ecr.cn-north-1.amazonaws.com.cn", RegistryURL: "http://127.0.0.1:9"}
	plain := reference.Mapping{Host: "localhost:5000", RegistryURL: "http://localhost:5000"}
	hosts, err := reference.NewHosts(sandbox, vpc, moved, plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		written       string
		kind          reference.Kind
		account       string
		api, sts, url string
	}{
		{"127.0.0.1:4512", "ecr", "222222222222", "http://127.0.0.1:4510", "http://127.0.0.1:4510", "http://127.0.0.1:4512"},
		{"https://127.0.0.1:4512/v2/", "ecr", "222222222222", "http://127.0.0.1:4510", "http://127.0.0.1:4510", "http://127.0.0.1:4512"},
		{vpc.Host, "ecr", "222222222222", "https://api.ecr.eu-west-1.amazonaws.com", "https://sts.eu-west-1.amazonaws.com", "https://" + vpc.Host},
		{moved.Host, "ecr", "333333333333", "https://api.ecr.cn-north-1.amazonaws.com.cn", "https://sts.cn-north-1.amazonaws.com.cn", "http://127.0.0.1:9"},
		{"localhost:5000", "generic", "", "", "", "http://localhost:5000"},
		{"127.0.0.1:4513", "generic", "", "", "", "https://127.0.0.1:4513"},
		{"222222222222.dkr.ecr.eu-west-1.amazonaws.com", "ecr", "222222222222", "https://api.ecr.eu-west-1.amazonaws.com", "https://sts.eu-west-1.amazonaws.com", "https://222222222222.dkr.ecr.eu-west-1.amazonaws.com"},
	} {
		h, err := hosts.Parse(test.written)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.written, err)
			continue
		}
		var e reference.ECR
		if h.ECR != nil {
			e = *h.ECR
		}
		if h.Kind != test.kind || h.URL() != test.url || e.Account != test.account || e.APIEndpoint() != test.api || e.STSEndpoint() != test.sts {
			t.Errorf("Parse(%q) = %s %s %+v %s %s", test.written, h.Kind, h.URL(), e, e.APIEndpoint(), e.STSEndpoint())
		}
	}
	if _, err := hosts.Parse("vpce-0a1c.dkr.ecr.eu-west-1.vpce.amazonaws.com"); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("Parse of a VPC endpoint that is not mapped = %v, want Invalid", err)
	}
	h, _ := hosts.Parse("127.0.0.1:4512")
	h.ECR.Account = "999999999999"
	if again, _ := hosts.Parse("127.0.0.1:4512"); again.ECR.Account != "222222222222" {
		t.Error("a caller can change a mapping through the Host that it got")
	}
	var none *reference.Hosts
	if h, err := none.Parse("ghcr.io"); err != nil || h.Kind != reference.KindGHCR {
		t.Errorf("nil Hosts: Parse(ghcr.io) = %v, %v", h, err)
	}
}

func TestMappingsRefused(t *testing.T) {
	for _, m := range []reference.Mapping{
		{},
		{Host: "ghcr.io:0"},
		{Host: "127.0.0.1:1", Account: "222222222222"},
		{Host: "127.0.0.1:1", Region: "eu-west-1"},
		{Host: "127.0.0.1:1", Account: "2", Region: "eu-west-1"},
		{Host: "127.0.0.1:1", Account: "222222222222", Region: "moon-1"},
		{Host: "127.0.0.1:1", APIEndpoint: "http://127.0.0.1:2"},
		{Host: "127.0.0.1:1", RegistryURL: "127.0.0.1:1"},
		{Host: "127.0.0.1:1", RegistryURL: "ftp://127.0.0.1:1"},
		{Host: "127.0.0.1:1", RegistryURL: "http://127.0.0.1:1/"},
		{Host: "127.0.0.1:1", RegistryURL: "http://user@127.0.0.1:1"},
		{Host: "127.0.0.1:1", RegistryURL: "http://127.0.0.1:1?x"},
		{Host: "registry.example", Realm: "http://auth.example"},
		{Host: "registry.example", Realm: "https://auth.example/token"},
		{Host: "registry.example", Realm: "https://user@auth.example"},
		{Host: "registry.example", Realm: "auth.example"},
		{Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com", Account: "333333333333", Region: "eu-west-1"},
		{Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com", Account: "222222222222", Region: "eu-west-2"},
	} {
		if _, err := reference.NewHosts(m); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("NewHosts(%+v) = %v, want Invalid", m, err)
		}
	}
	m := reference.Mapping{Host: "localhost:1"}
	if _, err := reference.NewHosts(m, m); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("the same host twice = %v, want Invalid", err)
	}
}

func TestParseMapping(t *testing.T) {
	got, err := reference.ParseMapping("host=127.0.0.1:4512,account=222222222222,region=eu-west-1,api=http://127.0.0.1:4510,sts=http://127.0.0.1:4510,registry=http://127.0.0.1:4512")
	want := reference.Mapping{Host: "127.0.0.1:4512", Account: "222222222222", Region: "eu-west-1",
		APIEndpoint: "http://127.0.0.1:4510", STSEndpoint: "http://127.0.0.1:4510", RegistryURL: "http://127.0.0.1:4512"}
	if err != nil || got != want {
		t.Errorf("ParseMapping = %+v, %v, want %+v", got, err, want)
	}
	for _, line := range []string{"", "host", "host=a.b,host=c.d", "hots=a.b", "host=a.b,account=1,region=eu-west-1"} {
		if _, err := reference.ParseMapping(line); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("ParseMapping(%q) = %v, want Invalid", line, err)
		}
	}
}

// What is printed of a mapping is read back as the same one.
func TestMappingsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, line := range []string{
		"host=registry.example",
		"host=127.0.0.1:5001,account=222222222222,region=eu-west-1,api=http://127.0.0.1:1,sts=http://127.0.0.1:2,registry=http://127.0.0.1:5001",
		"host=registry.example,registry=https://vpce.example,realm=https://auth.example",
	} {
		m, err := reference.ParseMapping(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.String(); got != line {
			t.Errorf("%q is written as %q", line, got)
		}
	}
}

// Learned mappings are below the operator's own, and replaced as a whole.
func TestLearnedMappings(t *testing.T) {
	own := reference.Mapping{Host: "own.example", RegistryURL: "https://a.example"}
	hosts, err := reference.NewHosts(own)
	if err != nil {
		t.Fatal(err)
	}
	at := func(host string) string {
		t.Helper()
		h, err := hosts.Parse(host)
		if err != nil {
			t.Fatal(err)
		}
		return h.URL()
	}
	learn := func(want bool, mappings ...reference.Mapping) {
		t.Helper()
		if err := hosts.Learn(mappings...); (err == nil) != want {
			t.Errorf("Learn(%v) = %v", mappings, err)
		}
	}
	learn(true, reference.Mapping{Host: "own.example", RegistryURL: "https://evil.example"}, reference.Mapping{Host: "more.example", RegistryURL: "https://b.example"})
	if at("own.example") != "https://a.example" || at("more.example") != "https://b.example" {
		t.Errorf("own at %s, learned at %s", at("own.example"), at("more.example"))
	}
	if !hosts.Own("own.example") || hosts.Learned("own.example") || hosts.Own("more.example") || !hosts.Learned("more.example") {
		t.Error("own and learned are not told apart")
	}
	if got := hosts.Mappings(); len(got) != 2 || got[1] != own {
		t.Errorf("Mappings = %v, want both, each once", got)
	}
	learn(false, reference.Mapping{Host: "more.example", RegistryURL: "ftp://b.example"})
	if at("more.example") != "https://b.example" {
		t.Error("what cannot be learned has changed what was")
	}
	learn(true)
	if at("more.example") != "https://more.example" {
		t.Errorf("forgotten, and still at %s", at("more.example"))
	}
}

// The mapping of a registry that speaks plain http can be pasted.
func TestOverHTTP(t *testing.T) {
	m, err := reference.ParseMapping("host=ecr.example,account=222222222222,region=eu-west-1,registry=https://10.0.0.5:5000")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := reference.NewHosts(m)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"127.0.0.1:18600": "host=127.0.0.1:18600,registry=http://127.0.0.1:18600",
		"ecr.example":     "host=ecr.example,account=222222222222,region=eu-west-1,registry=http://10.0.0.5:5000",
	} {
		h, err := hosts.Parse(host)
		if err != nil {
			t.Fatal(err)
		}
		got := hosts.OverHTTP(h)
		if got != want {
			t.Errorf("OverHTTP(%s) = %s, want %s", host, got, want)
		}
		if _, err := reference.ParseMapping(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}
