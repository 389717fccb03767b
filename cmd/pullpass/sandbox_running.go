package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// askSandbox sends a request to a running sandbox of this machine and reads its
// answer.
func askSandbox(ctx context.Context, method, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return misuse("the address cannot be used", "--listen HOST:PORT, such as 127.0.0.1:4510")
	}
	req.Header.Set("X-Pullpass-Sandbox", "reset") // what a page in a browser cannot send
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot ask the sandbox", Err: err, Hint: "start it: pullpass sandbox"}
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		return &pullpass.Error{
			Kind: pullpass.Unavailable, What: "cannot ask the sandbox", Cause: "what answers at " + address + " is not a sandbox, or refuses",
			Hint: "start it: pullpass sandbox",
		}
	}
	return nil
}

// serverFlags are the flags of a server, or a runner, in front of a sandbox.
type serverFlags struct {
	Hosts       []string `json:"hosts"`
	AllowEgress []string `json:"allow_egress"`
}

func (s *sandboxEnv) printServerFlags(ctx context.Context, t *terminal, endpoint string) error {
	var registries []sandbox.RegistryEndpoint
	if err := askSandbox(ctx, http.MethodGet, endpoint+"/_pullpass/registries", &registries); err != nil {
		return err
	}
	flags := serverFlags{Hosts: []string{}, AllowEgress: []string{}}
	seen := map[string]bool{}
	for _, r := range registries {
		flags.Hosts = append(flags.Hosts, r.Mapping(endpoint))
		for _, address := range []string{r.Address, endpoint[len("http://"):]} {
			if host, _, err := net.SplitHostPort(address); err == nil && !seen[host] {
				seen[host] = true
				flags.AllowEgress = append(flags.AllowEgress, host)
			}
		}
	}
	return t.show(flags, func(w io.Writer) {
		for _, h := range flags.Hosts {
			_, _ = fmt.Fprintf(w, "--host %s\n", h)
		}
		for _, a := range flags.AllowEgress {
			_, _ = fmt.Fprintf(w, "--allow-egress %s\n", a)
		}
	})
}

type sandboxReset struct {
	sandboxAddress
}

// Run takes a running sandbox, of this machine, back to its configuration.
func (s *sandboxReset) Run(ctx context.Context, t *terminal, cli *commandLine) error {
	cfg, err := s.config(cli)
	if err != nil {
		return err
	}
	var registries []sandbox.RegistryEndpoint
	if err := askSandbox(ctx, http.MethodPost, "http://"+cfg.Listen+"/_pullpass/reset", &registries); err != nil {
		return err
	}
	t.say("The sandbox is as its configuration says. What was made since is gone.")
	return nil
}
