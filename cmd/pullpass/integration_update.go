package main

import (
	"cmp"
	"context"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

type integrationUpdate struct {
	Integration string   `arg:"" help:"Name or id."`
	Name        *string  `placeholder:"NAME" help:"New name."`
	Region      *string  `placeholder:"REGION" help:"New region."`
	Account     *string  `placeholder:"ACCOUNT" help:"New account: 12 digits."`
	AccessKeyID *string  `name:"access-key-id" placeholder:"ID" help:"New access key; its secret half is read from --secret-key-file."`
	SecretKey   string   `name:"secret-key-file" placeholder:"FILE" help:"With --access-key-id: file with its secret; - is standard input, which is also read without this."`
	Roles       []string `name:"role" sep:"none" placeholder:"ROLE" help:"The roles to assume from now on, written as for add. Repeated: one after the other."`
	ExternalID  string   `placeholder:"ID" help:"External id for the last role."`
	Runners     []string `name:"runner" placeholder:"NAME" help:"Only for this runner from now on; all lifts the limit. Can be repeated."`
	Projects    []string `name:"project" xor:"projects" placeholder:"NAME" help:"From now on administrators of this project, too, may open registries through it; those that are not named may not. Can be repeated."`
	NoProject   bool     `xor:"projects" help:"From now on only administrators of the whole organization may open registries through it."`
}

// Run changes what was given. An integration is asked for at every pull, so unlike
// a registry's password its change reaches environments that run.
func (i *integrationUpdate) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := findIntegration(ctx, c, i.Integration)
	if err != nil {
		return err
	}
	change, err := i.change(ctx, c, t)
	if err != nil {
		return err
	}
	updated, err := c.UpdateIntegration(ctx, id, change)
	if err != nil {
		return err
	}
	t.say("Updated integration %s to generation %d; its registries use it from now on.", updated.Name, updated.Generation)
	t.say("Next: pullpass integration test %s", updated.Name)
	return t.show(api.FromIntegration(updated), func(io.Writer) {})
}

func (i *integrationUpdate) change(ctx context.Context, c *client.Client, t *terminal) (pullpass.IntegrationChange, error) {
	if i.SecretKey != "" && i.AccessKeyID == nil {
		return pullpass.IntegrationChange{}, misuse("a secret access key alone says nothing of its access key",
			"give both: --access-key-id ID --secret-key-file FILE")
	}
	change := pullpass.IntegrationChange{Name: i.Name, Region: i.Region, Account: i.Account, AccessKeyID: i.AccessKeyID}
	if len(i.Roles) > 0 || i.ExternalID != "" {
		chain, err := roleChain(i.Roles, i.ExternalID)
		if err != nil {
			return change, err
		}
		change.Chain = &chain
	}
	if len(i.Runners) > 0 {
		runners, err := runnersOrAll(ctx, c, i.Runners)
		if err != nil {
			return change, err
		}
		change.Runners = &runners
	}
	if len(i.Projects) > 0 || i.NoProject {
		projects, err := findProjects(ctx, c, i.Projects)
		if err != nil {
			return change, err
		}
		change.Projects = &projects
	}
	if change == (pullpass.IntegrationChange{}) {
		return change, misuse("nothing to change was given", "give --name, --region, --account, --access-key-id, --role, --runner, --project or --no-project")
	}
	if i.AccessKeyID != nil {
		secret, err := readSecret(t, cmp.Or(i.SecretKey, "-"), "Secret access key: ")
		if err != nil {
			return change, err
		}
		change.Secret = &secret
	}
	return change, nil
}
