package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

// hereOptions say how this machine reaches the registry, and as whom.
type hereOptions struct {
	Username     string   `placeholder:"NAME" help:"Log in with a username; the password is read from standard input or --password-file."`
	PasswordFile string   `default:"-" placeholder:"FILE" help:"File with the password or access token; - is standard input."`
	Anonymous    bool     `help:"Ask the registry without any credential."`
	Docker       bool     `help:"Use the login that Docker has for the host. Without it, ECR is asked with your AWS identity, and other registries so."`
	Profile      string   `placeholder:"NAME" help:"AWS profile to pull as; without it, the default chain."`
	Roles        []string `name:"role" placeholder:"ARN" help:"Then assume this role. Repeated: one after the other."`
	ExternalID   string   `placeholder:"ID" help:"External id for the last role."`
	Readers      []string `name:"reader" placeholder:"NAME" help:"AWS profile that may read the policies of another account. Can be repeated."`
	Endpoint     string   `name:"endpoint-url" env:"AWS_ENDPOINT_URL" placeholder:"URL" help:"Where AWS is asked, such as the sandbox."`
	Hosts        []string `name:"host" env:"PULLPASS_HOSTS" sep:";" placeholder:"MAPPING" help:"A registry under another name, as for the server: host=…,account=…,region=…,api=URL,sts=URL,registry=URL. Can be repeated."`

	within   time.Duration // --timeout: what is not reached in time is a finding
	Platform string        `placeholder:"OS/ARCH" help:"Platform of the image: linux/amd64. Without it, linux on this machine's architecture."`
}

// here is a doctor on this machine.
type here struct {
	options hereOptions
	hosts   *reference.Hosts
	out     *egress.Client
	doctor  *doctor.Doctor
	opener  doctor.Opener
	readers func(context.Context, reference.Host) (iam.Reader, error)
	logins  []doctor.Login
}

// everywhere is what a person's own machine may reach: all that the person may.
// Instance metadata stays out of reach: it would have to be named.
var everywhere = []string{"0.0.0.0/0", "::/0"}

func (o hereOptions) examiner(ctx context.Context, t *terminal, image string) (*here, error) {
	h := &here{options: o}
	var err error
	if h.hosts, err = o.mappings(image); err != nil {
		return nil, err
	}
	if h.opener, err = h.choose(ctx, t, image); err != nil {
		return nil, err
	}
	if h.logins, err = dockerLogins(); err != nil {
		t.say("Docker's logins are left out: %v", err)
	}
	if h.out, err = newEgress(egress.Options{Allow: everywhere, Proxy: http.ProxyFromEnvironment}); err != nil {
		return nil, err
	}
	registries, err := oci.New(oci.Options{Egress: h.out, Hosts: h.hosts, Platform: o.Platform, UserAgent: "pullpass/" + version})
	if err != nil {
		h.out.Close()
		return nil, err
	}
	h.doctor = doctor.New(doctor.Options{HTTP: h.out, Registries: doctorRegistries{registries}, Hosts: h.hosts, Where: doctor.Here})
	return h, nil
}

func (h *here) close() { h.out.Close() }

func (h *here) examine(ctx context.Context, image string) api.Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(h.options.within, 2*time.Minute))
	defer cancel()
	return h.doctor.Examine(ctx, doctor.Pull{Image: image, Opener: h.opener, Logins: h.logins, Policies: h.readers})
}

// mappings are the person's own, and the endpoint for an ECR host that has none.
func (o hereOptions) mappings(image string) (*reference.Hosts, error) {
	if o.Endpoint == "" {
		return newHosts(o.Hosts)
	}
	hosts, err := newHosts(o.Hosts)
	if err != nil {
		return nil, err
	}
	img, err := reference.ParseImage(image)
	if err != nil {
		return hosts, nil //nolint:nilerr // reading the image is the doctor's first step, which says why
	}
	for _, m := range hosts.Mappings() {
		if m.Host == img.Host {
			return hosts, nil
		}
	}
	if h, err := hosts.Parse(img.Host); err != nil || h.ECR == nil {
		return hosts, nil //nolint:nilerr // likewise its second
	}
	return newHosts(append(o.Hosts, fmt.Sprintf("host=%s,api=%s,sts=%s", img.Host, o.Endpoint, o.Endpoint)))
}

// choose finds out as whom the pull is made.
func (h *here) choose(ctx context.Context, t *terminal, image string) (doctor.Opener, error) {
	o := h.options
	img, err := reference.ParseImage(image)
	if err != nil {
		return doctor.Basic{}, nil //nolint:nilerr // reading the image is the doctor's first step, which says why
	}
	host, _ := h.hosts.Parse(img.Host) // likewise its second
	switch {
	case o.Username != "":
		password, err := readSecret(t, o.PasswordFile, "Password: ")
		return doctor.Basic{Username: o.Username, Password: password, Source: "with the password that was given"}, err
	case o.Anonymous:
		return doctor.Basic{}, nil
	case host.ECR != nil && !o.Docker:
		return h.own(ctx, host)
	}
	return dockerOpener{img}, nil
}

// own is the person's AWS identity, as it is: nothing narrows it.
func (h *here) own(ctx context.Context, host reference.Host) (doctor.Opener, error) {
	i := pullpass.Integration{Name: "here", Mode: pullpass.ModeAmbient}
	for n, arn := range h.options.Roles {
		hop := pullpass.RoleHop{RoleARN: arn}
		if n == len(h.options.Roles)-1 {
			hop.ExternalID = h.options.ExternalID
		}
		i.Chain = append(i.Chain, hop)
	}
	cfg, err := h.load(ctx, h.options.Profile, host)
	if err != nil {
		return nil, err
	}
	h.readers = func(ctx context.Context, host reference.Host) (iam.Reader, error) {
		configs := []awssdk.Config{cfg}
		for _, profile := range h.options.Readers {
			other, err := h.load(ctx, profile, host)
			if err != nil {
				return nil, err
			}
			configs = append(configs, other)
		}
		return aws.NewPolicies(ctx, configs...)
	}
	who := "your AWS identity"
	if h.options.Profile != "" {
		who += " (profile " + h.options.Profile + ")"
	}
	minter := aws.New(aws.Options{Ambient: func(context.Context) (awssdk.Config, error) { return cfg, nil }})
	return awsOpener{minter: minter, who: who, about: aboutOwn, request: broker.MintRequest{Organization: "doctor", Integration: i}}, nil
}

func (h *here) load(ctx context.Context, profile string, host reference.Host) (awssdk.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithDefaultRegion(host.ECR.Region)}
	if profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(profile))
	}
	cfg, err := awscall.LoadAmbient(ctx, options...)
	if err != nil {
		return cfg, misuseError{&pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the AWS configuration", Err: err, Hint: "aws configure list-profiles"}}
	}
	if h.options.Endpoint != "" {
		cfg.BaseEndpoint = awssdk.String(h.options.Endpoint)
	}
	return cfg, nil
}

// tooWide is told where an issued credential could not be narrowed.
var tooWide = doctor.Rung{Step: doctor.StepScope, Warning: true, Symptom: "unscoped", Detail: "the credential opens more than this repository: the integration's identity cannot be narrowed"}

// Open implements doctor.Opener.
func (o issuedOpener) Open(ctx context.Context, host reference.Host, repository string, tell func(doctor.Rung)) (pullpass.Credential, error) {
	ask := o.ask
	ask.Host, ask.Repository = host.Name, repository
	issued, err := o.client.Credential(ctx, ask)
	rung := doctor.Rung{Step: doctor.StepIdentity, Detail: "issued by " + o.client.Base() + " " + o.whom, Err: err}
	if err == nil && !issued.Grant.Empty() {
		rung.Err = &pullpass.Error{Kind: pullpass.Invalid, Code: "runner_native", What: "cannot pull from here",
			Cause: "the server issues a grant for the runner's own AWS identity, which this machine does not have", Hint: "let a runner try: pullpass registry test NAME --runner RUNNER"}
	}
	tell(rung)
	if rung.Err != nil {
		return pullpass.Credential{}, rung.Err
	}
	if issued.Credential.Unscoped && host.ECR != nil {
		tell(tooWide)
	}
	return issued.Credential, nil
}

// dockerOpener opens registries with what Docker has stored, as Docker would.
type dockerOpener struct{ image reference.Image }

// Open implements doctor.Opener.
func (o dockerOpener) Open(ctx context.Context, host reference.Host, _ string, tell func(doctor.Rung)) (pullpass.Credential, error) {
	auth, err := authn.Resolve(ctx, authn.DefaultKeychain, dockerResource{host.ConfigKey()})
	if err != nil {
		// The text may hold what a helper printed: a secret, if it misbehaved.
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "docker_login", What: "cannot get Docker's login for " + host.Name,
			Cause: "Docker's configuration or its credential helper gives an error", Hint: "try the helper by itself, or look into ~/.docker/config.json"}
	}
	c, err := authn.Authorization(ctx, auth)
	if err != nil || (c.Password == "" && c.RegistryToken == "" && c.IdentityToken == "") {
		return doctor.Basic{}.Open(ctx, host, "", tell)
	}
	if c.Password == "" {
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "docker_login", What: "cannot use Docker's login for " + host.Name,
			Cause: "it is a token for Docker alone, not a user name and password", Hint: "give a user name: --username NAME"}
	}
	return doctor.Basic{Username: c.Username, Password: pullpass.NewSecret(c.Password), Source: "from Docker's configuration"}.Open(ctx, host, "", tell)
}

// dockerResource names a registry as Docker's configuration does.
type dockerResource struct{ key string }

func (r dockerResource) String() string      { return r.key }
func (r dockerResource) RegistryStr() string { return r.key }

// dockerLogins reads for which hosts Docker has a login; nil without a file.
func dockerLogins() ([]doctor.Login, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, nil //nolint:nilerr // nobody's home has no logins
		}
		dir = filepath.Join(home, ".docker")
	}
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	logins, err := doctor.ReadLogins(data)
	if logins == nil && err == nil {
		logins = []doctor.Login{} // there is a file, and nothing in it
	}
	return logins, err
}
