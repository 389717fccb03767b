// Command parts runs a command with the real parts that tests need around it: a
// Docker Engine, PostgreSQL and a registry with a password, all of its own, on
// loopback addresses and in one temporary directory, beside whatever else runs on
// the machine.
//
// The one idea: what it started it stops, however the command ends, and what an
// earlier run could not stop (it was killed) it clears away first.
//
//	go run ./e2e/parts -- go test ./...
//	go run ./e2e/parts -only postgres -- sh -c 'psql $PULLPASS_TEST_POSTGRES'
//	go run ./e2e/parts -engine current -- go test ./internal/docker/...
//
// On Debian as root it installs what is missing, saying so. Elsewhere it uses what
// is there and lists at the end what was skipped and how to get it; with CI=true
// anything missing is a failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

const usage = `usage: parts [-only PART,…] [-engine own|any|current] -- COMMAND [ARGUMENT…]

Runs COMMAND with real parts around it and exits as COMMAND does.
`

// options are what the flags say.
type options struct {
	only    []string
	engine  string
	command []string
}

// The engines that -engine can name.
const (
	ownEngine     = "own"     // Debian's, started for this run
	anyEngine     = "any"     // one that answers already, else our own
	currentEngine = "current" // a current one, built from source into a cache directory
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "parts: %v\n", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	opts, err := parse(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	// Every signal goes through here until the end: a second Ctrl-C must not
	// interrupt the clearing away.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	child := newChild(opts.command)
	go child.obey(signals, interrupt)

	stage, err := setUp(ctx, opts)
	if err != nil {
		return 1, errors.Join(err, stage.tearDown(ctx))
	}
	code, err = child.run(ctx, stage.environment())
	stage.reportSkips(os.Stderr)
	return code, errors.Join(err, stage.tearDown(ctx))
}

func parse(args []string, talk io.Writer) (options, error) {
	flags := flag.NewFlagSet("parts", flag.ContinueOnError)
	flags.SetOutput(talk)
	flags.Usage = func() {
		_, _ = io.WriteString(talk, usage+"\n")
		flags.PrintDefaults()
	}
	only := flags.String("only", strings.Join(partNames(), ","), "the `parts` to start")
	engine := flags.String("engine", ownEngine, "the Docker `engine`: own (Debian's, started for this run), any (one that answers already, else own), current (a current one, built from source once; takes minutes)")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts := options{only: strings.Split(*only, ","), engine: *engine, command: flags.Args()}
	for _, name := range opts.only {
		if !slices.Contains(partNames(), name) {
			return options{}, fmt.Errorf("-only: there is no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	if !slices.Contains([]string{ownEngine, anyEngine, currentEngine}, opts.engine) {
		return options{}, fmt.Errorf("-engine: %q is not own, any or current", opts.engine)
	}
	if len(opts.command) == 0 {
		return options{}, errors.New("there is no command to run: parts -- COMMAND")
	}
	return opts, nil
}
