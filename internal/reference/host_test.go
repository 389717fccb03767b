package reference_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/reference"
)

func TestParseHostECR(t *testing.T) {
	const id = "222222222222"
	for _, test := range []struct {
		host      string
		partition awsname.Partition
		region    string
		fips      bool
		dual      bool
		api, sts  string
	}{
		{id + ".dkr.ecr.eu-west-1.amazonaws.com", "aws", "eu-west-1", false, false,
			"https://api.ecr.eu-west-1.amazonaws.com", "https://sts.eu-west-1.amazonaws.com"},
		{id + ".dkr.ecr.ap-southeast-7.amazonaws.com", "aws", "ap-southeast-7", false, false,
			"https://api.ecr.ap-southeast-7.amazonaws.com", "https://sts.ap-southeast-7.amazonaws.com"},
		{id + ".dkr.ecr-fips.us-east-1.amazonaws.com", "aws", "us-east-1", true, false,
			"https://ecr-fips.us-east-1.amazonaws.com", "https://sts-fips.us-east-1.amazonaws.com"},
		{id + ".dkr.ecr.us-gov-west-1.amazonaws.com", "aws-us-gov", "us-gov-west-1", false, false,
			"https://api.ecr.us-gov-west-1.amazonaws.com", "https://sts.us-gov-west-1.amazonaws.com"},
		{id + ".dkr.ecr-fips.us-gov-east-1.amazonaws.com", "aws-us-gov", "us-gov-east-1", true, false,
			"https://ecr-fips.us-gov-east-1.amazonaws.com", "https://sts.us-gov-east-1.amazonaws.com"},
		{id + ".dkr.ecr.cn-northwest-1.amazonaws.com.cn", "aws-cn", "cn-northwest-1", false, false,
			"https://api.ecr.cn-northwest-1.amazonaws.com.cn", "https://sts.cn-northwest-1.amazonaws.com.cn"},
		{id + ".dkr.ecr.eusc-de-east-1.amazonaws.eu", "aws-eusc", "eusc-de-east-1", false, false,
			"https://api.ecr.eusc-de-east-1.amazonaws.eu", "https://sts.eusc-de-east-1.amazonaws.eu"},
		{id + ".dkr.ecr.us-iso-east-1.c2s.ic.gov", "aws-iso", "us-iso-east-1", false, false,
			"https://api.ecr.us-iso-east-1.c2s.ic.gov", "https://sts.us-iso-east-1.c2s.ic.gov"},
		{id + ".dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b", "us-isob-east-1", false, false,
			"https://api.ecr.us-isob-east-1.sc2s.sgov.gov", "https://sts.us-isob-east-1.sc2s.sgov.gov"},
		{id + ".dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-e", "eu-isoe-west-1", false, false,
			"https://api.ecr.eu-isoe-west-1.cloud.adc-e.uk", "https://sts.eu-isoe-west-1.cloud.adc-e.uk"},
		{id + ".dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "aws-iso-f", "us-isof-south-1", false, false,
			"https://api.ecr.us-isof-south-1.csp.hci.ic.gov", "https://sts.us-isof-south-1.csp.hci.ic.gov"},
		{id + ".dkr-ecr.eu-central-2.on.aws", "aws", "eu-central-2", false, true,
			"https://ecr.eu-central-2.api.aws", "https://sts.eu-central-2.api.aws"},
		{id + ".dkr-ecr-fips.us-west-2.on.aws", "aws", "us-west-2", true, true,
			"https://ecr-fips.us-west-2.api.aws", "https://sts-fips.us-west-2.api.aws"},
		{id + ".dkr-ecr-fips.us-gov-west-1.on.aws", "aws-us-gov", "us-gov-west-1", true, true,
			"https://ecr-fips.us-gov-west-1.api.aws", "https://sts-fips.us-gov-west-1.api.aws"},
		{id + ".dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "aws-cn", "cn-north-1", false, true,
			"https://ecr.cn-north-1.api.amazonwebservices.com.cn", "https://sts.cn-north-1.api.amazonwebservices.com.cn"},
	} {
		for _, written := range []string{test.host, "https://" + test.host, "https://" + test.host + "/", "https://" + test.host + "/v2/"} {
			h, err := reference.ParseHost(written)
			if err != nil {
				t.Errorf("ParseHost(%q) = %v, want the ECR of %s", written, err, test.region)
				continue
			}
			if h.Kind != reference.KindECR || h.Name != test.host || h.ECR == nil {
				t.Errorf("ParseHost(%q) = %s %q, want ecr %q", written, h.Kind, h.Name, test.host)
				continue
			}
			e := *h.ECR
			if e.Account != id || e.Region != test.region || e.Partition() != test.partition || e.FIPS != test.fips || e.DualStack != test.dual {
				t.Errorf("ParseHost(%q).ECR = %+v", written, e)
			}
			if got := e.APIEndpoint(); got != test.api {
				t.Errorf("ParseHost(%q).ECR.APIEndpoint() = %q, want %q", written, got, test.api)
			}
			if got := e.STSEndpoint(); got != test.sts {
				t.Errorf("ParseHost(%q).ECR.STSEndpoint() = %q, want %q", written, got, test.sts)
			}
			if got, want := h.URL(), "https://"+test.host; got != want {
				t.Errorf("ParseHost(%q).URL() = %q, want %q", written, got, want)
			}
		}
	}
}

func TestParseHostKinds(t *testing.T) {
	for _, test := range []struct {
		written, name string
		kind          reference.Kind
		url           string
	}{
		{"https://index.docker.io/v1/", "docker.io", reference.KindDockerHub, "https://registry-1.docker.io"},
		{"https://index.docker.io", "docker.io", reference.KindDockerHub, "https://registry-1.docker.io"},
		{"docker.io", "docker.io", reference.KindDockerHub, "https://registry-1.docker.io"},
		{"index.docker.io", "docker.io", reference.KindDockerHub, "https://registry-1.docker.io"},
		{"registry-1.docker.io", "docker.io", reference.KindDockerHub, "https://registry-1.docker.io"},
		{"public.ecr.aws", "public.ecr.aws", reference.KindECRPublic, "https://public.ecr.aws"},
		{"ecr-public.aws.com", "ecr-public.aws.com", reference.KindECRPublic, "https://ecr-public.aws.com"},
		{"ghcr.io", "ghcr.io", reference.KindGHCR, "https://ghcr.io"},
		{"registry.gitlab.com", "registry.gitlab.com", reference.KindGitLab, "https://registry.gitlab.com"},
		{"acme.azurecr.io", "acme.azurecr.io", reference.KindACR, "https://acme.azurecr.io"},
		{"gcr.io", "gcr.io", reference.KindGCR, "https://gcr.io"},
		{"eu.gcr.io", "eu.gcr.io", reference.KindGCR, "https://eu.gcr.io"},
		{"europe-west1-docker.pkg.dev", "europe-west1-docker.pkg.dev", reference.KindGCR, "https://europe-west1-docker.pkg.dev"},
		{"registry.example.com:5000", "registry.example.com:5000", reference.KindGeneric, "https://registry.example.com:5000"},
		{"localhost", "localhost", reference.KindGeneric, "https://localhost"},
		{"registry:5000", "registry:5000", reference.KindGeneric, "https://registry:5000"},
		{"127.0.0.1:5001", "127.0.0.1:5001", reference.KindGeneric, "https://127.0.0.1:5001"},
		{"[::1]:5001", "[::1]:5001", reference.KindGeneric, "https://[::1]:5001"},
		// Names that end or begin like a known one belong to someone else.
		{"docker.io.evil.example", "docker.io.evil.example", reference.KindGeneric, "https://docker.io.evil.example"},
		{"xdocker.io", "xdocker.io", reference.KindGeneric, "https://xdocker.io"},
		{"ghcr.io.evil.example", "ghcr.io.evil.example", reference.KindGeneric, "https://ghcr.io.evil.example"},
		{"azurecr.io", "azurecr.io", reference.KindGeneric, "https://azurecr.io"},
		{"a.b.azurecr.io", "a.b.azurecr.io", reference.KindGeneric, "https://a.b.azurecr.io"},
		{"evil-gcr.io", "evil-gcr.io", reference.KindGeneric, "https://evil-gcr.io"},
		{"public.ecr.aws.evil.example", "public.ecr.aws.evil.example", reference.KindGeneric, "https://public.ecr.aws.evil.example"},
	} {
		h, err := reference.ParseHost(test.written)
		if err != nil {
			t.Errorf("ParseHost(%q): %v", test.written, err)
			continue
		}
		if h.Name != test.name || h.Kind != test.kind || h.URL() != test.url || h.ECR != nil {
			t.Errorf("ParseHost(%q) = %q %s %s, want %q %s %s", test.written, h.Name, h.Kind, h.URL(), test.name, test.kind, test.url)
		}
	}
}

// confusion holds hosts that must never be taken for the registry they imitate.
var confusion = []string{
	// suffix and prefix
	"222222222222.dkr.ecr.us-east-1.amazonaws.com.evil.example",
	"222222222222.dkr.ecr.us-east-1.amazonaws.comevil.example",
	"222222222222.dkr.ecr.us-east-1.amazonaws.com.cn",
	"222222222222.dkr.ecr.cn-north-1.amazonaws.com",
	"222222222222.dkr.ecr.us-east-1.amazonaws.eu",
	"222222222222.dkr.ecr.us-east-1.c2s.ic.gov",
	"222222222222.dkr.ecr.us-iso-east-1.amazonaws.com",
	"222222222222.dkr.ecr.us-east-1xamazonaws.com",
	"222222222222xdkr.ecr.us-east-1.amazonaws.com",
	"222222222222.dkrxecr.us-east-1.amazonaws.com.dkr.ecr.",
	"evil.222222222222.dkr.ecr.us-east-1.amazonaws.com",
	"x222222222222.dkr.ecr.us-east-1.amazonaws.com",
	"22222222222.dkr.ecr.us-east-1.amazonaws.com",
	"2222222222222.dkr.ecr.us-east-1.amazonaws.com",
	"222222222222.dkr.ecr.us-east-1.on.aws",
	"222222222222.dkr-ecr.us-east-1.amazonaws.com",
	"222222222222.dkr-ecr.us-iso-east-1.on.aws",
	"222222222222.dkr.ecr-fips2.us-east-1.amazonaws.com.dkr.ecr.x",
	// region
	"222222222222.dkr.ecr..amazonaws.com",
	"222222222222.dkr.ecr.us-east.amazonaws.com",
	"222222222222.dkr.ecr.us-east-01.amazonaws.com",
	"222222222222.dkr.ecr.us-east-1a.amazonaws.com",
	"222222222222.dkr.ecr.us-gov-east-1-1.amazonaws.com",
	"222222222222.dkr.ecr.evil.us-east-1.amazonaws.com",
	"222222222222.dkr.ecr.xx-east-1.amazonaws.com",
	// port
	"222222222222.dkr.ecr.us-east-1.amazonaws.com:443",
	"222222222222.dkr.ecr.us-east-1.amazonaws.com:",
	"222222222222.dkr.ecr.us-east-1.amazonaws.com:0443",
	"docker.io:443", "ghcr.io:8443", "public.ecr.aws:443", "acme.azurecr.io:443",
	"registry.example.com:0", "registry.example.com:65536", "registry.example.com:080", "registry.example.com:+80", "registry.example.com:1:2",
	// case
	"222222222222.DKR.ECR.us-east-1.amazonaws.com", "222222222222.dkr.ecr.us-east-1.amazonaws.COM",
	"Docker.io", "GHCR.IO", "HTTPS://ghcr.io",
	// trailing dot, empty labels, hyphens
	"222222222222.dkr.ecr.us-east-1.amazonaws.com.", "ghcr.io.", "docker..io", ".ghcr.io", "-ghcr.io", "ghcr-.io", "ghcr.io:443.",
	// letters outside ASCII: Cyrillic е and с, full-width digits, an ideographic full stop
	"222222222222.dkr.еcr.us-east-1.amazonaws.com", "222222222222.dkr.eсr.us-east-1.amazonaws.com",
	"２22222222222.dkr.ecr.us-east-1.amazonaws.com", "222222222222。dkr.ecr.us-east-1.amazonaws.com", "ɡhcr.io",
	// control characters and space
	"222222222222.dkr.ecr.us-east-1.amazonaws.com\x00.evil.example", "ghcr.io\x00", "ghcr.io\r\nHost: evil.example", "ghcr.io\n", "\tghcr.io", " ghcr.io", "ghcr.io ", "ghcr.io%00", "ghcr.io%2eevil.example",
	// user names, paths, schemes
	"AWS:secret@222222222222.dkr.ecr.us-east-1.amazonaws.com", "https://222222222222.dkr.ecr.us-east-1.amazonaws.com@evil.example", "https://user@ghcr.io/",
	"https://ghcr.io/team/app", "ghcr.io/team", "ghcr.io/", "https://ghcr.io//", "https://ghcr.io?x=1", "https://ghcr.io#x", `https://ghcr.io\@evil.example`, "http://ghcr.io", "ftp://ghcr.io", "//ghcr.io", "https://https://ghcr.io", "https://",
	// addresses in other writings
	"2130706433:5000", "0x7f000001:5000", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.01:5000", "1.2.3.4.5", "256.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]:5000", "[::1", "::1", "[0:0:0:0:0:0:0:1]:80", "[fe80::1%eth0]:80", "[::1]x:80", "[127.0.0.1]:80",
	// nothing
	"", ".", ":", ":5000", "alpine",
	strings.Repeat("a.", 200) + "io", strings.Repeat("a", 64) + ".io",
}

func TestParseHostRefusesConfusion(t *testing.T) {
	for _, s := range confusion {
		h, err := reference.ParseHost(s)
		if err == nil {
			t.Errorf("ParseHost(%q) = %+v, want a refusal", s, h)
			continue
		}
		if !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("ParseHost(%q): kind %s, want invalid", s, pullpass.KindOf(err))
		}
		if pullpass.HintOf(err) == "" {
			t.Errorf("ParseHost(%q): no hint in %v", s, err)
		}
	}
}

func TestErrorsDoNotShowWhatCannotBeRead(t *testing.T) {
	for _, s := range []string{"AWS:canary@ghcr.io", "ghcr.io\ncanary", "\x1b[31mcanary", "canаry.io" /* Cyrillic а */} {
		_, err := reference.ParseHost(s)
		if err == nil || strings.Contains(pullpass.Explain(err), "canary") || strings.Contains(pullpass.Explain(err), "\x1b") {
			t.Errorf("ParseHost(%q): error %q shows the input", s, pullpass.Explain(err))
		}
	}
	_, err := reference.ParseImage("user:canary@ghcr.io/x")
	if err == nil || strings.Contains(pullpass.Explain(err), "canary") {
		t.Errorf("ParseImage: error %v shows the input", err)
	}
}

func TestSTSEndpointIn(t *testing.T) {
	h, err := reference.ParseHost("222222222222.dkr-ecr-fips.us-west-2.on.aws")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h.ECR.STSEndpointIn("us-east-1"), "https://sts-fips.us-east-1.api.aws"; got != want {
		t.Errorf("STSEndpointIn = %q, want %q", got, want)
	}
	for region, want := range map[string]string{"eu-west-1": "https://sts.eu-west-1.amazonaws.com", "cn-north-1": "https://sts.cn-north-1.amazonaws.com.cn", "moon-1": ""} {
		if got := reference.STSEndpoint(region); got != want {
			t.Errorf("STSEndpoint(%q) = %q, want %q", region, got, want)
		}
	}
}

func TestConfigKey(t *testing.T) {
	for written, want := range map[string]string{
		"docker.io": "https://index.docker.io/v1/",
		"ghcr.io":   "ghcr.io",
		"222222222222.dkr.ecr.eu-west-1.amazonaws.com": "222222222222.dkr.ecr.eu-west-1.amazonaws.com",
	} {
		h, err := reference.ParseHost(written)
		if err != nil || h.ConfigKey() != want {
			t.Errorf("ParseHost(%q).ConfigKey() = %q, %v, want %q", written, h.ConfigKey(), err, want)
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, s := range confusion {
		f.Add(s)
	}
	for _, s := range []string{"https://index.docker.io/v1/", "222222222222.dkr.ecr.eu-west-1.amazonaws.com", "222222222222.dkr-ecr-fips.us-west-2.on.aws", "[::1]:5000", "europe-west1-docker.pkg.dev"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := reference.ParseHost(s)
		if err != nil {
			if !pullpass.IsKind(err, pullpass.Invalid) {
				t.Errorf("ParseHost(%q): kind %s", s, pullpass.KindOf(err))
			}
			return
		}
		again, err := reference.ParseHost(h.Name)
		if err != nil || again.Name != h.Name || again.Kind != h.Kind {
			t.Errorf("ParseHost(%q) = %q, which parses to %q, %v", s, h.Name, again.Name, err)
		}
		if (h.Kind == reference.KindECR) != (h.ECR != nil) {
			t.Errorf("ParseHost(%q): kind %s, ECR %v", s, h.Kind, h.ECR)
		}
		if h.ECR != nil {
			if rebuilt, ok := h.ECR.Host(); !ok || rebuilt != h.Name {
				t.Errorf("ParseHost(%q) accepts %q, rebuilt %q", s, h.Name, rebuilt)
			}
		}
	})
}
