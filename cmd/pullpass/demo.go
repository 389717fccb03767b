package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// demoCommand shows one private image being refused, explained, allowed and run,
// with an AWS of its own, on this machine.
type demoCommand struct {
	Once       bool   `help:"End after the last step: exit code 0 if every step did what it should, 1 otherwise."`
	DockerHost string `env:"DOCKER_HOST" placeholder:"URL" help:"Docker Engine to use; the local one if it is not given."`
	Verbose    bool   `help:"Show the logs of server, runner and sandbox."`
}

func (d *demoCommand) Run(ctx context.Context, t *terminal) error {
	dir, err := os.MkdirTemp("", "pullpass-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &stage{dir: dir, t: t, dockerHost: d.DockerHost, log: io.Discard, started: time.Now()}
	if d.Verbose {
		s.log = t.talk
	}
	defer s.close()
	if err := s.play(ctx); err != nil {
		return err
	}
	s.closingWords()
	if d.Once {
		return nil
	}
	t.say("\nEverything stays up until you press Ctrl-C.")
	<-ctx.Done()
	return nil
}

// stage is what the steps of the demo share.
type stage struct {
	dir        string
	t          *terminal
	log        io.Writer
	dockerHost string
	started    time.Time

	box       *sandbox.Sandbox
	serverURL string
	client    *client.Client
	image     string // what environments ask for
	digest    string
	engine    bool   // a Docker Engine answers
	noEngine  string // why not
	project   pullpass.Project
	runner    pullpass.RunnerID
	env       pullpass.Environment
	closers   []func()
}

const (
	demoRepository = "team/app"
	demoTag        = "1.4"
	demoRefusal    = "denied_by_owner" // what the demo sets out to show
	demoRole       = "arn:aws:iam::" + sandbox.PlatformAccount + ":role/pull"
)

// step is one thing that the demo does and shows.
type step struct {
	title string
	do    func(context.Context) error
}

func (s *stage) play(ctx context.Context) error {
	steps := []step{
		{"Start an AWS of two accounts, and Pullpass", s.startAll},
		{"Push a private image to account " + sandbox.OwnerAccount, s.push},
		{"Tell Pullpass about it: project, integration, registry", s.configure},
		{"Ask for it: refused, and explained", s.refused},
		{"Account " + sandbox.OwnerAccount + " applies the policy that the hint names", s.allow},
		{"Ask again: allowed", s.allowed},
		{"Read the audit record", s.audit},
	}
	for i, step := range steps {
		s.t.say("\n%d. %s", i+1, step.title)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

func (s *stage) onClose(f func()) { s.closers = append(s.closers, f) }

// say prints a line of the demo, set in from its step's title.
func (s *stage) say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	for line := range strings.SplitSeq(text, "\n") {
		s.t.say("   %s", line)
	}
}

func (s *stage) startAll(ctx context.Context) error {
	if err := s.startSandbox(ctx); err != nil {
		return err
	}
	if err := s.startServer(ctx); err != nil {
		return err
	}
	s.findEngine(ctx)
	if s.engine {
		s.say("Docker Engine  answers: the image will run as a container")
	} else {
		s.say("Docker Engine  none: %s", s.noEngine)
		s.say("               the image will be pulled and verified, and not run")
	}
	return nil
}

func (s *stage) startSandbox(ctx context.Context) error {
	box, err := sandbox.New(sandbox.Default().OnFreePorts(), sandbox.Options{Logger: newLogger(s.log, config.Log{LogLevel: "debug"})})
	if err != nil {
		return err
	}
	if err := box.Start(ctx); err != nil {
		return err
	}
	s.box = box
	s.onClose(func() { _ = box.Close() })
	s.say("AWS sandbox    %s", box.Endpoint())
	s.image = box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion) + "/" + demoRepository + ":" + demoTag
	return nil
}

// mappings tell the server and the runner which account and region answers at
// the sandbox's loopback ports: the same configuration as for a VPC endpoint.
func (s *stage) mappings() (hosts, allow []string) {
	for _, r := range s.box.Registries() {
		hosts = append(hosts, r.Mapping(s.box.Endpoint()))
	}
	return hosts, []string{"127.0.0.1"}
}

func (s *stage) serverConfig() config.Server {
	c := config.Server{Listen: "127.0.0.1:0", Data: filepath.Join(s.dir, "server"), Log: config.Log{LogLevel: "debug"}}
	c.Hosts, c.AllowEgress = s.mappings()
	return c
}
