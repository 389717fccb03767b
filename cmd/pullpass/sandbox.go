package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/sandbox"
)

type sandboxCommand struct {
	Run     sandboxRun     `cmd:"" default:"withargs" help:"Run an AWS for rehearsals: STS, IAM, ECR and its registries on loopback (the default)."`
	Env     sandboxEnv     `cmd:"" help:"Print the exports that point an AWS client at the sandbox."`
	Explain sandboxExplain `cmd:"" help:"Tell why the sandbox last refused something."`
}

// sandboxFile is shared by the commands that must agree on the configuration.
type sandboxFile struct {
	Listen string `placeholder:"HOST:PORT" help:"Address of the AWS API; 127.0.0.1:4510 if neither this nor the file says."`
	File   string `name:"file" short:"f" placeholder:"FILE" env:"PULLPASS_SANDBOX" help:"YAML file with accounts, users, roles and repositories; without it, the rehearsal of two accounts."`
}

func (f *sandboxFile) config() (sandbox.Config, error) {
	cfg := sandbox.Default()
	if f.File != "" {
		data, err := os.ReadFile(f.File)
		if err != nil {
			return cfg, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the sandbox's configuration", Err: err}
		}
		if cfg, err = sandbox.ParseConfig(data); err != nil {
			return cfg, err
		}
	}
	if f.Listen != "" {
		cfg.Listen = f.Listen
	}
	return cfg, nil
}

type sandboxRun struct {
	sandboxFile
	Verbose bool `help:"Log every request."`
}

func (s *sandboxRun) Run(ctx context.Context, t *terminal) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if s.Verbose {
		level = slog.LevelDebug
	}
	box, err := sandbox.New(cfg, sandbox.Options{Logger: slog.New(slog.NewTextHandler(t.talk, &slog.HandlerOptions{Level: level}))})
	if err != nil {
		return err
	}
	if err := box.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	err = t.show(map[string]any{"endpoint": box.Endpoint(), "registries": box.Registries()}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "AWS API     %s\n", box.Endpoint())
		for _, r := range box.Registries() {
			_, _ = fmt.Fprintf(w, "registry    %s   for %s\n", r.Address, r.Host)
		}
	})
	if err != nil {
		return err
	}
	t.say("\nIn another shell:")
	t.say("  eval \"$(pullpass sandbox env)\"")
	t.say("  aws --endpoint-url $AWS_ENDPOINT_URL sts get-caller-identity")
	t.say("  pullpass sandbox explain        # why something was refused")
	<-ctx.Done()
	return nil
}

type sandboxEnv struct{ sandboxFile }

func (s *sandboxEnv) Run(t *terminal) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	vars := map[string]string{}
	for _, setting := range cfg.Env() {
		name, value, _ := strings.Cut(setting, "=")
		vars[name] = value
	}
	return t.show(vars, func(w io.Writer) {
		for _, setting := range cfg.Env() {
			name, value, _ := strings.Cut(setting, "=")
			_, _ = fmt.Fprintf(w, "export %s=%s\n", name, shellQuote(value))
		}
	})
}

// shellQuote makes text one word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type sandboxExplain struct {
	sandboxFile
	Count int `short:"n" default:"1" help:"How many refusals, the newest first."`
}

func (s *sandboxExplain) Run(ctx context.Context, t *terminal) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	denials, err := s.fetch(ctx, "http://"+cfg.Listen)
	if err != nil {
		return err
	}
	if len(denials) == 0 {
		t.say("Nothing was refused so far.")
	}
	return t.show(denials, func(w io.Writer) {
		for _, d := range denials {
			explainDenial(w, d)
		}
	})
}

func (s *sandboxExplain) fetch(ctx context.Context, endpoint string) ([]sandbox.Denial, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/_pullpass/denials?n=%d", endpoint, s.Count), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot ask the sandbox", Err: err, Hint: "start it: pullpass sandbox"}
	}
	defer resp.Body.Close()
	var denials []sandbox.Denial
	if err := json.NewDecoder(resp.Body).Decode(&denials); err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot ask the sandbox", Cause: "what answers at " + endpoint + " is not one"}
	}
	return denials, nil
}

func explainDenial(w io.Writer, d sandbox.Denial) {
	_, _ = fmt.Fprintf(w, "%s  %s was refused %s on %s\n", d.Time.Local().Format("15:04:05"), d.Principal, d.Action, d.Resource)
	_, _ = fmt.Fprint(w, decisionStory(d.Decision))
}
