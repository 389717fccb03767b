package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

type integrationCommand struct {
	Add    integrationAdd    `cmd:"" help:"Add access to an AWS account."`
	List   integrationList   `cmd:"" help:"List the integrations."`
	Show   integrationShow   `cmd:"" help:"Show one integration: the principal and region to name in policies."`
	Test   integrationTest   `cmd:"" help:"Find out who AWS says it is; assume each role of its chain."`
	Delete integrationDelete `cmd:"" help:"Delete an integration that no registry uses."`
}

type integrationAdd struct {
	Name        string   `arg:"" help:"Name, unique in the organization."`
	Region      string   `required:"" placeholder:"REGION" help:"Region where identities are asked for."`
	Account     string   `placeholder:"ACCOUNT" help:"12 digits of the account that the identity belongs to."`
	AccessKeyID string   `name:"access-key-id" placeholder:"ID" help:"Use an IAM user's access key; its secret half is read from --secret-key-file."`
	SecretKey   string   `name:"secret-key-file" default:"-" placeholder:"FILE" help:"File with the secret access key; - is standard input."`
	Ambient     bool     `help:"Use the server's own AWS identity."`
	Roles       []string `name:"role" placeholder:"ARN" help:"Then assume this role. Repeated: one after the other."`
	ExternalID  string   `placeholder:"ID" help:"External id for the last role."`
	Runners     []string `name:"runner" placeholder:"NAME" help:"Only for this runner. Can be repeated."`
}

func (i *integrationAdd) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	made := pullpass.Integration{Name: i.Name, Region: i.Region, Account: i.Account, AccessKeyID: i.AccessKeyID, Chain: i.chain()}
	var secret pullpass.Secret
	switch {
	case i.AccessKeyID != "" && !i.Ambient:
		made.Mode = pullpass.ModeAccessKey
		if secret, err = readSecret(t, i.SecretKey, "Secret access key: "); err != nil {
			return err
		}
	case i.Ambient && i.AccessKeyID == "":
		made.Mode = pullpass.ModeAmbient
	default:
		return misuse("an integration has one identity", "give --access-key-id ID, or --ambient")
	}
	if made.Runners, err = findRunners(ctx, c, i.Runners); err != nil {
		return err
	}
	if made, err = c.CreateIntegration(ctx, made, secret); err != nil {
		return err
	}
	t.say("Added integration %s (%s).", made.Name, made.Mode)
	t.say("Next: pullpass registry add NAME --integration %s --host ACCOUNT.dkr.ecr.%s.amazonaws.com", made.Name, made.Region)
	return t.show(api.FromIntegration(made), func(io.Writer) {})
}

func (i *integrationAdd) chain() []pullpass.RoleHop {
	var hops []pullpass.RoleHop
	for n, role := range i.Roles {
		hop := pullpass.RoleHop{RoleARN: role}
		if n == len(i.Roles)-1 {
			hop.ExternalID = i.ExternalID
		}
		hops = append(hops, hop)
	}
	return hops
}

type integrationList struct{}

func (integrationList) Run(ctx context.Context, t *terminal) error {
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
		rows = append(rows, []string{i.Name, string(i.Mode), i.Region, i.Account, i.Principal, fmt.Sprint(i.Generation)})
	}
	return t.list(list, []string{"NAME", "MODE", "REGION", "ACCOUNT", "PRINCIPAL", "GENERATION"}, rows,
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
	return t.show(api.FromIntegration(found), func(w io.Writer) {
		pairs := []string{"name", found.Name, "id", string(found.ID), "mode", string(found.Mode),
			"account", found.Account, "region", found.Region, "access key id", found.AccessKeyID}
		for _, hop := range found.Chain {
			pairs = append(pairs, "then assumes", hop.RoleARN)
		}
		pairs = append(pairs, "principal", found.Principal, "runners", ids(found.Runners, "all"),
			"generation", fmt.Sprint(found.Generation), "updated", day(found.UpdatedAt))
		facts(w, pairs...)
	})
}

type integrationDelete struct {
	Integration string `arg:"" help:"Name or id."`
}

func (i *integrationDelete) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := findIntegration(ctx, c, i.Integration)
	if err != nil {
		return err
	}
	if err := c.DeleteIntegration(ctx, id); err != nil {
		return err
	}
	t.say("Deleted integration %s.", i.Integration)
	return nil
}

func findIntegration(ctx context.Context, c *client.Client, nameOrID string) (pullpass.IntegrationID, error) {
	if pullpass.ValidID("int", nameOrID) {
		return pullpass.IntegrationID(nameOrID), nil
	}
	found, err := c.IntegrationByName(ctx, nameOrID)
	return found.ID, err
}
