package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/agent"
)

// agentSocket is where the agent answers inside an environment.
func agentSocket() string {
	if path := os.Getenv("PULLPASS_SOCKET"); path != "" {
		return path
	}
	return agent.Mount + "/" + agent.Socket
}

// askSelf asks the agent which environment this is.
func askSelf(ctx context.Context) (api.AgentSelf, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dialer := &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", agentSocket())
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pullpass"+api.PathAgentSelf, nil)
	if err != nil {
		return api.AgentSelf{}, err
	}
	var self api.AgentSelf
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return self, &pullpass.Error{
			Kind: pullpass.Unavailable, What: "cannot ask the agent who this environment is", Err: err,
			Hint: "this works inside an environment, where " + agent.Mount + " is mounted; the runner must be up",
		}
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&self); err != nil || resp.StatusCode != http.StatusOK {
		return self, &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot ask the agent who this environment is", Cause: "it answers " + resp.Status}
	}
	return self, nil
}

// orInside is err for who is not logged in because they are inside an environment.
func orInside(err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "not_logged_in" {
		return err
	}
	if _, missing := os.Stat(agentSocket()); missing != nil {
		return err
	}
	said := *e
	said.Hint = "you are inside an environment, which needs no login to say which one it is: pullpass self"
	return &said
}

type selfCommand struct{}

// Run prints which environment this is, from inside it.
func (selfCommand) Run(ctx context.Context, t *terminal) error {
	self, err := askSelf(ctx)
	if err != nil {
		return err
	}
	return t.show(self, func(w io.Writer) {
		facts(w, "environment", self.Environment.Name+" ("+self.Environment.ID+")", "project", string(self.Project),
			"organization", string(self.Organization), "runner", self.Runner.Name)
		for _, s := range self.Services {
			_, _ = fmt.Fprintf(w, "service %s: %s\n", s.Name, s.Image)
		}
	})
}

// greetCommand is what the demo's image runs: it says where it is, and stays.
type greetCommand struct{}

func (greetCommand) Run(ctx context.Context, t *terminal) error {
	self, err := askSelf(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(t.out, "Hello from a private image. The agent socket says that this is environment %s, run by %s.\n",
		self.Environment.Name, self.Runner.Name)
	for _, s := range self.Services {
		_, _ = fmt.Fprintf(t.out, "Service %s runs from %s.\n", s.Name, s.Image)
	}
	<-ctx.Done()
	return nil
}
