package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

type trustCommand struct {
	Add    trustAdd    `cmd:"" help:"Take the tokens of a CI system or cluster in exchange for ours."`
	List   trustList   `cmd:"" help:"List the trusted issuers."`
	Test   trustTest   `cmd:"" help:"Compare a token with the trusts, claim by claim. Exit code 1 if it is not accepted."`
	Delete trustDelete `cmd:"" help:"Stop trusting an issuer; tokens given out for it end at once."`
}

type trustAdd struct {
	Name     string        `arg:"" help:"Name, unique in the organization."`
	Preset   string        `enum:",gitlab,github,buildkite,circleci,kubernetes" default:"" placeholder:"NAME" help:"Fill in the issuer, and tell which claims to test: gitlab, github, buildkite, circleci or kubernetes."`
	Issuer   string        `placeholder:"URL" help:"The iss of its tokens, byte for byte."`
	Audience string        `placeholder:"TEXT" help:"The aud that its tokens have to have; the address of the server unless given."`
	Claim    []string      `name:"claim" required:"" sep:"none" placeholder:"CLAIM=VALUE" help:"A claim that has to hold: claim=value, claim=a|b, or claim~pattern, where * is any text and ? any character, a slash included. Can be repeated; all have to hold."`
	Project  string        `env:"PULLPASS_PROJECT" placeholder:"NAME" help:"What the exchanged token is limited to; the only project, unless given."`
	Action   string        `enum:"pull,push" default:"pull" help:"What it is for: ${enum}."`
	Life     time.Duration `default:"1h" placeholder:"DURATION" help:"How long it lives at most, 1m to 12h: it ends with the token that it was exchanged for."`
}

// Help names the presets and the claims that are worth testing.
func (*trustAdd) Help() string {
	var b strings.Builder
	b.WriteString("Presets, and the claims to test:\n\n")
	for _, p := range trustPresets {
		fmt.Fprintf(&b, "  %-11s %s\n  %-11s %s\n", p.name, p.issuer, "", p.claims)
	}
	return b.String()
}

// trustPreset is a system whose tokens people exchange.
type trustPreset struct{ name, issuer, claims string }

var trustPresets = []trustPreset{
	{"gitlab", "https://gitlab.com", "--claim project_path=group/app --claim ref_protected=true"},
	{"github", "https://token.actions.githubusercontent.com", "--claim repository_id=ID --claim ref=refs/heads/main"},
	{"buildkite", "https://agent.buildkite.com", "--claim organization_slug=acme --claim pipeline_slug=app"},
	{"circleci", "--issuer https://oidc.circleci.com/org/ORGANIZATION-ID", "--claim oidc.circleci.com/project-id=PROJECT-ID"},
	{"kubernetes", "--issuer as kubectl get --raw /.well-known/openid-configuration tells it", "--claim sub=system:serviceaccount:NAMESPACE:NAME"},
}

func (a *trustAdd) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	in := api.NewTrust{Name: a.Name, Issuer: a.Issuer, Audience: a.Audience, Conditions: a.Claim, Action: pullpass.Action(a.Action), Life: int64(a.Life / time.Second)}
	for _, p := range trustPresets {
		if p.name == a.Preset && in.Issuer == "" && strings.HasPrefix(p.issuer, "https://") {
			in.Issuer = p.issuer
		}
	}
	if in.Issuer == "" {
		return misuse("no issuer is given", "give --issuer URL, or a --preset that has one: gitlab, github, buildkite")
	}
	if in.Audience == "" {
		in.Audience = c.Base()
	}
	project, err := givenOrDefaultProject(ctx, c, a.Project)
	if err != nil {
		return err
	}
	in.Project = project.ID
	made, err := c.CreateTrust(ctx, in)
	if err != nil {
		return err
	}
	t.say("Trusting %s for %s of project %s. Its tokens need the audience %s.", made.Issuer, made.Action, project.Name, made.Audience)
	t.say("Next, with a token of such a job: pullpass trust test --token -")
	return t.show(made, func(io.Writer) {})
}

type trustList struct{}

func (trustList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	names := newNames(ctx, c)
	list, err := all(c.AllTrusts(ctx), func(w api.Trust) api.Trust { return w })
	if err != nil {
		return err
	}
	makers := newMakerColumn(list, func(w api.Trust) api.Maker { return w.Maker })
	var rows [][]string
	for _, w := range list {
		rows = append(rows, makers.row([]string{w.Name, w.Issuer, w.Audience, strings.Join(w.Conditions, " "), names.project(w.Project), string(w.Action)}, w))
	}
	return t.list(list, makers.head([]string{"NAME", "ISSUER", "AUDIENCE", "CLAIMS", "PROJECT", "ACTION"}), rows, "Add one: pullpass trust add NAME --preset gitlab --claim project_path=group/app --project NAME")
}

type trustTest struct {
	Token string `default:"-" placeholder:"FILE" help:"Where to read the token; - is standard input."`
}

func (k *trustTest) Run(ctx context.Context, t *terminal) error {
	token, err := readSecret(t, k.Token, "Token: ")
	if err != nil {
		return err
	}
	c, err := connect()
	if err != nil {
		return err
	}
	result, err := c.TestTrust(ctx, token)
	if err != nil {
		return err
	}
	if err := t.show(result, func(w io.Writer) { showTrustTest(w, result) }); err != nil {
		return err
	}
	if !result.Accepted {
		return exitCode(exitFailed)
	}
	return nil
}

func showTrustTest(w io.Writer, r api.TrustTestResult) {
	for _, m := range r.Matches {
		verdict := "does not match"
		if m.OK {
			verdict = "matches"
		}
		_, _ = fmt.Fprintf(w, "%s %s\n", m.Trust, verdict)
		var rows [][]string
		for _, claim := range m.Claims {
			mark := "✗"
			if claim.OK {
				mark = "✓"
			}
			rows = append(rows, []string{"  " + mark + " " + claim.Claim, "want " + strings.Join(claim.Want, " | "), "got " + orNothing(claim.Got), claim.Why})
		}
		columns(w, rows)
	}
	if r.Cause != "" {
		_, _ = fmt.Fprintln(w, "not accepted: "+r.Cause)
	}
	if r.Hint != "" && len(r.Matches) == 0 {
		_, _ = fmt.Fprintln(w, "hint: "+r.Hint)
	}
}

type trustDelete struct {
	Trust string `arg:"" help:"Name or id."`
}

func (k *trustDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id := pullpass.TrustID(k.Trust)
	if !pullpass.ValidID("tru", k.Trust) {
		found, err := c.TrustByName(ctx, k.Trust)
		err = orNearest(err, k.Trust, "pullpass trust list", c.AllTrusts(ctx), func(w api.Trust) string { return w.Name })
		if err != nil {
			return err
		}
		id = found.ID
	}
	if err := c.DeleteTrust(ctx, id); err != nil {
		return err
	}
	t.say("No longer trusting %s; the tokens given out for it have ended.", k.Trust)
	return shown(t, deletion{Kind: "trust", ID: string(id), Name: k.Trust, Goes: []string{"the trust and the tokens given out for it"}})
}

type tokenExchange struct {
	Server       string `arg:"" help:"Address of the server."`
	Organization string `required:"" placeholder:"NAME" env:"PULLPASS_ORGANIZATION" help:"Name or id of the organization, as pullpass whoami shows them."`
	Token        string `default:"-" placeholder:"FILE" help:"Where to read the job's own OIDC token; - is standard input."`
	Project      string `placeholder:"NAME" help:"Choose among several trusts."`
	Scope        string `enum:",pull,push" default:"" placeholder:"SCOPE" help:"Ask for pull only, where push is trusted."`
}

// Run prints a token for PULLPASS_TOKEN.
func (k *tokenExchange) Run(ctx context.Context, t *terminal) error {
	token, err := readSecret(t, k.Token, "Token: ")
	if err != nil {
		return err
	}
	c, err := newClient(k.Server)
	if err != nil {
		return err
	}
	got, err := c.Exchange(ctx, k.Organization, token, k.Project, k.Scope)
	if err != nil {
		return err
	}
	t.say("A token to %s, for %s. Use it as PULLPASS_TOKEN.", got.Scope, time.Duration(got.ExpiresIn)*time.Second)
	return t.show(got, func(w io.Writer) { _, _ = fmt.Fprintln(w, got.AccessToken.Secret().Reveal()) })
}

func orNothing(claim string) string {
	if claim == "" {
		return "nothing"
	}
	return claim
}
