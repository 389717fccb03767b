package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/sandbox"
)

type sandboxCommand struct {
	Run     sandboxRun     `cmd:"" default:"withargs" help:"Run an AWS for rehearsals: STS, IAM, ECR and its registries on loopback (the default). --config FILE says with which accounts."`
	Env     sandboxEnv     `cmd:"" help:"Print the exports that point an AWS client at the sandbox, or with --server a server's flags."`
	Explain sandboxExplain `cmd:"" help:"Tell why the sandbox last refused something."`
	Reset   sandboxReset   `cmd:"" help:"Take a running sandbox back to its configuration."`
	Example sandboxExample `cmd:"" help:"Print a configuration file with every setting explained: the rehearsal of two accounts."`
}

// sandboxAddress is shared by the commands that must agree on where it listens.
type sandboxAddress struct {
	Listen string `placeholder:"HOST:PORT" help:"Address of the AWS API; 127.0.0.1:4510 if neither this nor the file of --config says."`
}

// config reads --config, which for the sandbox holds accounts instead of options.
func (a *sandboxAddress) config(cli *commandLine) (sandbox.Config, error) {
	cfg := sandbox.Default()
	if cli.Config != "" {
		data, err := os.ReadFile(cli.Config)
		if err != nil {
			return cfg, misuseError{&pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the sandbox configuration", Err: err}}
		}
		if cfg, err = sandbox.ParseConfig(data); err != nil {
			return cfg, misuseError{err}
		}
	}
	if a.Listen != "" {
		cfg.Listen = a.Listen
	}
	if cfg.Listen == "" {
		cfg.Listen = sandbox.Default().Listen
	}
	return cfg, nil
}

type sandboxRun struct {
	sandboxAddress
	Verbose bool `help:"Log every request."`
}

func (s *sandboxRun) Run(ctx context.Context, t *terminal, cli *commandLine) error {
	cfg, err := s.config(cli)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if s.Verbose {
		level = slog.LevelDebug
	}
	box, err := sandbox.New(cfg, sandbox.Options{Logger: slog.New(slog.NewTextHandler(printable.NewWriter(t.talk), &slog.HandlerOptions{Level: level}))})
	if err != nil {
		return err
	}
	if err := box.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = box.Close() }() // the process ends with it
	at := addressesOf(box)
	if err := t.show(at, at.write); err != nil {
		return err
	}
	t.say("\nIn another shell:")
	t.say("  eval \"$(pullpass %ssandbox env%s)\"", configFlag(cli), s.listenFlag())
	t.say("  aws --endpoint-url $AWS_ENDPOINT_URL sts get-caller-identity")
	t.say("  pullpass %ssandbox explain%s        # why something was refused", configFlag(cli), s.listenFlag())
	<-ctx.Done()
	return nil
}

// listenFlag and configFlag repeat what the sandbox was started with: the other
// commands find it by the same flags.
func (a *sandboxAddress) listenFlag() string {
	if a.Listen == "" {
		return ""
	}
	return " --listen " + shellWord(a.Listen)
}

func configFlag(cli *commandLine) string {
	if cli.Config == "" {
		return ""
	}
	return "--config " + shellWord(cli.Config) + " "
}

// shellWord quotes a text where a shell would read more than a word.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:_-") == "" && s != "" {
		return s
	}
	return shellQuote(s)
}

// sandboxAddresses is where a running sandbox is reached.
type sandboxAddresses struct {
	Endpoint   string                     `json:"endpoint"`
	Registries []sandbox.RegistryEndpoint `json:"registries"`
	Metadata   []string                   `json:"metadata"`
	TLS        string                     `json:"tls,omitempty"`
	CA         string                     `json:"ca,omitempty"`
}

func addressesOf(box *sandbox.Sandbox) sandboxAddresses {
	at := sandboxAddresses{
		Endpoint: box.Endpoint(), Registries: box.Registries(),
		Metadata: box.MetadataEndpoints(), TLS: box.TLSAddress(),
	}
	if at.TLS != "" {
		at.CA = box.Endpoint() + "/_pullpass/ca.pem"
	}
	return at
}

func (a sandboxAddresses) write(w io.Writer) {
	rows := [][]string{{"AWS API", a.Endpoint}}
	for _, r := range a.Registries {
		rows = append(rows, []string{"registry", r.Address, "for " + r.Host})
	}
	for _, m := range a.Metadata {
		rows = append(rows, []string{"metadata", m, "for AWS_EC2_METADATA_SERVICE_ENDPOINT"})
	}
	if a.TLS != "" {
		rows = append(rows,
			[]string{"TLS", a.TLS, "for the real host names"},
			[]string{"its CA", a.CA, "to be trusted by the clients"})
	}
	columns(w, rows)
}

type sandboxEnv struct {
	sandboxAddress
	User    string `placeholder:"NAME" help:"IAM user to be; otherwise the first one with an access key."`
	Account string `placeholder:"ACCOUNT" help:"Account of --user, where several have one of that name."`
	Server  bool   `help:"Print the flags of a pullpass server, or runner, that uses the running sandbox."`
}

func (s *sandboxEnv) Run(ctx context.Context, t *terminal, cli *commandLine) error {
	cfg, err := s.config(cli)
	if err != nil {
		return err
	}
	if s.Server {
		return s.printServerFlags(ctx, t, "http://"+cfg.Listen)
	}
	settings := append(cfg.Env(), cfg.RegistryEnv()...)
	switch {
	case s.User != "":
		if settings, err = cfg.EnvOf(s.Account, s.User); err != nil {
			return err
		}
		settings = append(settings, cfg.RegistryEnv()...)
	case s.Account != "":
		return misuse("--account says whose user, but not which", "give --user NAME as well")
	}
	vars := map[string]string{}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		vars[name] = value
	}
	return t.show(vars, func(w io.Writer) {
		for _, setting := range settings {
			name, value, _ := strings.Cut(setting, "=")
			_, _ = fmt.Fprintf(w, "export %s=%s\n", name, shellQuote(value))
		}
	})
}

// shellQuote makes text one word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type sandboxExample struct{}

func (sandboxExample) Run(t *terminal) error {
	_, err := t.raw.Write(sandbox.Example())
	return err
}
