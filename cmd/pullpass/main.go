// Command pullpass gives development environments, CI jobs and clusters access to
// private container registries. One binary: the server, the runner, the sandbox,
// the demo, and a person's verbs. A file per verb; wiring only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/printable"
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
	JSON   bool   `name:"json" help:"Print data as JSON; its form is stable."`
	Config string `name:"config" placeholder:"FILE" help:"YAML file with options of 'server', which 'keys' reads, too, or 'runner' ($PULLPASS_CONFIG), or with the accounts of 'sandbox'."`

	CAFile string `name:"ca-file" env:"PULLPASS_CA_FILE" placeholder:"FILE" help:"Trust the certificate authorities in this file, too: of the server, and of registries and issuers."`

	Server      serverCommand      `cmd:"" help:"Run the server; back it up, restore it, recover its owner."`
	Runner      runnerCommand      `cmd:"" help:"Be a runner beside a Docker Engine; add and list runners."`
	Sandbox     sandboxCommand     `cmd:"" help:"An AWS on this machine, for rehearsals."`
	Demo        demoCommand        `cmd:"" help:"See a private image refused, explained, allowed and run, on this machine."`
	Login       loginCommand       `cmd:"" help:"Remember a server and a token."`
	Logout      logoutCommand      `cmd:"" help:"End the session, and forget the server and the token."`
	Member      memberCommand      `cmd:"" help:"People and their roles."`
	Whoami      whoamiCommand      `cmd:"" help:"Say who the remembered token belongs to, and what it may do."`
	Project     projectCommand     `cmd:"" help:"Projects: repositories whose environments share registries."`
	Registry    registryCommand    `cmd:"" help:"Container registries and how they are opened."`
	Integration integrationCommand `cmd:"" help:"Access to AWS accounts, reused by registries."`
	Repository  repositoryCommand  `cmd:"" help:"Private ECR repositories that Pullpass creates and keeps for projects."`
	Env         envCommand         `cmd:"" help:"Environments: services that run from images."`
	Self        selfCommand        `cmd:"" help:"Inside an environment: say which one it is."`
	Greet       greetCommand       `cmd:"" hidden:""`
	Issue       issueCommand       `cmd:"" name:"credential-issue" hidden:""`
	Idp         idpCommand         `cmd:"" help:"Identity tokens: who an environment is, for AWS and others."`
	Trust       trustCommand       `cmd:"" help:"Issuers whose tokens are taken in exchange: CI systems, clusters."`
	Token       tokenCommand       `cmd:"" help:"API tokens."`
	Quota       quotaCommand       `cmd:"" help:"How many of each thing there may be, and are."`
	Audit       auditCommand       `cmd:"" help:"The audit record."`
	Keys        keysCommand        `cmd:"" help:"The keys that stored secrets are sealed with."`
	Doctor      doctorCommand      `cmd:"" help:"Check one pull step by step: where it breaks, why, and what to do."`
	Policy      policyCommand      `cmd:"" help:"AWS policies: evaluate, lint, generate."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var cli commandLine
	parser, err := newParser(&cli, args, stdout, stderr)
	if err != nil {
		complain(stderr, pullpass.Explain(err))
		return exitMisuse
	}
	exited, code := false, 0
	parser.Exit = func(c int) { exited, code = true, c } // --help
	parsed, err := parser.Parse(args)
	if exited {
		return code
	}
	if err != nil {
		return misused(stderr, err)
	}
	if cli.CAFile != "" {
		_ = os.Setenv(caFileVariable, cli.CAFile) // it fails for names with = or NUL only
	}
	term := newTerminal(stdin, stdout, stderr, cli.JSON)
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
	return finish(stderr, parsed.Run(term))
}

func newParser(cli *commandLine, args []string, stdout, stderr io.Writer) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("pullpass"),
		kong.Description("Private container registries for development environments, CI jobs and clusters."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{
			"data_dir":   config.DefaultData(),
			"runner_dir": config.DefaultRunnerState(),
		},
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
		case arg == "server", arg == "runner":
			return arg
		}
		return ""
	}
	return ""
}

func misused(stderr io.Writer, err error) int {
	text := pullpass.Explain(err)
	var parse *kong.ParseError
	if errors.As(err, &parse) && pullpass.HintOf(err) == "" {
		text += "\nhint:  " + strings.TrimSpace("pullpass "+commandOf(parse.Context)) + " --help"
	}
	complain(stderr, text)
	return exitMisuse
}

// complain prints an error. Parts of it may be what a server, a registry or a
// file said.
func complain(stderr io.Writer, text string) {
	_, _ = fmt.Fprintln(stderr, printable.EscapeText(text))
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

// exitCode is an error that is only an exit code: the command has said the rest.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func finish(stderr io.Writer, err error) int {
	var code exitCode
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		return exitFailed
	}
	complain(stderr, pullpass.Explain(err))
	var misuse misuseError
	if errors.As(err, &misuse) {
		return exitMisuse
	}
	return exitFailed
}

// misuseError marks what only the person at the keyboard can put right.
type misuseError struct{ error }

func (e misuseError) Unwrap() error { return e.error }

func misuse(what, hint string) error {
	return misuseError{&pullpass.Error{Kind: pullpass.Invalid, What: what, Hint: hint}}
}

type versionCommand struct{}

func (versionCommand) Run(t *terminal) error {
	data := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	return t.show(data, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "pullpass %s (%s, %s)\n", version, data["go"], data["platform"])
	})
}
