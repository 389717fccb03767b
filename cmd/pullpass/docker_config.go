package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/delivery"
	"github.com/pullpass/pullpass/internal/helper"
	"github.com/pullpass/pullpass/internal/reference"
)

// deliveryVerbs are the commands that hand credentials to the programs of others.
type deliveryVerbs struct {
	DockerConfig dockerConfigCommand `cmd:"" group:"ci" help:"Write what docker, podman, GitLab and Kubernetes read to find a credential."`
	Gitlab       gitlabCommand       `cmd:"" group:"ci" help:"GitLab: print what its runners need, and check what is missing in each place."`
	Refresh      refreshCommand      `cmd:"" group:"ci" help:"Keep the logins in a file fresh, for what reads a file and runs no helper."`
}

type dockerConfigCommand struct {
	Write dockerConfigWrite `cmd:"" default:"withargs" help:"Write or merge the configuration that clients read."`
	Check dockerConfigCheck `cmd:"" help:"Say which entry of which file each client would use for an image, and why."`
}

// hostFlags say which registries are meant.
type hostFlags struct {
	Host    []string `placeholder:"HOST" help:"A registry host; can be repeated. Without it, the hosts that the login opens."`
	Project string   `env:"PULLPASS_PROJECT" placeholder:"NAME" help:"Whose registries; the login's project unless given."`
}

// hosts are those that were named, or those that the login opens.
func (f hostFlags) hosts(ctx context.Context) ([]reference.Host, error) {
	written := f.Host
	if len(written) == 0 {
		var err error
		if written, err = f.known(ctx); err != nil {
			return nil, withHostHint(err)
		}
		if len(written) == 0 {
			return nil, &pullpass.Error{
				Kind: pullpass.NotFound, What: "there is no registry to configure", Cause: "the login opens none",
				Hint: "name them: --host HOST, or add one: pullpass registry add NAME --host HOST",
			}
		}
	}
	return delivery.ParseHosts(written, reference.ParseHost)
}

// withHostHint says what goes without a login, too.
func withHostHint(err error) error {
	if pullpass.CodeOf(err) != "not_logged_in" {
		return err
	}
	return &pullpass.Error{
		Kind: pullpass.Unauthenticated, Code: "not_logged_in", What: "cannot tell which registries to configure", Err: err,
		Hint: "name them: --host HOST, or log in: pullpass login URL",
	}
}

// known are the hosts of the project, or those that the helper would list: of the
// login, and of its configuration.
func (f hostFlags) known(ctx context.Context) ([]string, error) {
	config, err := helper.LoadConfig()
	if err != nil {
		return nil, err
	}
	if f.Project != "" || len(config.Hosts) == 0 {
		issuer, err := f.from(helper.SourceServer, helper.Ask{}, nil)
		if err != nil {
			return nil, err
		}
		return issuer.Hosts(ctx)
	}
	hosts := config.Hosts
	if issuer, err := f.from(helper.SourceServer, helper.Ask{}, nil); err == nil {
		more, err := issuer.Hosts(ctx)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, more...)
	}
	return hosts, nil
}

// from is one of the helper's sources, or nil where it has nothing to do with what is
// asked. The server is asked from here, and not through another process.
func (f hostFlags) from(name helper.SourceName, a helper.Ask, rule *helper.Rule) (helper.Issuer, error) {
	if name == helper.SourceServer {
		project := f.Project
		if project == "" && rule != nil {
			project = rule.Project
		}
		return projectIssuer(project)
	}
	for _, s := range helper.Sources() {
		if s.Name == name {
			return s.Find(a, rule)
		}
	}
	return nil, nil //nolint:nilnil // a source that is not here
}

// hostIssuer asks the helper's sources for what pulls from a whole host, in the order
// of its configuration: an agent socket, the server, AWS.
type hostIssuer struct{ flags hostFlags }

func (i hostIssuer) Credential(ctx context.Context, host string) (pullpass.Credential, error) {
	config, err := helper.LoadConfig()
	if err != nil {
		return pullpass.Credential{}, err
	}
	ask := helper.Ask{Host: host, Action: pullpass.ActionPull}
	rule := config.For(host)
	var last error
	for _, name := range config.Order(rule) {
		issuer, err := i.flags.from(name, ask, rule)
		if pullpass.CodeOf(err) == "not_logged_in" && i.flags.Project == "" {
			last = err // the next source may do without a server
			continue
		}
		if err != nil {
			return pullpass.Credential{}, err
		}
		if issuer == nil {
			continue
		}
		c, err := issuer.Credential(ctx, ask)
		if pullpass.CodeOf(err) == pullpass.CodeNoRegistry {
			last = err
			continue
		}
		return c, err
	}
	if last == nil {
		last = &pullpass.Error{
			Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "no login for " + host, Cause: "no source has one",
			Hint: "pullpass registry add NAME --host " + host,
		}
	}
	return pullpass.Credential{}, last
}

type dockerConfigWrite struct {
	hostFlags `embed:""`
	Form      string `enum:"docker,containers,variable,kubernetes" default:"docker" placeholder:"FORM" help:"docker: config.json; containers: auth.json of podman, skopeo, buildah; variable: a DOCKER_AUTH_CONFIG, printed; kubernetes: a Secret, printed."`
	File      string `placeholder:"PATH" help:"The file, instead of where its clients look for it."`
	Store     bool   `help:"Have the helper asked for every registry (credsStore), not for these hosts only."`
	Auths     bool   `help:"Write logins that expire instead of naming the helper, where no helper can run. They are secrets."`
	Replace   bool   `help:"Take the place of another helper that is configured for the same hosts."`
	Backup    bool   `help:"Keep the file as it was, beside it."`
	DryRun    bool   `name:"dry-run" help:"Say what would change."`
	Name      string `default:"pullpass-registries" placeholder:"NAME" help:"Of the Secret."`
	Namespace string `placeholder:"NAME" help:"Of the Secret."`
}

// Help says what each client reads.
func (*dockerConfigWrite) Help() string {
	return strings.TrimSpace(`
What is in the file stays there, in its order, with keys that Pullpass does not know. Another helper for the same
host is a conflict. Which entry a client would then use: pullpass docker-config check IMAGE.

Docker reads credHelpers and credsStore of config.json; podman, skopeo and buildah credHelpers of auth.json and
config.json; GitLab Runner all three fields of DOCKER_AUTH_CONFIG; docker since 28.3 only auths of it; the kubelet only
auths of a Secret. A login that is written out (--auths) expires: pullpass refresh keeps it fresh.`)
}

func (w *dockerConfigWrite) Run(ctx context.Context, t *terminal) error {
	form := delivery.Form(w.Form)
	wanted := delivery.Wanted{Form: form, Store: w.Store, Replace: w.Replace}
	switch {
	case w.Store && w.Auths:
		return misuse("--store names a helper, --auths writes logins: they exclude each other", "give one of them")
	case w.Store && form == delivery.FormContainers:
		return misuse("auth.json has no credsStore", "leave out --store: its helpers are named for each host")
	case w.File != "" && (form == delivery.FormVariable || form == delivery.FormKubernetes):
		return misuse("--form "+w.Form+" is printed, not written into a file", "leave out --file, and say > FILE")
	}
	var err error
	if !w.Store {
		if wanted.Hosts, err = w.hosts(ctx); err != nil {
			return err
		}
	}
	var logins []pullpass.Credential
	if w.Auths || form == delivery.FormKubernetes {
		wanted.Issuer = hostIssuer{w.hostFlags}
		if logins, err = wanted.Logins(ctx); err != nil {
			return err
		}
	}
	if form == delivery.FormVariable || form == delivery.FormKubernetes {
		return w.print(t, wanted, logins)
	}
	return w.write(t, wanted, logins)
}

// printed is a form that is no file.
type printed struct {
	Form    delivery.Form `json:"form"`
	Value   string        `json:"value"`
	Expires time.Time     `json:"expires,omitzero"`
}

func (w *dockerConfigWrite) print(t *terminal, wanted delivery.Wanted, logins []pullpass.Credential) error {
	c, err := delivery.ParseConfig(nil)
	if err != nil {
		return err
	}
	if err := wanted.Apply(c, logins); err != nil {
		return err
	}
	out := printed{Form: wanted.Form, Value: c.Line(), Expires: delivery.Expires(logins)}
	if wanted.Form == delivery.FormKubernetes {
		out.Value = strings.TrimSpace(string(delivery.Secret(c, w.Name, w.Namespace, out.Expires)))
	}
	if !out.Expires.IsZero() {
		t.say("It holds a login that ends %s.", day(out.Expires))
	}
	return t.show(out, func(io.Writer) { _, _ = fmt.Fprintln(t.raw, out.Value) })
}

func (w *dockerConfigWrite) write(t *terminal, wanted delivery.Wanted, logins []pullpass.Credential) error {
	path := w.File
	if path == "" {
		var err error
		if path, err = wanted.Form.DefaultPath(os.Getenv, os.Getuid()); err != nil {
			return err
		}
	}
	updated, err := delivery.Update(path, delivery.Options{Backup: w.Backup, DryRun: w.DryRun}, func(c *delivery.Config) error {
		return wanted.Apply(c, logins)
	})
	if err != nil {
		return err
	}
	verb := "Wrote"
	if w.DryRun {
		verb = "Would write"
	}
	switch {
	case len(updated.Changes) == 0:
		t.say("%s is as it should be.", path)
	default:
		t.say("%s %s:", verb, path)
		for _, change := range updated.Changes {
			t.say("  %s", change)
		}
	}
	if updated.Backup != "" {
		t.say("What was there is in %s.", updated.Backup)
	}
	for _, key := range updated.Shadowed {
		t.say("The login for %s in the file is no longer used: the helper is asked. docker logout %s removes it.", key, key)
	}
	if end := delivery.Expires(logins); !end.IsZero() {
		t.say("The logins end %s. pullpass refresh keeps them fresh.", day(end))
	}
	return t.show(updated, func(io.Writer) {})
}
