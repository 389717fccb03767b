package sandbox_test

import (
	"context"
	"encoding/json"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/sandbox"
)

func defaultConfig() sandbox.Config { return sandbox.Default() }

func metadataOf(profile string) sandbox.InstanceMetadata {
	return sandbox.InstanceMetadata{Account: sandbox.OwnerAccount, Region: sandbox.DefaultRegion, InstanceProfile: profile}
}

// The example file is the rehearsal, written out.
func TestExampleIsTheDefault(t *testing.T) {
	got := must[sandbox.Config](t)(sandbox.ParseConfig(sandbox.Example()))
	compare := cmp.Options{
		cmp.Comparer(func(a, b sandbox.SecretKey) bool { return a.Equal(b.Secret) }),
		cmp.Comparer(func(a, b sandbox.Document) bool {
			var x, y any
			if a == "" || b == "" {
				return a == b
			}
			return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
		}),
	}
	if diff := cmp.Diff(sandbox.Default(), got, compare); diff != "" {
		t.Errorf("example.yaml and Default differ (-Default +example):\n%s", diff)
	}
}

func TestConfigRefusals(t *testing.T) {
	const user = `accounts: [{id: "111111111111", users: [{name: u, accessKeys: [{id: AKIAPULLPASSSANDBOX2, secret: %s}]}]}]`
	tests := []struct{ name, file, want string }{
		{"unknown key", "lisen: x", "field lisen not found"},
		{"not YAML", "accounts: [", "L2.C1"},
		{"account id", `accounts: [{id: "12"}]`, `account id "12" is not 12 digits`},
		{"account twice", `accounts: [{id: "111111111111"}, {id: "111111111111"}]`, "listed twice"},
		{"region", "regions: [moon]", `AWS has no region of the name "moon": a region looks like eu-west-1`},
		{"listener of nobody", `registries: [{account: "111111111111", region: eu-west-1}]`, `no account "111111111111"`},
		{"two problems at once", "regions: [moon]\naccounts: [{id: x}]", `account id "x" is not 12 digits` + "\n" + `AWS has no region of the name "moon"`},
		{"partition", `accounts: [{id: "111111111111", partition: aws-moon}]`, `AWS has no partition of the name "aws-moon"`},
		{"organization", `accounts: [{id: "111111111111", organization: acme}]`, "an organization is o-exampleorgid"},
		{"other accounts", "otherAccounts: [x]", `"x" is not an account id`},
		{"repository elsewhere", `accounts: [{id: "111111111111", repositories: [{region: cn-north-1, name: a/b}]}]`, `the partition aws has no region "cn-north-1"`},
		{"short secret", strings.Replace(user, "%s", "canary", 1), "a secret access key has 40 characters"},
		{"secret in the wrong place", strings.Replace(user, "{id: AKIAPULLPASSSANDBOX2, secret: %s}", "canary", 1), "cannot construct"},
		{"secret that is a list", strings.Replace(user, "%s", "[canary]", 1), "a secret access key is text"},
		{"duration", `faults: [{delay: soon}]`, "a duration looks like"},
		{"metadata of nobody", `instanceMetadata: [{account: "111111111111"}]`, `instance metadata: no account "111111111111"`},
	}
	for _, test := range tests {
		_, err := sandbox.ParseConfig([]byte(test.file))
		text := pullpass.Explain(err)
		if !pullpass.IsKind(err, pullpass.Invalid) || !strings.Contains(text, test.want) {
			t.Errorf("%s: %q, want %q", test.name, text, test.want)
		}
		if strings.Contains(text, "canary") {
			t.Errorf("%s: the error repeats a secret: %s", test.name, text)
		}
	}
}

func TestSeedRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*sandbox.Config)
		want   string
	}{
		{"policy of a user", func(c *sandbox.Config) { c.Accounts[0].Users[0].InlinePolicies["p"] = "{" }, "account 111111111111: user pullpass: policy p:"},
		{"attached policy", func(c *sandbox.Config) { c.Accounts[0].Users[0].AttachedPolicies = []string{"arn:x"} }, "no policy arn:x"},
		{"trust in nobody", func(c *sandbox.Config) {
			c.Accounts[0].Roles[0].TrustPolicy = trusting("arn:aws:iam::111111111111:user/none", "")
		}, "names arn:aws:iam::111111111111:user/none, which does not exist"},
		{"repository policy", func(c *sandbox.Config) { c.Accounts[1].Repositories[0].Policy = "{}" }, "Invalid repository policy provided"},
		{"repository name", func(c *sandbox.Config) { c.Accounts[1].Repositories[0].Name = "Team" }, "not a repository name"},
		{"key twice", func(c *sandbox.Config) { c.Accounts[1].Users[0].AccessKeys = c.Accounts[0].Users[0].AccessKeys }, "another user has access key"},
		{"service control policy", func(c *sandbox.Config) { c.Accounts[0].ServiceControlPolicies = [][]sandbox.Document{{"x"}} }, "level 1"},
	}
	for _, test := range tests {
		cfg := defaultConfig()
		test.change(&cfg)
		if _, err := sandbox.New(cfg, sandbox.Options{}); err == nil || !strings.Contains(pullpass.Explain(err), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer func() { _ = taken.Close() }()
	cfg := defaultConfig().OnFreePorts()
	cfg.Layers = taken.Addr().String()
	b := must[*sandbox.Sandbox](t)(sandbox.New(cfg, sandbox.Options{}))
	err := b.Start(context.Background())
	if !pullpass.IsKind(err, pullpass.Unavailable) || pullpass.HintOf(err) == "" {
		t.Errorf("Start on a taken port: %v, want an Unavailable error with a hint", err)
	}
}

func TestEnv(t *testing.T) {
	b := start(t, defaultConfig())
	want := []string{
		"AWS_ENDPOINT_URL=" + b.Endpoint(), "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=" + sandbox.PlatformKeyID, "AWS_SECRET_ACCESS_KEY=" + sandbox.PlatformKey().Reveal(),
	}
	wantEqual(t, "Env", b.Env(), want)
	wantEqual(t, "Config.Env", defaultConfig().Env()[0], "AWS_ENDPOINT_URL=http://127.0.0.1:4510")

	// Two accounts have an admin.
	for account, key := range map[string]string{"": sandbox.PlatformAdmin, platform: sandbox.PlatformAdmin, owner: sandbox.OwnerKeyID} {
		env := must[[]string](t)(defaultConfig().EnvOf(account, "admin"))
		wantEqual(t, "EnvOf "+account, env[3], "AWS_ACCESS_KEY_ID="+key)
	}
	if _, err := defaultConfig().EnvOf(owner, "pullpass"); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("EnvOf a user of another account: %v, want NotFound", err)
	}
}
