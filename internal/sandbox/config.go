package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// Config describes the accounts that a sandbox starts with and where it
// listens. Everything in it can also be created later through the AWS API.
type Config struct {
	Listen           string             `yaml:"listen"`           // the AWS API; port 0 picks a free one
	Layers           string             `yaml:"layers"`           // where layer redirects lead, the part that S3 plays
	Regions          []string           `yaml:"regions"`          // the first is the default; others open when they are used
	Registries       []RegistryListener `yaml:"registries"`       // pairs not listed get a free port
	Accounts         []Account          `yaml:"accounts"`         //
	InstanceMetadata []InstanceMetadata `yaml:"instanceMetadata"` // optional IMDSv2 listeners
	TLS              *TLSListener       `yaml:"tls"`              // optional listener for the real host names
	RateLimits       []RateLimit        `yaml:"rateLimits"`       //
	Faults           []Fault            `yaml:"faults"`           //
	BlobDirectory    string             `yaml:"blobDirectory"`    // layers on disk instead of in memory
	// OtherAccounts exist besides Accounts: policies may name them and who is in
	// them. "*" is every account.
	OtherAccounts []string `yaml:"otherAccounts"`
	// LocalAddresses has ECR's answers name the registries by the addresses that
	// they listen on, instead of by AWS's host names.
	LocalAddresses bool `yaml:"localAddresses"`
}

// RegistryListener places the registry of one account and region.
type RegistryListener struct {
	Account string `yaml:"account"`
	Region  string `yaml:"region"`
	Listen  string `yaml:"listen"`
}

// Account is one AWS account.
type Account struct {
	ID                      string            `yaml:"id"`
	Alias                   string            `yaml:"alias"`
	Partition               string            `yaml:"partition"`    // empty: aws
	Organization            string            `yaml:"organization"` // o-…, or the whole path o-…/r-…/ou-…/; empty: in none
	Users                   []User            `yaml:"users"`
	Roles                   []Role            `yaml:"roles"`
	Policies                []Policy          `yaml:"policies"`
	OIDCProviders           []OIDCProvider    `yaml:"oidcProviders"`
	InstanceProfiles        []InstanceProfile `yaml:"instanceProfiles"`
	Repositories            []Repository      `yaml:"repositories"`
	RegistryPolicies        []RegistryPolicy  `yaml:"registryPolicies"`
	ServiceControlPolicies  [][]Document      `yaml:"serviceControlPolicies"`  // one list per level: root, units, account
	ResourceControlPolicies [][]Document      `yaml:"resourceControlPolicies"` // likewise
}

// organizationPattern is AWS's form of an organization's id, or of a path in it:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed-view-data-orgs.html
var organizationPattern = regexp.MustCompile(
	`^o-[a-z0-9]{10,32}(/r-[0-9a-z]{4,32}/(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}/)*)?$`,
)

// inPartition is the account's partition.
func (a *Account) inPartition() awsname.Partition {
	if a.Partition == "" {
		return awsname.AWS
	}
	return awsname.Partition(a.Partition)
}

// User is an IAM user.
type User struct {
	Name                string              `yaml:"name"`
	Path                string              `yaml:"path"`
	AccessKeys          []AccessKey         `yaml:"accessKeys"`
	InlinePolicies      map[string]Document `yaml:"inlinePolicies"`
	AttachedPolicies    []string            `yaml:"attachedPolicies"` // ARNs
	PermissionsBoundary string              `yaml:"permissionsBoundary"`
	Tags                map[string]string   `yaml:"tags"`
	MFADevices          []MFADevice         `yaml:"mfaDevices"`
}

// MFADevice is a virtual MFA device: its seed, in base 32, makes the codes.
type MFADevice struct {
	Name string    `yaml:"name"`
	Seed SecretKey `yaml:"seed"`
}

// AccessKey is a long-term key pair in AWS's shape.
type AccessKey struct {
	ID     string    `yaml:"id"`
	Secret SecretKey `yaml:"secret"`
}

// Role is an IAM role.
type Role struct {
	Name                string              `yaml:"name"`
	Path                string              `yaml:"path"`
	Description         string              `yaml:"description"`
	TrustPolicy         Document            `yaml:"trustPolicy"`
	InlinePolicies      map[string]Document `yaml:"inlinePolicies"`
	AttachedPolicies    []string            `yaml:"attachedPolicies"`
	PermissionsBoundary string              `yaml:"permissionsBoundary"`
	MaxSession          Duration            `yaml:"maxSession"`
	Tags                map[string]string   `yaml:"tags"`
}

// Policy is a customer managed policy.
type Policy struct {
	Name        string   `yaml:"name"`
	Path        string   `yaml:"path"`
	Description string   `yaml:"description"`
	Document    Document `yaml:"document"`
}

// OIDCProvider is an IAM OpenID Connect provider.
type OIDCProvider struct {
	URL         string   `yaml:"url"`
	ClientIDs   []string `yaml:"clientIDs"`
	Thumbprints []string `yaml:"thumbprints"`
	// JWKS is a file with the issuer's keys, for an issuer that cannot be reached, or
	// whose tokens the rehearsal makes itself. Empty: the keys are fetched.
	JWKS string `yaml:"jwks"`
}

// InstanceProfile carries a role to an instance.
type InstanceProfile struct {
	Name string `yaml:"name"`
	Path string `yaml:"path"`
	Role string `yaml:"role"`
}

// Repository is a private ECR repository.
type Repository struct {
	Region        string            `yaml:"region"`
	Name          string            `yaml:"name"`
	ImmutableTags bool              `yaml:"immutableTags"`
	Policy        Document          `yaml:"policy"`
	Tags          map[string]string `yaml:"tags"`
}

// RegistryPolicy applies to all repositories of one account and region.
type RegistryPolicy struct {
	Region string   `yaml:"region"`
	Policy Document `yaml:"policy"`
}

// InstanceMetadata is an IMDSv2 listener: what 169.254.169.254 is to one instance.
type InstanceMetadata struct {
	Listen          string `yaml:"listen"`
	Account         string `yaml:"account"`
	Region          string `yaml:"region"`
	InstanceProfile string `yaml:"instanceProfile"`
	// HopLimit is how far a token's answer may travel: 1, the default, is to this
	// machine only; a container's bridge and a proxy cost one hop each.
	HopLimit int `yaml:"hopLimit"`
}

// TLSListener serves the real host names under the sandbox's own CA.
type TLSListener struct {
	Listen string `yaml:"listen"`
}

// RateLimit throttles one account's calls of one action ("ecr:BatchGetImage",
// "sts:*"; "*" is every action).
type RateLimit struct {
	Account   string  `yaml:"account"` // empty: each account has its own
	Action    string  `yaml:"action"`
	PerSecond float64 `yaml:"perSecond"`
	Burst     int     `yaml:"burst"`
}

// Fault disturbs calls of one action on purpose.
type Fault struct {
	Action string   `yaml:"action"` // as in RateLimit; layer downloads are "s3:GetObject"
	Times  int      `yaml:"times"`  // how many calls; 0 is every call
	Delay  Duration `yaml:"delay"`
	Status int      `yaml:"status"`
	Code   string   `yaml:"code"`  // the AWS error code that goes with Status
	Reset  bool     `yaml:"reset"` // close the connection without an answer
}

// Document is a policy document, in YAML either JSON text or a mapping.
type Document string

// UnmarshalYAML turns a mapping into JSON, so that a policy reads like the rest
// of the file.
func (d *Document) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*d = Document(node.Value)
		return nil
	}
	var v any
	if err := node.Decode(&v); err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("line %d: the policy does not fit into JSON: %w", node.Line, err)
	}
	*d = Document(text)
	return nil
}

// SecretKey is a secret access key that does not print itself.
type SecretKey struct{ pullpass.Secret }

// UnmarshalYAML reads the key as text.
func (k *SecretKey) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a secret access key is text", node.Line)
	}
	k.Secret = pullpass.NewSecret(node.Value)
	return nil
}

// Duration is a time.Duration written as "90m".
type Duration time.Duration

// UnmarshalYAML reads Go's notation.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	v, err := time.ParseDuration(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: a duration looks like 90m or 1h30m", node.Line)
	}
	*d = Duration(v)
	return nil
}

var quotedValue = regexp.MustCompile("`[^`]*`?")

// ParseConfig reads a configuration file. Unknown keys are refused.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if err := yaml.Load(data, &c, yaml.WithKnownFields()); err != nil {
		return Config{}, &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read the sandbox configuration",
			// The decoder quotes values that do not fit; one may be a key.
			Cause: quotedValue.ReplaceAllString(err.Error(), "a value"),
			Hint:  "`pullpass sandbox example` shows every setting",
		}
	}
	return c, c.validate()
}

// OnFreePorts returns c with every listener on a free loopback port: for tests
// and for a rehearsal beside another one.
func (c Config) OnFreePorts() Config {
	const free = "127.0.0.1:0"
	c.Listen, c.Layers = free, free
	c.Registries = append([]RegistryListener(nil), c.Registries...)
	for i := range c.Registries {
		c.Registries[i].Listen = free
	}
	c.InstanceMetadata = append([]InstanceMetadata(nil), c.InstanceMetadata...)
	for i := range c.InstanceMetadata {
		c.InstanceMetadata[i].Listen = free
	}
	if c.TLS != nil {
		c.TLS = &TLSListener{Listen: free}
	}
	return c
}

// validate reports every problem at once.
func (c Config) validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	accounts := map[string]bool{}
	for _, a := range c.Accounts {
		switch {
		case !awsname.ValidAccount(a.ID):
			bad("account id %q is not 12 digits", a.ID)
		case accounts[a.ID]:
			bad("account %s is listed twice", a.ID)
		}
		if a.Partition != "" && !awsname.ValidPartition(a.Partition) {
			bad("account %s: AWS has no partition of the name %q", a.ID, a.Partition)
		}
		if a.Organization != "" && !organizationPattern.MatchString(a.Organization) {
			bad("account %s: an organization is o-exampleorgid, or the path o-exampleorgid/r-ab12/ou-ab12-11111111/", a.ID)
		}
		accounts[a.ID] = true
		for _, u := range a.Users {
			for _, k := range u.AccessKeys {
				if !validAccessKeyID(k.ID) {
					bad("user %s in account %s: an access key id is AKIA and 16 of A-Z2-7", u.Name, a.ID)
				}
				if len(k.Secret.Reveal()) != secretKeyLength {
					bad("user %s in account %s: a secret access key has %d characters", u.Name, a.ID, secretKeyLength)
				}
			}
		}
	}
	for _, id := range c.OtherAccounts {
		if id != "*" && !awsname.ValidAccount(id) {
			bad("otherAccounts: %q is not an account id of 12 digits", id)
		}
	}
	for _, r := range c.Regions {
		if !awsname.ValidRegion(r) {
			bad("AWS has no region of the name %q: a region looks like eu-west-1", r)
		}
	}
	seen := map[RegistryListener]bool{}
	for _, r := range c.Registries {
		key := RegistryListener{Account: r.Account, Region: r.Region}
		switch {
		case !accounts[r.Account]:
			bad("registry listener: no account %q", r.Account)
		case !awsname.ValidRegion(r.Region):
			bad("registry listener: AWS has no region of the name %q", r.Region)
		case seen[key]:
			bad("registry listener: account %s in %s is listed twice", r.Account, r.Region)
		}
		seen[key] = true
	}
	for _, m := range c.InstanceMetadata {
		if !accounts[m.Account] {
			bad("instance metadata: no account %q", m.Account)
		}
	}
	for _, a := range c.Accounts {
		for _, r := range a.Repositories {
			if partition, ok := awsname.PartitionOf(r.Region); !ok || partition != a.inPartition() {
				bad("repository %s in account %s: the partition %s has no region %q", r.Name, a.ID, a.inPartition(), r.Region)
			}
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &pullpass.Error{
		Kind: pullpass.Invalid,
		What: "the sandbox configuration does not fit together",
		Err:  errors.Join(problems...),
	}
}

// Env returns the same as a Sandbox's Env, for one that runs with this
// configuration in another process. Its ports must be fixed.
func (c Config) Env() []string {
	for _, a := range c.Accounts {
		for _, u := range a.Users {
			for _, k := range u.AccessKeys {
				return c.envOf(k)
			}
		}
	}
	return c.address()
}

// EnvOf is Env for a certain user. An empty account is any.
func (c Config) EnvOf(account, user string) ([]string, error) {
	for _, a := range c.Accounts {
		for _, u := range a.Users {
			if (account == "" || account == a.ID) && user == u.Name && len(u.AccessKeys) > 0 {
				return c.envOf(u.AccessKeys[0]), nil
			}
		}
	}
	return nil, &pullpass.Error{
		Kind: pullpass.NotFound, What: "cannot act as " + user,
		Cause: fmt.Sprintf("the configuration has no user %s with an access key in account %s", user, orAny(account)),
	}
}

func (c Config) envOf(k AccessKey) []string {
	return append(c.address(), "AWS_ACCESS_KEY_ID="+k.ID, "AWS_SECRET_ACCESS_KEY="+k.Secret.Reveal())
}

func (c Config) address() []string {
	env := []string{"AWS_ENDPOINT_URL=http://" + c.Listen}
	if len(c.Regions) > 0 {
		env = append(env, "AWS_REGION="+c.Regions[0], "AWS_DEFAULT_REGION="+c.Regions[0])
	}
	return env
}

// RegistryEnv returns NAME=value settings with the addresses of the registries that
// have fixed ports in the default region: SANDBOX_REGISTRY_222222222222.
func (c Config) RegistryEnv() []string {
	var env []string
	for _, r := range c.Registries {
		_, port, err := net.SplitHostPort(r.Listen)
		if err == nil && port != "0" && len(c.Regions) > 0 && r.Region == c.Regions[0] {
			env = append(env, "SANDBOX_REGISTRY_"+r.Account+"="+r.Listen)
		}
	}
	return env
}
