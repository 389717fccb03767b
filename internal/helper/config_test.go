package helper_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/helper"
)

const role = `{"arn": "arn:aws:iam::111111111111:role/pull"}`

func TestConfigurationsRefused(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{"registrys": []}`, "registrys: unknown key, did you mean registries?"},
		{`{"registries": [{"host": "a.example", "profil": "x"}]}`, "registries[0].profil: unknown key, did you mean profile?"},
		{`{"registries": [{"host": "a.example", "roles": [{"ARN": "x"}]}]}`, "registries[0].roles[0].ARN: unknown key, did you mean arn?"},
		{`{"soft": true, "soft": false}`, "soft: it is given twice"},
		{`{"sources": ["servre"]}`, "did you mean server?"},
		{`{"sources": ["aws", "aws"]}`, "aws is given twice"},
		{`{"timeout": "1h"}`, "from 100ms to 5m"},
		{`{"timeout": 5}`, `want a time such as "5s"`},
		{`{"soft": "yes"}`, "soft: want true or false"},
		{`{"helper": "pullpass"}`, "another helper"},
		{`{"helper": "/bin/sh"}`, "another helper"},
		{`{"hosts": ["https://a.example"]}`, "hosts[0]"},
		{`{"registries": [{"profile": "x"}]}`, "it matches nothing"},
		{`{"registries": [{"host": "A.example"}]}`, "small letters"},
		{`{"registries": [{"account": "1234"}]}`, "12 digits"},
		{`{"registries": [{"region": "europe"}]}`, "AWS region"},
		{`{"registries": [{"account": "*", "profile": "x", "server": "https://p.example"}]}`, "make two rules"},
		{`{"registries": [{"account": "*", "profile": "x", "source": "server"}]}`, "settings of AWS"},
		{`{"registries": [{"account": "*", "profile": "x", "accessKey": {"id": "AKIA", "secretFile": "f"}}]}`, "exclude each other"},
		{`{"registries": [{"account": "*", "roles": [{"arn": "pull"}]}]}`, "registries[0].roles[0].arn: want the ARN"},
		{`{"registries": [{"account": "*", "webIdentity": {"role": "arn:aws:iam::111111111111:role/pull"}}]}`, "tokenFile"},
		{`{"registries": [{"host": "127.0.0.1:5001", "ecr": {}}]}`, "does not say its region"},
		{`{"registries": [{"host": "a.example", "server": "p.example"}]}`, "want an address"},
		{`{"timeout": "5s"} {}`, "something follows"},
		{`{"timeout": "5s"`, "not JSON"},
		{`[]`, "want an object"},
	} {
		_, err := helper.ParseConfig("helper.json", []byte(test.text))
		if err == nil || !strings.Contains(pullpass.Explain(err), test.want) || !strings.Contains(pullpass.Explain(err), "helper.json") {
			t.Errorf("ParseConfig(%s) = %v, want %q", test.text, err, test.want)
		}
	}
	// A value may be a secret.
	if _, err := helper.ParseConfig("f", []byte(`{"timeout": "`+canary+`", "soft": "`+canary+`"}`)); strings.Contains(pullpass.Explain(err), canary) {
		t.Errorf("the error repeats a value: %v", err)
	}
}

func TestRules(t *testing.T) {
	c, err := helper.ParseConfig("f", []byte(`{"registries": [
		{"host": "111111111111.dkr.ecr.eu-west-1.amazonaws.com", "profile": "exact"},
		{"host": "*.dkr.ecr.us-*.amazonaws.com", "profile": "american"},
		{"account": "2222*", "region": "eu-*", "profile": "european"},
		{"account": "333333333333", "roles": [`+role+`]},
		{"region": "cn-north-1", "source": "aws"},
		{"host": "*.example.com", "server": "https://pullpass.example.com"}
	]}`))
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	for host, want := range map[string]int{
		"111111111111.dkr.ecr.eu-west-1.amazonaws.com":     0,
		"111111111111.dkr.ecr.eu-west-1.amazonaws.com:443": 0 - 1, // a host is compared as it is written
		"999999999999.dkr.ecr.us-east-1.amazonaws.com":     1,
		"222222222222.dkr.ecr.eu-west-3.amazonaws.com":     2,
		"222222222222.dkr-ecr-fips.eu-west-3.on.aws":       2,
		"333333333333.dkr.ecr.ap-south-1.amazonaws.com":    3,
		"444444444444.dkr.ecr.cn-north-1.amazonaws.com.cn": 4,
		"a.example.com":   5,
		"a.b.example.com": -1, // * stays in its label
		"example.com":     -1,
		"222222222222.dkr.ecr.eu-west-3.amazonaws.com.evil.example": -1,
		"999999999999.dkr.ecr.us-east-1.evil.amazonaws.com":         -1,
		"quay.io": -1,
	} {
		r := c.For(host)
		got := -1
		for i := range c.Registries {
			if r == &c.Registries[i] {
				got = i
			}
		}
		if got != want {
			t.Errorf("For(%q) = rule %d, want %d", host, got, want)
		}
	}
	for host, want := range map[string]string{
		"111111111111.dkr.ecr.eu-west-1.amazonaws.com": "[aws]", "a.example.com": "[server]", "quay.io": "[socket server aws]",
	} {
		var got []string
		for _, s := range c.Order(c.For(host)) {
			got = append(got, string(s))
		}
		if text := "[" + strings.Join(got, " ") + "]"; text != want {
			t.Errorf("Order for %s = %s, want %s", host, text, want)
		}
	}
}

// Without a file everything has its default; one that is named has to be there.
func TestNoConfiguration(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv(helper.EnvConfig, "")
	c, err := helper.LoadConfig()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := c.Deadline(); err != nil || d != 5*time.Second {
		t.Errorf("Deadline = %s, %v, want 5s", d, err)
	}
	t.Setenv(helper.EnvTimeout, "20s")
	if d, err := c.Deadline(); err != nil || d != 20*time.Second {
		t.Errorf("Deadline = %s, %v, want 20s", d, err)
	}
	t.Setenv(helper.EnvTimeout, "soon")
	if _, err := c.Deadline(); err == nil {
		t.Error("an invalid duration was accepted")
	}
	t.Setenv(helper.EnvConfig, filepath.Join(t.TempDir(), "none.json"))
	if _, err := helper.LoadConfig(); err == nil {
		t.Error("a named file that is missing was taken for an empty one")
	}
}

// The sources are asked in the order of the configuration: one that knows nothing of the
// host is passed over, one that refuses ends the search.
func TestOrderOfSources(t *testing.T) {
	none := &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "none"}
	denied := &pullpass.Error{Kind: pullpass.Denied, What: "refused"}
	for _, test := range []struct {
		order         []helper.SourceName
		server, aws   error
		asked, answer string
	}{
		{nil, nil, nil, "server", "server"},
		{[]helper.SourceName{"aws", "server"}, nil, nil, "aws", "aws"},
		{nil, none, nil, "server aws", "aws"},
		{nil, denied, nil, "server", ""},
		{nil, none, denied, "server aws", ""},
		{nil, none, none, "server aws", "none"},
		{[]helper.SourceName{"aws"}, nil, none, "aws", "none"},
	} {
		b := newBench(t)
		b.config.Sources = test.order
		var asked []string
		source := func(name helper.SourceName, err error) helper.Source {
			return helper.Source{Name: name, Find: func(helper.Ask, *helper.Rule) (helper.Issuer, error) {
				asked = append(asked, string(name))
				return &fakeIssuer{id: string(name), err: err, cred: pullpass.Credential{Username: string(name), Secret: pullpass.NewSecret("s")}}, nil
			}}
		}
		b.Sources = []helper.Source{
			{Name: helper.SourceSocket, Find: func(helper.Ask, *helper.Rule) (helper.Issuer, error) { return nil, nil }},
			source(helper.SourceServer, test.server), source(helper.SourceAWS, test.aws),
		}
		code, out, _ := b.run(t.Context(), "get", "registry.example")
		if strings.Join(asked, " ") != test.asked {
			t.Errorf("%v: asked %v, want %s", test.order, asked, test.asked)
		}
		switch test.answer {
		case "":
			if code != 1 || strings.Contains(out, "not found in native") {
				t.Errorf("%v: get = %d, %q, want the refusal", test.order, code, out)
			}
		case "none":
			if out != "credentials not found in native keychain\n" {
				t.Errorf("%v: get = %d, %q, want not found", test.order, code, out)
			}
		default:
			if !strings.Contains(out, `"Username":"`+test.answer+`"`) {
				t.Errorf("%v: get = %d, %q, want that of %s", test.order, code, out, test.answer)
			}
		}
	}
}

// Without a server, a login and a socket, a host that is nobody's is "no credential"; a
// variable that means a server wants its login.
func TestNobodyIsAskedForOtherHosts(t *testing.T) {
	for _, name := range []string{"XDG_CONFIG_HOME", "HOME"} {
		t.Setenv(name, t.TempDir())
	}
	for _, name := range []string{helper.EnvServer, helper.EnvToken, helper.EnvProject, helper.EnvSocket} {
		t.Setenv(name, "")
	}
	b := newBench(t)
	b.Sources = helper.Sources()
	if code, out, _ := b.run(t.Context(), "get", "quay.example"); code != 1 || out != "credentials not found in native keychain\n" {
		t.Errorf("get = %d, %q, want not found", code, out)
	}
	for _, verb := range []string{"get", "list"} {
		t.Setenv(helper.EnvProject, "payments")
		if code, out, _ := b.run(t.Context(), verb, "quay.example"); code != 1 || !strings.Contains(out, "not logged in") {
			t.Errorf("%s with a project and no login = %d, %q", verb, code, out)
		}
	}
}

// Another helper has what no source has: what it says is passed on word for word.
func TestOtherHelper(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nread -r line\ncase $1 in\nget) case $line in known.example) echo '{\"ServerURL\":\"known.example\",\"Username\":\"o\",\"Secret\":\"other\"}';;\n" +
		"broken.example) echo 'the keychain is locked'; exit 1;;\n*) echo 'credentials not found in native keychain'; exit 1;; esac;;\n" +
		"list) echo '{\"https://known.example\":\"o\",\"https://registry.example\":\"o\"}';;\n*) echo $1 $line >> " + filepath.Join(dir, "log") + ";;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-other"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	b := newBench(t)
	b.config.Helper = "other"
	b.issuer.err = &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "none"}
	for in, want := range map[string]string{
		"known.example": `"Secret":"other"`, "unknown.example": "credentials not found in native keychain\n", "broken.example": "the keychain is locked",
	} {
		if _, out, _ := b.run(t.Context(), "get", in); !strings.Contains(out, want) {
			t.Errorf("get %s = %q, want %q", in, out, want)
		}
	}
	stored := `{"ServerURL":"https://known.example","Username":"u","Secret":"` + canary + `"}`
	for verb, in := range map[string]string{"store": stored, "erase": "known.example"} {
		if code, out, explain := b.run(t.Context(), verb, in); code != 0 {
			t.Errorf("%s = %d, %s%s", verb, code, out, explain)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	slices.Sort(lines)
	if err != nil || !slices.Equal(lines, []string{"erase known.example", "store " + stored}) {
		t.Errorf("the other helper was told %q, %v", lines, err)
	}
	b.issuer.err, b.issuer.hosts = nil, []string{"registry.example"}
	if _, out, _ := b.run(t.Context(), "list", ""); out != `{"https://known.example":"o","registry.example":"pullpass"}`+"\n" {
		t.Errorf("list = %s", out)
	}
}

// The file that the documentation shows is one that can be used.
func TestDocumentedConfiguration(t *testing.T) {
	page, err := os.ReadFile("../../docs/credential-helper.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```json\n")
	text, _, ended := strings.Cut(rest, "```")
	if !ok || !ended {
		t.Fatal("the page shows no configuration")
	}
	c, err := helper.ParseConfig("docs", []byte(text))
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if len(c.Registries) < 5 {
		t.Errorf("it has %d rules: the test would prove little", len(c.Registries))
	}
}
