package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/pullpass/pullpass"
	awspolicies "github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/reference"
)

// policyExplain tells a whole pull, push or listing as a story.
type policyExplain struct {
	Verb       string   `arg:"" enum:"pull,push,list" help:"pull, push or list."`
	Image      string   `arg:"" help:"Image or repository: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME."`
	Caller     string   `name:"as" placeholder:"ARN" help:"Who starts: a user, role or role session. Not needed with --token."`
	Roles      []string `name:"role" placeholder:"ARN" help:"Role to be assumed. Repeated: one after the other."`
	ExternalID string   `placeholder:"ID" help:"External id given to the last role."`
	Token      string   `placeholder:"FILE" help:"OIDC token with which the first role is assumed; - is standard input. Its claims are laid beside the trust policy; its signature is not looked at."`
	Context    []string `name:"context" sep:"none" placeholder:"KEY=VALUE" help:"What the real request has for a condition key, such as aws:PrincipalOrgID=o-abc. Can be repeated, also for several values; KEY= says that the request does not have it."`
	Policies   string   `placeholder:"FILE" help:"JSON with the policies: identity, boundary, trust, repository and registry by ARN or account, clients by provider ARN."`
	Live       bool     `help:"Read the policies from AWS, with the default profile or those given."`
	Profiles   []string `name:"profile" placeholder:"NAME" help:"AWS profile to read with. Repeated: one for each account."`
	Endpoint   string   `name:"endpoint-url" placeholder:"URL" help:"Where AWS is asked, such as the sandbox."`
}

// Run prints the story. Exit code 0 allowed, 1 denied, 2 misused, 3 not known.
func (p *policyExplain) Run(ctx context.Context, t *terminal) error {
	journey, err := p.journey(t)
	if err != nil {
		return misuseError{err}
	}
	reader, err := p.reader(ctx, t)
	if err != nil {
		return err
	}
	story, err := iam.Explain(ctx, journey, reader)
	if err != nil {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot explain it", Err: err}
	}
	var failed error
	if err := t.show(story, func(w io.Writer) { failed = story.WriteText(w) }); err != nil {
		return err
	}
	switch {
	case failed != nil || story.Status == iam.StepOK:
		return failed
	case story.Status == iam.StepUnknown:
		return exitCode(exitUnknown)
	}
	return exitCode(exitFailed)
}

// context reads KEY=VALUE. A key without a value is known to be absent.
func (p *policyExplain) context() (map[string][]string, error) {
	context := map[string][]string{}
	for _, pair := range p.Context {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" || !strings.Contains(key, ":") {
			return nil, misuse("--context takes KEY=VALUE", "--context aws:PrincipalOrgID=o-abc")
		}
		if _, given := context[key]; !given {
			context[key] = []string{}
		}
		if value != "" {
			context[key] = append(context[key], value)
		}
	}
	return context, nil
}

func (p *policyExplain) journey(t *terminal) (iam.Journey, error) {
	context, err := p.context()
	j := iam.Journey{Verb: iam.Verb(p.Verb), Now: time.Now(), Context: context}
	if err != nil {
		return j, err
	}
	image, err := reference.ParseImage(p.Image)
	if err != nil {
		return j, err
	}
	host, err := reference.ParseHost(image.Host)
	if err != nil {
		return j, err
	}
	if host.ECR == nil {
		return j, misuse(image.Host+" is not an ECR host", "ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME")
	}
	j.Repository = iam.Repository{Partition: string(host.ECR.Partition()), Account: host.ECR.Account, Region: host.ECR.Region, Name: image.Repository}
	for i, role := range p.Roles {
		if who, err := iam.ParsePrincipal(role); err != nil || who.Kind != iam.Role {
			return j, misuse("--role takes the ARN of a role", "arn:aws:iam::111111111111:role/pull")
		}
		hop := iam.Hop{RoleARN: role}
		if i == len(p.Roles)-1 {
			hop.ExternalID = p.ExternalID
		}
		j.Roles = append(j.Roles, hop)
	}
	if p.Token != "" {
		if len(p.Roles) == 0 {
			return j, misuse("a token signs in to a role, and none is given", "give --role ARN")
		}
		j.Token, err = readToken(t, p.Token)
		return j, err
	}
	if p.Caller == "" {
		return j, misuse("no principal is given", "give --as ARN, or --token FILE")
	}
	j.Caller, err = iam.ParsePrincipal(p.Caller)
	return j, err
}

func (p *policyExplain) reader(ctx context.Context, t *terminal) (iam.Reader, error) {
	switch {
	case p.Policies != "" && !p.Live:
		data, err := readFile(t, p.Policies)
		if err != nil {
			return nil, misuseError{err}
		}
		return readDocuments(data)
	case p.Live && p.Policies == "":
		return p.live(ctx)
	}
	return nil, misuse("no policies are given", "give --policies FILE, or --live to read them from AWS")
}

func (p *policyExplain) live(ctx context.Context) (iam.Reader, error) {
	profiles := p.Profiles
	if len(profiles) == 0 {
		profiles = []string{""}
	}
	var configs []aws.Config
	for _, profile := range profiles {
		cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithSharedConfigProfile(profile))
		if err != nil {
			return nil, fmt.Errorf("reading the AWS configuration: %w", err)
		}
		if p.Endpoint != "" {
			cfg.BaseEndpoint = aws.String(p.Endpoint)
		}
		configs = append(configs, cfg)
	}
	return awspolicies.NewPolicies(ctx, configs...)
}

// policyFile is the form of --policies.
type policyFile struct {
	Identity   map[string][]json.RawMessage `json:"identity"`
	Boundary   map[string]json.RawMessage   `json:"boundary"`
	Trust      map[string]json.RawMessage   `json:"trust"`
	Repository map[string]json.RawMessage   `json:"repository"`
	Registry   map[string]json.RawMessage   `json:"registry"`
	Clients    map[string][]string          `json:"clients"`
}

func readDocuments(data []byte) (*iam.Documents, error) {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	var f policyFile
	if err := dec.Decode(&f); err != nil {
		return nil, misuse("the file of policies cannot be read", `want {"identity":{ARN:[policy]},"trust":{ARN:policy},"repository":{ARN:policy},"registry":{ACCOUNT:policy},"boundary":{ARN:policy},"clients":{ARN:[id]}}`)
	}
	d := &iam.Documents{Identity: map[string][]*iam.Policy{}, Clients: f.Clients}
	for arn, texts := range f.Identity {
		d.Identity[arn] = []*iam.Policy{}
		for i, text := range texts {
			policy, err := iam.Parse(text)
			if err != nil {
				return nil, misuseError{fmt.Errorf("identity policy %d of %s: %w", i, arn, err)}
			}
			d.Identity[arn] = append(d.Identity[arn], policy)
		}
	}
	for _, part := range []struct {
		name string
		from map[string]json.RawMessage
		to   *map[string]*iam.Policy
	}{{"boundary", f.Boundary, &d.Boundary}, {"trust", f.Trust, &d.Trust}, {"repository", f.Repository, &d.Repository}, {"registry", f.Registry, &d.Registry}} {
		parsed, err := parsePolicies(part.name, part.from)
		if err != nil {
			return nil, err
		}
		*part.to = parsed
	}
	return d, nil
}

// parsePolicies reads a map of policies; null says that there is none.
func parsePolicies(kind string, from map[string]json.RawMessage) (map[string]*iam.Policy, error) {
	policies := map[string]*iam.Policy{}
	for name, text := range from {
		if string(text) == "null" {
			policies[name] = nil
			continue
		}
		policy, err := iam.Parse(text)
		if err != nil {
			return nil, misuseError{fmt.Errorf("%s policy of %s: %w", kind, name, err)}
		}
		policies[name] = policy
	}
	return policies, nil
}
