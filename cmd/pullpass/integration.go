package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/awsname"
)

type integrationCommand struct {
	Add    integrationAdd    `cmd:"" help:"Add access to an AWS account."`
	List   integrationList   `cmd:"" help:"List the integrations."`
	Show   integrationShow   `cmd:"" help:"Show one integration: the principal and region to name in policies."`
	Update integrationUpdate `cmd:"" help:"Change an integration; its registries use it from now on."`
	Test   integrationTest   `cmd:"" help:"Find out who AWS says it is; assume each role of its chain."`
	Delete integrationDelete `cmd:"" help:"Delete an integration that no registry uses."`
}

type integrationAdd struct {
	Name         string   `arg:"" help:"Name, unique in the organization."`
	Region       string   `required:"" placeholder:"REGION" help:"Region where identities are asked for."`
	Account      string   `placeholder:"ACCOUNT" help:"12 digits of the account that the identity belongs to."`
	AccessKeyID  string   `name:"access-key-id" placeholder:"ID" help:"Use an IAM user's access key; its secret half is read from --secret-key-file."`
	SecretKey    string   `name:"secret-key-file" default:"-" placeholder:"FILE" help:"File with the secret access key; - is standard input."`
	Ambient      bool     `help:"Use the server's own AWS identity."`
	WebIdentity  bool     `help:"Use tokens that Pullpass issues: the first --role trusts this organization's issuer. Nothing is stored."`
	RunnerNative bool     `help:"Use the runner's own AWS identity; each --role is assumed by the runner."`
	Roles        []string `name:"role" sep:"none" placeholder:"ROLE" help:"Then assume this role: its ARN, and what AWS is told with it: ARN,external-id=ID,source-identity=NAME,tag:KEY=VALUE. Repeated: one after the other."`
	ExternalID   string   `placeholder:"ID" help:"External id for the last role."`
	Runners      []string `name:"runner" placeholder:"NAME" help:"Only for this runner. Can be repeated."`
	Projects     []string `name:"project" placeholder:"NAME" help:"Administrators of this project, too, may open registries and repositories through it. Can be repeated. Without it only those of the whole organization may."`
}

func (i *integrationAdd) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	made := pullpass.Integration{Name: i.Name, Region: i.Region, Account: i.Account, AccessKeyID: i.AccessKeyID}
	if made.Mode, err = i.mode(); err != nil {
		return err
	}
	if made.Chain, err = roleChain(i.Roles, i.ExternalID); err != nil {
		return err
	}
	var secret pullpass.Secret
	if made.Mode == pullpass.ModeAccessKey {
		if secret, err = readSecret(t, i.SecretKey, "Secret access key: "); err != nil {
			return err
		}
	}
	if made.Runners, err = runnersOrAll(ctx, c, i.Runners); err != nil {
		return err
	}
	if made.Projects, err = findProjects(ctx, c, i.Projects); err != nil {
		return err
	}
	if made, err = c.CreateIntegration(ctx, made, secret); err != nil {
		return err
	}
	t.say("Added integration %s (%s).", made.Name, made.Mode)
	if made.Mode == pullpass.ModeWebIdentity {
		t.say("Next: let its first role trust it; this shows how: pullpass integration show %s", made.Name)
	} else {
		t.say("Next: pullpass registry add NAME --integration %s --host ACCOUNT.dkr.ecr.%s.amazonaws.com", made.Name, made.Region)
	}
	return t.show(api.FromIntegration(made), func(io.Writer) {})
}

func (i *integrationAdd) mode() (pullpass.IntegrationMode, error) {
	var chosen []pullpass.IntegrationMode
	for mode, given := range map[pullpass.IntegrationMode]bool{
		pullpass.ModeAccessKey: i.AccessKeyID != "", pullpass.ModeAmbient: i.Ambient,
		pullpass.ModeWebIdentity: i.WebIdentity, pullpass.ModeRunnerNative: i.RunnerNative,
	} {
		if given {
			chosen = append(chosen, mode)
		}
	}
	if len(chosen) != 1 {
		return "", misuse("an integration has one identity", "give one of --web-identity, --runner-native, --ambient and --access-key-id ID")
	}
	return chosen[0], nil
}

// roleChain reads the roles of a command line.
func roleChain(roles []string, externalID string) ([]pullpass.RoleHop, error) {
	var hops []pullpass.RoleHop
	for _, role := range roles {
		hop, err := roleHop(role)
		if err != nil {
			return nil, err
		}
		hops = append(hops, hop)
	}
	switch {
	case externalID == "":
	case len(hops) == 0:
		return nil, misuse("--external-id is for a role", "add --role ARN")
	default:
		hops[len(hops)-1].ExternalID = externalID
	}
	return hops, nil
}

// roleHop reads ARN,external-id=ID,source-identity=NAME,tag:KEY=VALUE.
func roleHop(text string) (pullpass.RoleHop, error) {
	arn, rest, _ := strings.Cut(text, ",")
	hop := pullpass.RoleHop{RoleARN: arn}
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(one, "=")
		key, isTag := strings.CutPrefix(name, "tag:")
		switch {
		case !ok:
			return hop, misuse(strconv.Quote(one)+" in --role is not NAME=VALUE", "ARN,external-id=ID,source-identity=NAME,tag:KEY=VALUE")
		case name == "external-id":
			hop.ExternalID = value
		case name == "source-identity":
			hop.SourceIdentity = value
		case isTag:
			if hop.SessionTags == nil {
				hop.SessionTags = make(map[string]string)
			}
			hop.SessionTags[key] = value
		default:
			return hop, misuse(strconv.Quote(name)+" in --role is not known", "known are external-id, source-identity and tag:KEY")
		}
	}
	return hop, nil
}

type integrationList struct{ wideFlag }

func (l *integrationList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	list, err := all(c.AllIntegrations(ctx), api.FromIntegration)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, i := range list {
		rows = append(rows, l.row([]string{i.Name, string(i.Mode), i.Region, i.Account}, i.Principal, fmt.Sprint(i.Generation), string(i.ID)))
	}
	return t.list(list, l.row([]string{"NAME", "MODE", "REGION", "ACCOUNT"}, "PRINCIPAL", "GENERATION", "ID"), rows,
		"Add one: pullpass integration add NAME --region REGION --access-key-id ID")
}

type integrationShow struct {
	Integration string `arg:"" help:"Name or id."`
}

func (i *integrationShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := findIntegration(ctx, c, i.Integration)
	if err != nil {
		return err
	}
	found, err := c.Integration(ctx, id)
	if err != nil {
		return err
	}
	proof, err := proofToAWS(ctx, c, found)
	if err != nil {
		return err
	}
	runners, err := runnersShown(ctx, c, found.Runners)
	if err != nil {
		return err
	}
	return t.show(api.FromIntegration(found), func(w io.Writer) {
		pairs := []string{"name", found.Name, "id", string(found.ID), "mode", string(found.Mode),
			"account", found.Account, "region", found.Region, "access key id", found.AccessKeyID}
		for _, hop := range found.Chain {
			pairs = append(pairs, "then assumes", hop.RoleARN, "  external id", hop.ExternalID, "  source identity", hop.SourceIdentity,
				"  session tags", tagList(hop.SessionTags))
		}
		pairs = append(pairs, "principal", found.Principal, "runners", runners,
			"projects", newNames(ctx, c).projects(found.Projects, "none: for administrators of the whole organization"),
			"generation", fmt.Sprint(found.Generation), "updated", day(found.UpdatedAt))
		facts(w, append(pairs, proof...)...)
	})
}

// proofToAWS is what others put into their policies beside the principal: for a web
// identity its issuer and subject, for runner-native the runners' own principals.
func proofToAWS(ctx context.Context, c *client.Client, i pullpass.Integration) ([]string, error) {
	switch i.Mode {
	case pullpass.ModeWebIdentity:
		id, err := c.Identity(ctx)
		if err != nil {
			return nil, err
		}
		w := api.FromIntegration(i)
		return []string{"issuer", id.Issuer, "audience", awsAudience, "subject", w.Subject,
			"trust policy", trustPolicyOf(id.Issuer, w)}, nil
	case pullpass.ModeRunnerNative:
		var pairs []string
		for r, err := range c.AllRunners(ctx) {
			if err != nil {
				return nil, err
			}
			if r.AWSIdentity != "" && (len(i.Runners) == 0 || slices.Contains(i.Runners, r.ID)) {
				pairs = append(pairs, "runner "+r.Name, r.AWSIdentity)
			}
		}
		return pairs, nil
	}
	return nil, nil
}

// trustPolicyOf is the command that makes the trust policy of the first role.
func trustPolicyOf(issuer string, i api.Integration) string {
	account, role := "ACCOUNT", "NAME"
	if len(i.Chain) > 0 {
		if arn, ok := awsname.ParseARN(i.Chain[0].RoleARN); ok {
			account, role = arn.Account, arn.Resource[strings.LastIndexByte(arn.Resource, '/')+1:]
		}
	}
	return "pullpass policy trust --account " + account + " --role " + role + " --issuer " + issuer + " --form integration --source '" + i.Subject + "' --provider"
}

func tagList(tags map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, key+"="+tags[key])
	}
	return strings.Join(list, ", ")
}

func findIntegration(ctx context.Context, c *client.Client, nameOrID string) (pullpass.IntegrationID, error) {
	if pullpass.ValidID("int", nameOrID) {
		return pullpass.IntegrationID(nameOrID), nil
	}
	found, err := c.IntegrationByName(ctx, nameOrID)
	return found.ID, orNearest(err, nameOrID, "pullpass integration list", c.AllIntegrations(ctx),
		func(i pullpass.Integration) string { return i.Name })
}
