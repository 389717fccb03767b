// Command pullpass gives development environments, CI jobs and clusters access to
// private container registries. One binary: the server, the runner, the sandbox,
// the demo, and a person's verbs. A file per verb; wiring only.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
)

// version is stamped by the Makefile.
var version = "development"

// Exit codes: the whole contract with scripts.
const (
	exitDone   = 0
	exitFailed = 1
	exitMisuse = 2
	// exitUnknown: what was asked cannot be told from what is known here.
	exitUnknown = 3
)

// commandLine is every verb; kong makes the parser and --help from it.
type commandLine struct {
	JSON   bool   `name:"json" help:"Print data as JSON, errors too; its form is stable."`
	Config string `name:"config" placeholder:"FILE" help:"YAML file: options of 'server' or 'runner', accounts of 'sandbox' ($PULLPASS_CONFIG)."`

	CAFile string `name:"ca-file" env:"PULLPASS_CA_FILE" placeholder:"FILE" help:"Certificate authorities to trust, too: of the server, registries, issuers."`

	Timeout time.Duration `placeholder:"DURATION" help:"Give up after so long, such as 90s or 5m. A read that the server does not answer ends after 15s."`

	Project     projectCommand     `cmd:"" group:"daily" help:"Projects: repositories whose environments share registries."`
	Registry    registryCommand    `cmd:"" group:"daily" help:"Container registries and how they are opened."`
	Env         envCommand         `cmd:"" group:"daily" help:"Environments: services that run from images."`
	Images      imagesCommand      `cmd:"" group:"daily" help:"List the images that a repository asks for, and what keeps them from being started."`
	Doctor      doctorCommand      `cmd:"" group:"daily" help:"Check one pull step by step: where it breaks, why, and what to do."`
	Login       loginCommand       `cmd:"" group:"people" help:"Remember a server and a token."`
	Logout      logoutCommand      `cmd:"" group:"people" help:"End the session, and forget the server and the token."`
	Member      memberCommand      `cmd:"" group:"people" help:"People and their roles."`
	Whoami      whoamiCommand      `cmd:"" group:"people" help:"Show the current login, and what it may do."`
	Token       tokenCommand       `cmd:"" group:"people" help:"API tokens."`
	Sandbox     sandboxCommand     `cmd:"" group:"aws" help:"Run an AWS sandbox on this machine."`
	Integration integrationCommand `cmd:"" group:"aws" help:"Access to AWS accounts, reused by registries."`
	Repository  repositoryCommand  `cmd:"" group:"aws" help:"Private ECR repositories that Pullpass creates and keeps for projects."`
	Policy      policyCommand      `cmd:"" group:"aws" help:"AWS policies: evaluate, lint, generate."`
	Self        selfCommand        `cmd:"" group:"ci" help:"Inside an environment: show which one it is."`
	Idp         idpCommand         `cmd:"" group:"ci" help:"Identity tokens: who an environment is, for AWS and others."`
	Trust       trustCommand       `cmd:"" group:"ci" help:"Issuers whose tokens can be exchanged: CI systems, clusters."`
	Server      serverCommand      `cmd:"" group:"operate" help:"Run the server; back it up, restore it, recover its owner."`
	Runner      runnerCommand      `cmd:"" group:"operate" help:"Run a runner beside a Docker Engine; add and list runners."`
	Quota       quotaCommand       `cmd:"" group:"operate" help:"Limits on how many of each thing there may be."`
	Audit       auditCommand       `cmd:"" group:"operate" help:"List, verify, export and prune the audit log."`
	Keys        keysCommand        `cmd:"" group:"operate" help:"Rotate and retire the keys that seal stored secrets."`
	Demo        demoCommand        `cmd:"" group:"program" help:"See a private image refused, explained, allowed and run, on this machine."`
	Completion  completionCommand  `cmd:"" group:"program" help:"Print the completion of a shell: bash, zsh or fish."`
	Man         manCommand         `cmd:"" group:"program" help:"Write the manual pages into a directory."`
	Help        helpCommand        `cmd:"" group:"program" help:"Explain a command: pullpass help env create."`
	Version     versionCommand     `cmd:"" group:"program" help:"Print the version."`
	Greet       greetCommand       `cmd:"" hidden:""`
	Issue       issueCommand       `cmd:"" name:"credential-issue" hidden:""`

	Delivery deliveryVerbs `embed:""`
}

func main() {
	// With a handler, a closed pipe is an error of the write and not a silent death.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var cli commandLine
	args = usualWords(args)
	out := &checkedWriter{to: stdout}
	fails := failures{to: stderr, json: asksForJSON(args)}
	parser, err := newParser(&cli, args, out, stderr)
	if err != nil {
		return fails.misused(err)
	}
	exited, code := false, 0
	parser.Exit = func(c int) { exited, code = true, c } // --help
	parsed, err := parser.Parse(args)
	if exited {
		return max(code, fails.finish(out.check(nil)))
	}
	if err != nil && out.err != nil { // of --help
		return fails.finish(out.check(nil))
	}
	if err != nil {
		return fails.misused(err)
	}
	if cli.CAFile != "" {
		_ = os.Setenv(caFileVariable, cli.CAFile) // it fails for names with = or NUL only
	}
	term := newTerminal(stdin, out, stderr, cli.JSON)
	if isPersons(parsed) {
		ctx = client.WithTrace(ctx, slowServer(term))
		if cli.Doctor.within = cli.Timeout; cli.Timeout > 0 && commandOf(parsed) != "doctor" {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, cli.Timeout, errTimeout(cli.Timeout))
			defer cancel()
		}
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(reread(func() (*commandLine, error) {
		var again commandLine
		parser, err := newParser(&again, args, io.Discard, io.Discard)
		if err != nil {
			return nil, err
		}
		_, err = parser.Parse(args)
		return &again, err
	}))
	return fails.finish(out.check(parsed.Run(term)))
}

func newParser(cli *commandLine, args []string, stdout, stderr io.Writer) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("pullpass"),
		kong.Description("Private container registries for development environments, CI jobs and clusters."),
		kong.Writers(stdout, stderr),
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{
			"data_dir":   config.DefaultData(),
			"runner_dir": config.DefaultRunnerState(),
		},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(readDuration)),
		kong.ExplicitGroups(verbGroups),
		kong.PostBuild(func(k *kong.Kong) error {
			addExamples(k.Model.Node) // first: a path with aliases is another
			addAliases(k.Model.Node)
			return nil
		}),
	}
	if path, command := configFile(args), fileCommand(args); path != "" && command != "" {
		file, err := config.ReadFile(command, path)
		if err != nil {
			return nil, err
		}
		options = append(options, kong.Resolvers(file))
	}
	return kong.New(cli, options...)
}

// configFile finds --config before the parser exists, because the parser needs
// the file's values.
func configFile(args []string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			return value
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv("PULLPASS_CONFIG")
}

// fileCommand is whose options a file holds: those of the command that comes first
// on the command line. What maintains a server's data reads the server's file.
func fileCommand(args []string) string {
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-"), i > 0 && args[i-1] == "--config":
			continue
		case arg == "keys":
			return "server"
		case arg == "server":
			return arg
		case arg == "runner", arg == "runners":
			return "runner"
		}
		return ""
	}
	return ""
}

func commandOf(c *kong.Context) string {
	if c == nil {
		return ""
	}
	var words []string
	for _, p := range c.Path {
		if p.Command != nil {
			words = append(words, p.Command.Name)
		}
	}
	return strings.Join(words, " ")
}
