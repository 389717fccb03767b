package main

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/runner"
)

// wantedWait is how long a runner's long poll may hang: below what proxies cut.
const wantedWait = 20 * time.Second

// serverPort joins the runner to its server through the typed client.
type serverPort struct {
	c        *client.Client
	native   *aws.Native // mints what the server only grants
	mappings *runner.Mappings
	skew     *skew // nil: nobody is told
}

func (s serverPort) Heartbeat(ctx context.Context, r pullpass.RunnerReport) error {
	now, err := s.c.Heartbeat(ctx, r)
	if err == nil && s.skew != nil {
		s.skew.note(ctx, now.ServerVersion)
	}
	return err
}

// skew tells the operator once that the server has another version.
type skew struct {
	log   *slog.Logger
	noted atomic.Pointer[string]
}

func (k *skew) note(ctx context.Context, server string) {
	if last := k.noted.Swap(&server); server != "" && (last == nil || *last != server) {
		k.log.WarnContext(ctx, "the server has another version than this runner", "server", server, "runner", version)
	}
}

func (s serverPort) Wanted(ctx context.Context, seen string) (runner.Wanted, error) {
	w, err := s.c.Wanted(ctx, seen, wantedWait)
	if err == nil && !w.Unchanged {
		s.mappings.Learn(ctx, mappingsOf(w.Hosts))
	}
	return runner.Wanted{State: w.State, Environments: w.Environments, Unchanged: w.Unchanged, Reported: w.Reported, Trials: w.Trials}, err
}

func (s serverPort) ReportStatus(ctx context.Context, id pullpass.EnvironmentID, u pullpass.StatusUpdate) error {
	_, err := s.c.ReportStatus(ctx, id, u)
	return err
}

func (s serverPort) AppendOutput(ctx context.Context, o runner.Output) error {
	return s.c.AppendOutput(ctx, o.Environment, o.Service, o.Start, o.Offset, o.Data)
}

func (s serverPort) Credential(ctx context.Context, r runner.CredentialRequest) (pullpass.Credential, error) {
	issued, err := s.c.Credential(ctx, api.CredentialRequest{
		Environment: r.Environment, Host: r.Host, Repository: r.Repository, Action: r.Action, Inside: r.Inside, Refused: r.Refused,
	})
	if err != nil || issued.Grant.Empty() {
		return issued.Credential, err
	}
	c, err := s.native.Credential(ctx, issued.Grant, broker.Ask{
		Environment: r.Environment, Host: r.Host, Repository: r.Repository, Action: cmp.Or(r.Action, pullpass.ActionPull), Inside: r.Inside,
		Refused: r.Refused,
	})
	return c, s.mappings.Explain(r.Host, true, err)
}

func mappingsOf(hosts []api.HostMapping) []reference.Mapping {
	list := make([]reference.Mapping, len(hosts))
	for i, h := range hosts {
		list[i] = reference.Mapping{Host: h.Host, Account: h.Account, Region: h.Region, APIEndpoint: h.API, STSEndpoint: h.STS, RegistryURL: h.Registry, Realm: h.Realm}
	}
	return list
}
