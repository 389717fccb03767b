package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/pullpass/pullpass"
	awspolicies "github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/iam/generate"
	"github.com/pullpass/pullpass/internal/printable"
)

// rendering is how a generated policy is written.
type rendering struct {
	Output string `short:"o" default:"json" enum:"json,terraform,cloudformation,cloudformation-yaml,aws" help:"Form: ${enum}."`
}

// write prints a stack; its notes are talk, because JSON has no comments.
func (r rendering) write(t *terminal, stack generate.Stack, err error) error {
	if err != nil {
		return misuseError{err}
	}
	text, err := stack.Render(generate.Format(r.Output))
	if err != nil {
		return err
	}
	if r.Output == string(generate.JSON) {
		for _, note := range stack.Notes {
			t.say("note: %s", note)
		}
	}
	_, err = t.raw.Write(printable.JSON(text))
	return err
}

// writeMerged adds to the policy in force before it prints.
func (r rendering) writeMerged(ctx context.Context, t *terminal, m mergeFlags, stack generate.Stack, err error) error {
	if err != nil {
		return misuseError{err}
	}
	if stack, err = m.into(ctx, t, stack); err != nil {
		return err
	}
	return r.write(t, stack, nil)
}

// ecrFlags name the ECR registry that a policy is about.
type ecrFlags struct {
	Account   string `required:"" placeholder:"ACCOUNT" help:"12 digits of the account that owns the repositories."`
	Region    string `required:"" placeholder:"REGION" help:"Region of the repositories."`
	Partition string `placeholder:"NAME" help:"aws, aws-cn, …; derived from the region."`
}

func (e ecrFlags) registry() generate.ECR {
	return generate.ECR{Account: e.Account, Region: e.Region, Partition: e.Partition}
}

// mergeFlags add to a policy in force, instead of replacing it.
type mergeFlags struct {
	Merge    string `placeholder:"FILE" help:"Add to the policy in this file; - is standard input."`
	Live     bool   `help:"Read the policy in force from AWS, and add to it."`
	Profile  string `placeholder:"NAME" help:"AWS profile for --live, of the account that owns the repositories."`
	Endpoint string `name:"endpoint-url" placeholder:"URL" help:"Where AWS is asked, such as the sandbox."`
}

// into merges the stack with the policy in force, where that is given.
func (m mergeFlags) into(ctx context.Context, t *terminal, stack generate.Stack) (generate.Stack, error) {
	switch {
	case m.Merge != "" && m.Live:
		return stack, misuse("both --merge and --live are given", "give one of them")
	case m.Merge != "":
		current, err := readFile(t, m.Merge)
		if err != nil {
			return stack, misuseError{err}
		}
		merged, err := stack.Merged(current)
		if err != nil {
			return stack, misuseError{&pullpass.Error{Kind: pullpass.Invalid, What: "cannot add to the policy of the file", Err: err, Cause: err.Error(),
				Hint: "pullpass policy lint " + m.Merge}}
		}
		return merged, nil
	case m.Live:
		current, err := m.current(ctx, stack)
		if err != nil {
			return stack, err
		}
		return stack.Merged(current)
	}
	return stack, nil
}

func (m mergeFlags) current(ctx context.Context, stack generate.Stack) ([]byte, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithSharedConfigProfile(m.Profile))
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if m.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(m.Endpoint)
	}
	for _, r := range stack.Resources {
		switch r := r.(type) {
		case generate.RepositoryResource:
			return awspolicies.RepositoryPolicyText(ctx, cfg, r.Registry.Account, r.Registry.Region, r.Repository)
		case generate.RegistryResource:
			return awspolicies.RegistryPolicyText(ctx, cfg, r.Registry.Account, r.Registry.Region)
		}
	}
	return nil, misuse("this is not the policy of a repository or registry", "leave --live out")
}

type accessFlags struct {
	Access []string `default:"pull" enum:"pull,push,list" placeholder:"pull|push|list" help:"What it allows. Can be repeated."`
}

func (a accessFlags) list() []generate.Access {
	var list []generate.Access
	for _, text := range a.Access {
		list = append(list, generate.Access(text))
	}
	return list
}

type policyRepository struct {
	ecrFlags
	accessFlags
	mergeFlags
	rendering
	Repository string   `required:"" placeholder:"NAME" help:"Name of the repository."`
	Principals []string `name:"principal" required:"" placeholder:"ARN" help:"Role, user or account that may. Can be repeated."`
}

func (p *policyRepository) Run(ctx context.Context, t *terminal) error {
	stack, err := generate.Repository(generate.RepositoryOptions{
		Registry: p.registry(), Repository: p.Repository, Principals: p.Principals, Access: p.list(),
	})
	return p.writeMerged(ctx, t, p.mergeFlags, stack, err)
}

type policyRegistry struct {
	ecrFlags
	accessFlags
	mergeFlags
	rendering
	Repositories []string `name:"repository" required:"" placeholder:"NAME" help:"Name, or pattern such as team/*. Can be repeated."`
	Principals   []string `name:"principal" required:"" placeholder:"ARN" help:"Role, user or account that may. Can be repeated."`
	PullThrough  bool     `help:"Also the first pull through a cache rule."`
}

func (p *policyRegistry) Run(ctx context.Context, t *terminal) error {
	stack, err := generate.Registry(generate.RegistryOptions{
		Registry: p.registry(), Repositories: p.Repositories, Principals: p.Principals, Access: p.list(), PullThrough: p.PullThrough,
	})
	return p.writeMerged(ctx, t, p.mergeFlags, stack, err)
}

type policyRole struct {
	ecrFlags
	accessFlags
	rendering
	Repositories []string `name:"repository" required:"" placeholder:"NAME" help:"Name, or pattern such as team/*. Can be repeated."`
	Role         string   `placeholder:"NAME" help:"Role that gets the policy."`
	RoleAccount  string   `placeholder:"ACCOUNT" help:"Account of the role."`
	Assume       []string `placeholder:"ARN" help:"Role that it assumes next. Can be repeated."`
	PullThrough  bool     `help:"Also the first pull through a cache rule."`
}

func (p *policyRole) Run(t *terminal) error {
	stack, err := generate.Role(generate.RoleOptions{
		Registry: p.registry(), Repositories: p.Repositories, Access: p.list(),
		Role: p.Role, Account: p.RoleAccount, Assume: p.Assume, PullThrough: p.PullThrough,
	})
	return p.write(t, stack, err)
}

// oidcFlags say whose tokens a role trusts.
type oidcFlags struct {
	Issuer       string   `placeholder:"URL" help:"OIDC issuer, exactly as its tokens say it."`
	Audiences    []string `name:"audience" placeholder:"TEXT" help:"Audience; sts.amazonaws.com if none is given."`
	Source       string   `placeholder:"REPOSITORY" help:"Repository whose tokens are trusted: HOST/ORG/REPO; ORG/REPO for github; GROUP/PROJECT for gitlab; NAMESPACE/NAME for kubernetes; the subject of an integration."`
	Form         string   `default:"pullpass" enum:"pullpass,gitpod,github,gitlab,kubernetes,integration,exact" help:"How the issuer writes subjects: ${enum}."`
	Branches     []string `name:"branch" placeholder:"NAME" help:"Only this branch; may end in *. Can be repeated."`
	Environments []string `name:"environment" placeholder:"NAME" help:"Only this environment (github). Can be repeated."`
	OwnerID      string   `name:"owner-id" placeholder:"ID" help:"GitHub's id of the organization: subjects with ids are trusted, too (github)."`
	RepositoryID string   `name:"repository-id" placeholder:"ID" help:"GitHub's id of the repository: only this one is trusted, whatever is named like it later (github)."`
	Provider     bool     `help:"Also create the OIDC provider in the role's account."`
}

func (o oidcFlags) oidc() *generate.OIDC {
	if o.Issuer == "" {
		return nil
	}
	return &generate.OIDC{Issuer: o.Issuer, Audiences: o.Audiences, Subjects: []generate.Subject{{
		Form: generate.Form(o.Form), Repository: o.Source, Branches: o.Branches, Environments: o.Environments,
		OwnerID: o.OwnerID, RepositoryID: o.RepositoryID,
	}}}
}

type policyTrust struct {
	oidcFlags
	rendering
	Account    string   `required:"" placeholder:"ACCOUNT" help:"Account in which the role lives."`
	Role       string   `placeholder:"NAME" help:"Name of the role."`
	Principals []string `name:"principal" placeholder:"ARN" help:"Role, user or account that may assume it. Can be repeated."`
	ExternalID string   `placeholder:"ID" help:"External id demanded of the principals."`
	Self       bool     `help:"The role also assumes itself, which AWS wants to read explicitly."`
}

func (p *policyTrust) Run(t *terminal) error {
	stack, err := generate.Trust(generate.TrustOptions{
		Account: p.Account, Role: p.Role, OIDC: p.oidc(), Provider: p.Provider,
		Principals: p.Principals, ExternalID: p.ExternalID, Self: p.Self,
	})
	return p.write(t, stack, err)
}

type policyRunner struct {
	ecrFlags
	accessFlags
	oidcFlags
	rendering
	Repositories []string `name:"repository" required:"" placeholder:"NAME" help:"Name, or pattern such as team/*. Can be repeated."`
	RoleAccount  string   `placeholder:"ACCOUNT" help:"Account in which the runner lives; the registry's if it is not given."`
	Role         string   `placeholder:"NAME" help:"Name of the role."`
	Compute      string   `default:"ec2" enum:"ec2,ecs,oidc" help:"Where the runner runs: ${enum}."`
	Narrow       bool     `help:"The role may assume itself, so that each session can be narrowed to one pull."`
}

func (p *policyRunner) Run(t *terminal) error {
	stack, err := generate.Runner(generate.RunnerOptions{
		Registry: p.registry(), Repositories: p.Repositories, Access: p.list(), Account: p.RoleAccount, Role: p.Role,
		Compute: generate.Compute(p.Compute), OIDC: p.oidc(), Provider: p.Provider, Narrow: p.Narrow,
	})
	return p.write(t, stack, err)
}

type policyPreset struct {
	mergeFlags
	rendering
	Name       string   `arg:"" optional:"" help:"Name of the preset; without it, the list of them."`
	Account    string   `placeholder:"ACCOUNT" help:"Account that owns the repositories."`
	Region     string   `placeholder:"REGION" help:"Region of the repositories."`
	Repository string   `placeholder:"NAME" help:"Name of the repository, or a pattern."`
	Platform   string   `placeholder:"ACCOUNT" help:"The platform's AWS account."`
	Principals []string `name:"principal" placeholder:"ARN" help:"Who may. Can be repeated."`
	Role       string   `placeholder:"NAME" help:"Name of the role."`
	RoleAcct   string   `name:"role-account" placeholder:"ACCOUNT" help:"Account of the role."`
	Issuer     string   `placeholder:"URL" help:"The platform's OIDC issuer."`
	Source     string   `placeholder:"HOST/ORG/REPO" help:"Repository whose environments may assume the role."`
	Branches   []string `name:"branch" placeholder:"NAME" help:"Only this branch; all of them if none is given. Can be repeated."`
	Org        string   `name:"organization" placeholder:"ID" help:"Id of the AWS organization, o-…."`
}

func (p *policyPreset) Run(ctx context.Context, t *terminal) error {
	if p.Name == "" {
		return listPresets(t)
	}
	stack, err := generate.FromPreset(p.Name, generate.PresetOptions{
		Registry: generate.ECR{Account: p.Account, Region: p.Region}, Repository: p.Repository, Platform: p.Platform,
		Principals: p.Principals, Role: p.Role, Account: p.RoleAcct, Issuer: p.Issuer, Source: p.Source, Branches: p.Branches, Organization: p.Org,
	})
	return p.writeMerged(ctx, t, p.mergeFlags, stack, err)
}

func listPresets(t *terminal) error {
	type preset struct {
		Name        string   `json:"name"`
		Title       string   `json:"title"`
		Needs       []string `json:"needs"`
		Optional    []string `json:"optional,omitempty"`
		Corrections []string `json:"corrections"`
	}
	var list []preset
	for _, p := range generate.Presets() {
		list = append(list, preset{p.Name, p.Title, p.Needs, p.Optional, p.Corrections})
	}
	return t.show(list, func(w io.Writer) {
		for _, p := range list {
			_, _ = fmt.Fprintf(w, "%s\n    %s\n    needs: --%s\n", p.Name, p.Title, strings.Join(p.Needs, " --"))
			if len(p.Optional) > 0 {
				_, _ = fmt.Fprintf(w, "    also:  --%s\n", strings.Join(p.Optional, " --"))
			}
			for _, c := range p.Corrections {
				_, _ = fmt.Fprintf(w, "    corrected: %s\n", c)
			}
		}
	})
}
