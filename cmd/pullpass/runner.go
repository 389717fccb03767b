package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/awsname"
)

type runnerCommand struct {
	Run    runnerRun    `cmd:"" default:"withargs" help:"Run a runner beside a Docker Engine (the default)."`
	Add    runnerAdd    `cmd:"" help:"Add a runner; prints its one-time join token."`
	List   runnerList   `cmd:"" help:"List the runners."`
	Show   runnerShow   `cmd:"" help:"Show one runner."`
	Update runnerUpdate `cmd:"" help:"Set the projects whose environments a runner takes."`
	Rejoin runnerRejoin `cmd:"" help:"Print a new one-time token for a runner that has lost its state; what runs is adopted."`

	ApproveIdentity runnerApprove `cmd:"" help:"Let policies name a runner's AWS identity, which AWS has confirmed."`

	Delete runnerDelete `cmd:"" help:"Delete a runner and its tokens."`
}

type runnerAdd struct {
	Name     string   `arg:"" help:"Name, unique in the organization."`
	Hosted   bool     `help:"It is operated by whoever operates the server."`
	Projects []string `name:"project" placeholder:"NAME" help:"Take environments of this project only. Can be repeated. Without it the runner takes every project's."`

	AWSRole string `name:"aws-role" placeholder:"ARN" help:"Role whose sessions may join as this runner without a token: an instance profile's, IRSA's, EKS Pod Identity's."`
}

func (r *runnerAdd) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	projects, err := findProjects(ctx, c, r.Projects)
	if err != nil {
		return err
	}
	made, token, err := c.CreateRunner(ctx, pullpass.Runner{Name: r.Name, Kind: pullpass.RunnerDocker, Hosted: r.Hosted, Projects: projects, AWSRole: r.AWSRole})
	if err != nil {
		return err
	}
	t.say("Added runner %s. This is the only time its join token is shown:", made.Name)
	err = t.show(api.RunnerWithToken{Runner: api.FromRunner(made), Token: api.NewSecret(token)}, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, token.Reveal())
	})
	if made.AWSRole != "" {
		self, err := c.Self(ctx)
		if err != nil {
			return err
		}
		t.say("A machine with %s needs no token: pullpass runner run --server %s --join aws --join-as %s/%s", made.AWSRole, c.Base(), self.Organization.ID, made.ID)
	}
	t.say("Next, beside the Docker Engine: pullpass runner --server %s --join-token-file -", c.Base())
	return err
}

type runnerList struct{}

func (runnerList) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	list, err := all(c.AllRunners(ctx), api.FromRunner)
	if err != nil {
		return err
	}
	makers := newMakerColumn(list, func(r api.Runner) api.Maker { return r.Maker })
	var rows [][]string
	for _, r := range list {
		rows = append(rows, append(makers.row([]string{r.Name, string(r.Kind), string(r.Phase), versionOf(r.Version, r.ServerVersion), day(r.LastSeenAt)}, r), r.Message))
	}
	return t.list(list, append(makers.head([]string{"NAME", "KIND", "PHASE", "VERSION", "LAST SEEN"}), "MESSAGE"), rows, "Add one: pullpass runner add NAME")
}

type runnerShow struct {
	Runner string `arg:"" help:"Name or id."`
}

func (r *runnerShow) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	hosted := ""
	if found.Hosted {
		hosted = "yes: by whoever operates the server"
	}
	return t.show(api.FromRunner(found), func(w io.Writer) {
		facts(w, "name", found.Name, "id", string(found.ID), "kind", string(found.Kind), "hosted", hosted,
			"projects", newNames(ctx, c).projects(found.Projects, "any"), "phase", string(found.Phase),
			"message", found.Message, "warning", found.Warning, "version", versionOf(found.Version, found.ServerVersion), "capabilities", ids(found.Capabilities, ""),
			"AWS identity", awsIdentityOf(found), "joins by role", found.AWSRole, "last seen", day(found.LastSeenAt), "made by", makerSaid(api.FromMaker(found.Maker)))
	})
}

// versionOf names a runner's version, and the server's where it is another one.
func versionOf(runner, server string) string {
	if server == "" {
		return runner
	}
	return runner + " (server " + server + ")"
}

type runnerUpdate struct {
	Runner     string   `arg:"" help:"Name or id."`
	Projects   []string `name:"project" xor:"projects" required:"" placeholder:"NAME" help:"Take environments of this project only. Can be repeated."`
	AnyProject bool     `xor:"projects" required:"" help:"Take environments of every project."`
}

// Run changes whose environments may be placed on the runner. What runs there goes
// on until it is started anew.
func (r *runnerUpdate) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	projects, err := findProjects(ctx, c, r.Projects)
	if err != nil {
		return err
	}
	updated, err := c.UpdateRunner(ctx, found.ID, pullpass.RunnerChange{Projects: &projects})
	if err != nil {
		return err
	}
	t.say("Updated runner %s; environments that run on it go on until they are started anew.", updated.Name)
	return t.show(api.FromRunner(updated), func(io.Writer) {})
}

// awsIdentityOf says who the runner is to AWS, and on whose word.
func awsIdentityOf(r pullpass.Runner) string {
	approve := "pullpass runner approve-identity " + r.Name
	switch {
	case r.AWSIdentity != "" && r.AWSProved != "" && !awsname.SameRole(r.AWSIdentity, r.AWSProved):
		return r.AWSIdentity + " (approved); now it is " + r.AWSProved + ", which waits: " + approve
	case r.AWSIdentity != "":
		return r.AWSIdentity + " (approved)"
	case r.AWSProved != "":
		return r.AWSProved + " (confirmed by AWS, not approved: policies do not name it until: " + approve + ")"
	case r.AWSClaim != "":
		return "says " + r.AWSClaim + ", not confirmed: " + oneLine(r.AWSMessage)
	case r.AWSMessage != "":
		return "none: " + oneLine(r.AWSMessage)
	}
	return ""
}

// oneLine joins the three parts of an error.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

type runnerRejoin struct {
	Runner string `arg:"" help:"Name or id."`
}

func (r *runnerRejoin) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	same, token, err := c.RejoinRunner(ctx, found.ID)
	if err != nil {
		return err
	}
	t.say("Whoever joins with this token is the runner %s; the token that it has now ends then. It is shown this once:", same.Name)
	err = t.show(api.RunnerWithToken{Runner: api.FromRunner(same), Token: api.NewSecret(token)}, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, token.Reveal())
	})
	t.say("Next, beside its Docker Engine: pullpass runner --server %s --join-token-file -", c.Base())
	return err
}

type runnerApprove struct {
	Runner string `arg:"" help:"Name or id."`
	As     string `placeholder:"ARN" help:"ARN of the same role with its path, which AWS does not tell of a session."`
}

func (r *runnerApprove) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRunner(ctx, c, r.Runner)
	if err != nil {
		return err
	}
	identity := cmp.Or(r.As, found.AWSProved)
	if identity == "" {
		return &pullpass.Error{Kind: pullpass.Conflict, Code: "aws_identity_not_proved", What: "cannot approve the AWS identity of runner " + found.Name,
			Cause: "AWS has not confirmed any", Hint: "see why: pullpass runner show " + found.Name}
	}
	now, err := c.ApproveIdentity(ctx, found.ID, identity)
	if err != nil {
		return err
	}
	t.say("Runner %s is %s: policies name it from their next change on.", now.Name, now.AWSIdentity)
	return t.show(api.FromRunner(now), func(io.Writer) {})
}

func findRunner(ctx context.Context, c *client.Client, nameOrID string) (pullpass.Runner, error) {
	if pullpass.ValidID("run", nameOrID) {
		return c.Runner(ctx, pullpass.RunnerID(nameOrID))
	}
	found, err := c.RunnerByName(ctx, nameOrID)
	return found, orNearest(err, nameOrID, "pullpass runner list", c.AllRunners(ctx),
		func(r pullpass.Runner) string { return r.Name })
}

// allRunners, as --runner, lifts a limit to runners.
const allRunners = "all"

// runnersOrAll is findRunners for a limit that can be lifted.
func runnersOrAll(ctx context.Context, c *client.Client, names []string) ([]pullpass.RunnerID, error) {
	switch {
	case !slices.Contains(names, allRunners):
		return findRunners(ctx, c, names)
	case len(names) > 1:
		return nil, misuse("--runner all stands alone", "name runners, or all of them with --runner all; a runner that is called all is named by its id")
	}
	return []pullpass.RunnerID{}, nil
}

// runnersShown names the runners of a limit: those that were deleted since are told
// from those that are there.
func runnersShown(ctx context.Context, c *client.Client, limit []pullpass.RunnerID) (string, error) {
	if len(limit) == 0 {
		return allRunners, nil
	}
	names := map[pullpass.RunnerID]string{}
	for r, err := range c.AllRunners(ctx) {
		if err != nil {
			return "", err
		}
		names[r.ID] = r.Name
	}
	shown := make([]string, len(limit))
	for i, id := range limit {
		shown[i] = cmp.Or(names[id], "deleted runner "+string(id))
	}
	return strings.Join(shown, ", "), nil
}

func findRunners(ctx context.Context, c *client.Client, names []string) ([]pullpass.RunnerID, error) {
	var found []pullpass.RunnerID
	for _, name := range names {
		r, err := findRunner(ctx, c, name)
		if err != nil {
			return nil, err
		}
		found = append(found, r.ID)
	}
	return found, nil
}
