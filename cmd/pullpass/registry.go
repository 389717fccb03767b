package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/reference"
)

type registryCommand struct {
	Add    registryAdd    `cmd:"" help:"Add a registry to a project, or to the whole organization."`
	List   registryList   `cmd:"" help:"List the registries."`
	Show   registryShow   `cmd:"" help:"Show one registry; never its password."`
	Test   registryTest   `cmd:"" help:"Have a registry pulled from step by step, by the server or a runner."`
	Update registryUpdate `cmd:"" help:"Change a registry: what starts from now on uses the new state."`
	Delete registryDelete `cmd:"" help:"Delete a registry: environments that were started with it keep it until they are deleted."`
}

type registryAdd struct {
	Name         string   `arg:"" help:"3 to 127 letters, digits, underscores, hyphens."`
	Host         string   `required:"" placeholder:"HOST" help:"As images name it: 222222222222.dkr.ecr.eu-west-1.amazonaws.com, ghcr.io, https://index.docker.io/v1/."`
	Project      string   `placeholder:"NAME" help:"Only for this project; without it, for the whole organization."`
	PathPrefix   string   `placeholder:"PATH" help:"Only for repositories below this path."`
	Username     string   `placeholder:"NAME" help:"Log in with a username; the password is read from standard input or --password-file."`
	PasswordFile string   `default:"-" placeholder:"FILE" help:"File with the password or access token; - is standard input."`
	Integration  string   `placeholder:"NAME" help:"Open an ECR registry through this integration."`
	RunnerNative bool     `help:"Open an ECR registry through the runner's own AWS identity."`
	Runners      []string `name:"runner" placeholder:"NAME" help:"Only on this runner. Can be repeated."`
	Inside       string   `enum:"never,login,whole," default:"" placeholder:"never|login|whole" help:"Who gets credentials beside runners that start environments: never nobody; login people, CI jobs, and inside an environment for its own images; whole for all that it covers. Without it: login for a project's registry, never for the organization's."`
	registryTrial
}

// readHost takes what people paste (an address of a browser, upper case, a path
// behind the host) for what it means, and says so. What it cannot read is left as it
// is: the server's refusal names the flags.
func (r *registryAdd) readHost(t *terminal) {
	if _, err := reference.ParseHost(r.Host); err == nil {
		return
	}
	p, ok := reference.ReadPasted(r.Host)
	if !ok || (p.Path != "" && r.PathPrefix != "") {
		return
	}
	r.Host = p.Host
	if p.Path != "" {
		r.PathPrefix = p.Path
	}
	t.say("Reading the host as %s.", p.Flags())
}

func (r *registryAdd) Run(ctx context.Context, t *terminal) error {
	r.readHost(t)
	c, err := connect()
	if err != nil {
		return err
	}
	reg, password, err := r.registry(ctx, c, t)
	if err != nil {
		return err
	}
	if err := r.tryFirst(ctx, c, t, reg, password); err != nil {
		return err
	}
	made, err := c.CreateRegistry(ctx, reg, password)
	if err != nil {
		return inFlags(err)
	}
	t.say("Added registry %s for %s, opened by %s; inside: %s.", made.Name, hostAndPath(made), made.Auth, made.Inside)
	if made.Auth == pullpass.AuthBasic && made.Inside.Open() {
		t.say("People inside this project's environments can read its password; --inside never keeps it from them.")
	}
	t.say("Next: pullpass env create NAME --project PROJECT --image %s/…", made.Host)
	return t.show(api.FromRegistry(made), func(io.Writer) {})
}

// inFlags says in this command's words what the server misses.
func inFlags(err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "auth_missing" {
		return err
	}
	said := *e
	said.Hint = "give one of --username NAME, --integration NAME, --runner-native"
	return &said
}

func (r *registryAdd) registry(ctx context.Context, c *client.Client, t *terminal) (pullpass.Registry, pullpass.Secret, error) {
	reg := pullpass.Registry{Name: r.Name, Host: r.Host, PathPrefix: r.PathPrefix, Inside: pullpass.Inside(r.Inside)}
	var password pullpass.Secret
	var err error
	if reg.Project, err = optionalProject(ctx, c, r.Project); err != nil {
		return reg, password, err
	}
	if reg.Runners, err = runnersOrAll(ctx, c, r.Runners); err != nil {
		return reg, password, err
	}
	switch {
	case r.Username != "" && r.Integration == "" && !r.RunnerNative:
		reg.Auth, reg.Username = pullpass.AuthBasic, r.Username
		password, err = readSecret(t, r.PasswordFile, "Password: ")
	case r.Integration != "" && r.Username == "" && !r.RunnerNative:
		reg.Auth = pullpass.AuthIntegration
		reg.Integration, err = findIntegration(ctx, c, r.Integration)
	case r.RunnerNative && r.Username == "" && r.Integration == "":
		reg.Auth = pullpass.AuthRunnerNative
	case !r.RunnerNative && r.Username == "" && r.Integration == "":
		// The server fills in runner-native where that is possible.
	default:
		err = misuse("a registry is opened in one way", "give one of --username NAME, --integration NAME, --runner-native")
	}
	return reg, password, err
}

type registryList struct {
	wideFlag
	Project string `placeholder:"NAME" help:"Only this project's own."`
}

func (r *registryList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	var filter pullpass.RegistryFilter
	if r.Project != "" {
		project, err := findProject(ctx, c, r.Project)
		if err != nil {
			return err
		}
		filter.Project = &project.ID
	}
	registries, err := all(c.AllRegistries(ctx, filter), api.FromRegistry)
	if err != nil {
		return err
	}
	names := newNames(ctx, c)
	var rows [][]string
	for _, reg := range registries {
		scope := names.project(reg.Project)
		if scope == "" {
			scope = "organization"
		}
		opened := string(reg.Auth)
		if reg.Integration != "" {
			opened = names.integration(reg.Integration)
		}
		rows = append(rows, r.row([]string{reg.Name, scope, opened, reg.Host}, reg.PathPrefix, string(reg.Inside), fmt.Sprint(reg.Generation), string(reg.ID)))
	}
	return t.list(registries, r.row([]string{"NAME", "SCOPE", "OPENED BY", "HOST"}, "PATH", "INSIDE", "GENERATION", "ID"), rows,
		"Add one: pullpass registry add NAME --host HOST --username USER")
}

type registryShow struct {
	Registry string `arg:"" help:"Name or id."`
	Project  string `placeholder:"NAME" help:"The project it belongs to, if it is not the organization's."`
}

func (r *registryShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	reg, err := findRegistry(ctx, c, r.Project, r.Registry)
	if err != nil {
		return err
	}
	return showRegistry(ctx, t, c, reg)
}

func showRegistry(ctx context.Context, t *terminal, c *client.Client, reg pullpass.Registry) error {
	names := newNames(ctx, c)
	runners, err := runnersShown(ctx, c, reg.Runners)
	if err != nil {
		return err
	}
	return t.show(api.FromRegistry(reg), func(w io.Writer) {
		facts(w, "name", reg.Name, "id", string(reg.ID), "host", reg.Host, "path", reg.PathPrefix,
			"auth", string(reg.Auth), "username", reg.Username, "integration", names.integration(reg.Integration),
			"project", names.project(reg.Project), "runners", runners, "inside", string(reg.Inside),
			"generation", fmt.Sprint(reg.Generation), "updated", day(reg.UpdatedAt))
	})
}

type registryUpdate struct {
	Registry string   `arg:"" help:"Name or id."`
	Project  string   `placeholder:"NAME" help:"The project it belongs to, if it is not the organization's."`
	Username *string  `placeholder:"NAME" help:"New username."`
	Password string   `name:"password-file" placeholder:"FILE" help:"File with the new password; - is standard input."`
	Inside   string   `enum:"never,login,whole," default:"" placeholder:"never|login|whole" help:"Who gets credentials beside runners that start environments, as for add."`
	Runners  []string `name:"runner" placeholder:"NAME" help:"Only on this runner from now on; all lifts the limit. Can be repeated."`
}

func (r *registryUpdate) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	reg, err := findRegistry(ctx, c, r.Project, r.Registry)
	if err != nil {
		return err
	}
	change, err := r.change(ctx, c, t)
	if err != nil {
		return err
	}
	updated, err := c.UpdateRegistry(ctx, reg.ID, change)
	if err != nil {
		return err
	}
	t.say("Updated registry %s to generation %d.", updated.Name, updated.Generation)
	t.say("Environments that run keep generation %d until: pullpass env restart NAME", reg.Generation)
	return t.show(api.FromRegistry(updated), func(io.Writer) {})
}

func (r *registryUpdate) change(ctx context.Context, c *client.Client, t *terminal) (pullpass.RegistryChange, error) {
	change := pullpass.RegistryChange{Username: r.Username}
	if r.Password != "" {
		password, err := readSecret(t, r.Password, "Password: ")
		if err != nil {
			return change, err
		}
		change.Secret = &password
	}
	if r.Inside != "" {
		inside := pullpass.Inside(r.Inside)
		change.Inside = &inside
	}
	if len(r.Runners) > 0 {
		runners, err := runnersOrAll(ctx, c, r.Runners)
		if err != nil {
			return change, err
		}
		change.Runners = &runners
	}
	if change == (pullpass.RegistryChange{}) {
		return change, misuse("nothing to change was given", "give --username, --password-file, --inside or --runner")
	}
	return change, nil
}

func findRegistry(ctx context.Context, c *client.Client, project, nameOrID string) (pullpass.Registry, error) {
	if pullpass.ValidID("reg", nameOrID) {
		return c.Registry(ctx, pullpass.RegistryID(nameOrID))
	}
	if project != "" {
		p, err := findProject(ctx, c, project)
		if err != nil {
			return pullpass.Registry{}, err
		}
		found, err := c.RegistryByName(ctx, p.ID, nameOrID)
		return found, orNearest(err, nameOrID, "pullpass registry list", c.AllRegistries(ctx, pullpass.RegistryFilter{Project: &p.ID}), registryName)
	}
	return registryAnywhere(ctx, c, nameOrID)
}

// registryAnywhere finds a registry that the organization or one project alone has
// under the name. Where several have it, the default project decides.
func registryAnywhere(ctx context.Context, c *client.Client, name string) (pullpass.Registry, error) {
	found, err := c.RegistryByName(ctx, "", name)
	if err == nil || !pullpass.IsKind(err, pullpass.NotFound) {
		return found, err
	}
	var same []pullpass.Registry
	var names []string
	for r, err := range c.AllRegistries(ctx, pullpass.RegistryFilter{}) {
		if err != nil {
			return found, err
		}
		names = append(names, r.Name)
		if r.Name == name {
			same = append(same, r)
		}
	}
	switch len(same) {
	case 1:
		return same[0], nil
	case 0:
		return found, withNearest(err, name, names, "pullpass registry list")
	}
	preferred, err := preferredProject(ctx, c)
	for _, r := range same {
		if err == nil && r.Project == preferred {
			return r, nil
		}
	}
	return found, misuse("several projects have a registry "+name, "say which: --project NAME")
}

func registryName(r pullpass.Registry) string { return r.Name }

func hostAndPath(r pullpass.Registry) string {
	if r.PathPrefix == "" {
		return r.Host
	}
	return r.Host + "/" + r.PathPrefix
}
