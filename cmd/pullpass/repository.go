package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

type repositoryCommand struct {
	Create   repositoryCreate   `cmd:"" help:"Create a project's private ECR repository, at once or on the first push."`
	List     repositoryList     `cmd:"" help:"List the repositories."`
	Show     repositoryShow     `cmd:"" help:"Show one repository: where it is, what is set, whom its policy names."`
	Update   repositoryUpdate   `cmd:"" help:"Change what is set, and put everything right in ECR; without a change, that alone."`
	Delete   repositoryDelete   `cmd:"" help:"Stop keeping a repository; ECR keeps it, unless its images are to go, too."`
	Defaults repositoryDefaults `cmd:"" help:"Show, or with flags set, what holds for all repositories of the organization."`
}

type repositoryCreate struct {
	Project         string `env:"PULLPASS_PROJECT" placeholder:"NAME" help:"The project it is for; the only one, unless given."`
	Integration     string `required:"" placeholder:"NAME" help:"Creates it, in its own account."`
	PullIntegration string `placeholder:"NAME" help:"What the project pulls and pushes with, where that is another one: its principal is what the policy names."`
	Name            string `placeholder:"NAME" help:"Name in ECR, such as team/app; without it, derived from the project's."`
	Region          string `placeholder:"REGION" help:"Without it, the integration's."`
	Host            string `placeholder:"HOST" help:"As images are to name it, such as a FIPS or dual-stack name; without it, the account's ordinary one."`
	Inside          string `enum:"never,login,whole," default:"" placeholder:"never|login|whole" help:"Who gets credentials beside runners that start environments, as for registry add: login unless given."`
	OnFirstPush     bool   `help:"Create it when the first push asks for a credential."`
	Adopt           bool   `help:"Take over a repository that is there already and was not created by Pullpass."`
	repositoryFlags
}

func (r *repositoryCreate) Run(ctx context.Context, t *terminal) error {
	settings, err := r.settings()
	if err != nil {
		return err
	}
	c, err := connect()
	if err != nil {
		return err
	}
	in := api.NewRepository{
		Name: r.Name, Region: r.Region, Host: r.Host, Inside: pullpass.Inside(r.Inside),
		OnFirstPush: r.OnFirstPush, Adopt: r.Adopt, Settings: settings,
	}
	project, err := givenOrDefaultProject(ctx, c, r.Project)
	if err != nil {
		return err
	}
	in.Project = project.ID
	if in.Integration, err = findIntegration(ctx, c, r.Integration); err != nil {
		return err
	}
	if r.PullIntegration != "" {
		if in.Puller, err = findIntegration(ctx, c, r.PullIntegration); err != nil {
			return err
		}
	}
	made, err := c.CreateRepository(ctx, in)
	if err != nil {
		return err
	}
	return created(t, project.Name, made)
}

// createRepository is the second half of project create --integration.
func (p *projectCreate) createRepository(ctx context.Context, t *terminal, c *client.Client, project pullpass.Project, i pullpass.IntegrationID) error {
	made, err := c.CreateRepository(ctx, api.NewRepository{Project: project.ID, Integration: i, Name: p.ImageRepository, OnFirstPush: p.OnFirstPush})
	if err != nil {
		t.say("Its repository is still missing: pullpass repository create --project %s --integration %s", project.Name, p.Integration)
		return err
	}
	return created(t, project.Name, made)
}

func created(t *terminal, project string, r api.Repository) error {
	switch r.State {
	case pullpass.RepositoryPending:
		t.say("The repository %s is created by its first push.", r.Image)
	default:
		t.say("The repository %s is there; its policy names %s.", r.Image, strings.Join(r.Principals, ", "))
	}
	t.say("Next: PULLPASS_PROJECT=%s PULLPASS_ACTION=push docker push %s:TAG", project, r.Image)
	t.say("docker logs in through docker-credential-pullpass. Then: pullpass env create NAME --project %s --image %s:TAG", project, r.Image)
	return t.show(r, func(io.Writer) {})
}

type repositoryList struct {
	Project string `placeholder:"NAME" help:"Only this project's."`
}

func (r *repositoryList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	var filter pullpass.RepositoryFilter
	if filter.Project, err = optionalProject(ctx, c, r.Project); err != nil {
		return err
	}
	list, err := all(c.AllRepositories(ctx, filter), func(r api.Repository) api.Repository { return r })
	if err != nil {
		return err
	}
	names := newNames(ctx, c)
	var rows [][]string
	for _, r := range list {
		rows = append(rows, []string{r.Name, names.project(r.Project), string(r.State), r.Host})
	}
	return t.list(list, []string{"NAME", "PROJECT", "STATE", "HOST"}, rows, "Create one: pullpass repository create --project NAME --integration NAME")
}

type repositoryShow struct {
	Repository string `arg:"" help:"Name, host/name or id."`
}

func (r *repositoryShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRepository(ctx, c, r.Repository)
	if err != nil {
		return err
	}
	if found, err = c.Repository(ctx, found.ID); err != nil {
		return err
	}
	return t.show(found, func(w io.Writer) { showRepository(w, newNames(ctx, c), found) })
}

func showRepository(w io.Writer, names *namesOf, r api.Repository) {
	pairs := []string{
		"name", r.Name, "id", string(r.ID), "image", r.Image + ":TAG", "account", r.Account, "region", r.Region,
		"project", names.project(r.Project), "integration", names.integration(r.Integration),
		"pulled with", names.integration(r.Puller), "registry", names.registry(r.Registry),
		"state", string(r.State), "reason", r.Reason, "policy names", strings.Join(r.Principals, ", "),
	}
	if r.InForce != nil {
		pairs = append(pairs, settingsFacts(*r.InForce)...)
	}
	if r.AppliedAt != nil {
		pairs = append(pairs, "as wanted", day(*r.AppliedAt))
	}
	facts(w, pairs...)
}

func settingsFacts(s api.RepositorySettings) []string {
	var pairs []string
	add := func(name, value string) { pairs = append(pairs, name, value) }
	if s.ImageTags != nil {
		add("image tags", string(*s.ImageTags))
	}
	if s.ScanOnPush != nil {
		add("scan", map[bool]string{true: "on-push", false: "off"}[*s.ScanOnPush])
	}
	if s.ExpireUntagged != nil {
		add("untagged expire", orNever(*s.ExpireUntagged, " days", "never"))
	}
	if s.KeepImages != nil {
		add("images kept", orNever(*s.KeepImages, "", "all"))
	}
	if s.Tags != nil {
		add("aws tags", tagList(*s.Tags))
	}
	if s.AllowPull != nil {
		add("also pull", strings.Join(*s.AllowPull, ", "))
	}
	if s.AllowPush != nil {
		add("also push", strings.Join(*s.AllowPush, ", "))
	}
	return pairs
}

func orNever(n int, unit, none string) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n) + unit
}

// findRepository takes what a person has: an id, a name, or host/name where
// several have it.
func findRepository(ctx context.Context, c *client.Client, nameOrID string) (api.Repository, error) {
	if pullpass.ValidID("rpo", nameOrID) {
		return c.Repository(ctx, pullpass.RepositoryID(nameOrID))
	}
	var found []api.Repository
	var names []string
	for r, err := range c.AllRepositories(ctx, pullpass.RepositoryFilter{}) {
		if err != nil {
			return api.Repository{}, err
		}
		names = append(names, r.Name, r.Image)
		if r.Name == nameOrID || r.Image == nameOrID {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		missing := &pullpass.Error{Kind: pullpass.NotFound, Code: "repository_not_found", What: "there is no repository " + strconv.Quote(nameOrID)}
		return api.Repository{}, withNearest(missing, nameOrID, names, "pullpass repository list")
	case 1:
		return found[0], nil
	}
	return api.Repository{}, misuse("several repositories are named "+nameOrID, "say which with its host: "+found[0].Image)
}
