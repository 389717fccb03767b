package client

import (
	"context"
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Wanted is what a runner should have running.
type Wanted struct {
	Environments []pullpass.Environment
	State        string // give it to the next Wanted
	Unchanged    bool   // Environments is empty: what was seen still holds
	Trials       []pullpass.TrialID
	Reported     string            // the phases that the server has
	Hosts        []api.HostMapping // the operator's mappings of their images' hosts
}

// Wanted returns the wanted environments of the client's runner as soon as they
// differ from seen, or says that they do not when wait (at most 30 s) is over.
func (c *Client) Wanted(ctx context.Context, seen string, wait time.Duration) (Wanted, error) {
	query := url.Values{}
	set(query, "seen", seen)
	w, err := do[api.RunnerEnvironments](ctx, c, get(api.PathRunnerEnvironments, query).waiting(wait))
	all, hosts := w.Items, w.Hosts
	for next := w.Next; err == nil && next != ""; {
		var more api.RunnerEnvironments
		more, err = do[api.RunnerEnvironments](ctx, c, get(api.PathRunnerEnvironments, url.Values{"after": {string(next)}}))
		all, hosts, next = append(all, more.Items...), append(hosts, more.Hosts...), more.Next
	}
	if err != nil {
		return Wanted{}, err // half of what is wanted would read as the rest being unwanted
	}
	// The state is that of the first answer: what changed since is news for the next.
	return Wanted{Environments: each(all, environment), State: w.State, Unchanged: w.Unchanged, Trials: w.Trials, Reported: w.Reported, Hosts: hosts}, nil
}

// Heartbeat tells how the client's runner is.
func (c *Client) Heartbeat(ctx context.Context, r pullpass.RunnerReport) (pullpass.Runner, error) {
	k := post(api.PathRunnerHeartbeat, api.Heartbeat{
		Version: r.Version, Capabilities: r.Capabilities, AWSIdentity: r.AWSClaim, AWSMessage: r.AWSMessage,
		Process: r.Process, Machine: r.Machine, Phase: r.Phase, Message: r.Message,
	})
	k.again = true
	w, err := do[api.Runner](ctx, c, k)
	return runner(w), err
}

// ReportStatus tells how an environment of the client's runner is.
func (c *Client) ReportStatus(ctx context.Context, id pullpass.EnvironmentID, s pullpass.StatusUpdate) (pullpass.Environment, error) {
	w, err := do[api.Environment](ctx, c, put(path(api.PathRunnerStatus, id), api.Status{
		Start: s.Start, Phase: s.Phase, Services: s.Status, Conditions: s.Conditions,
	}))
	return environment(w), err
}

// AppendOutput hands on what a service has printed since offset, counted from
// its start. Saying it twice does no harm.
func (c *Client) AppendOutput(ctx context.Context, id pullpass.EnvironmentID, service string, start, offset int64, data []byte) error {
	k := post(path(api.PathRunnerOutput, id), api.OutputChunk{Service: service, Start: start, Offset: offset, Data: data})
	k.again = true
	return c.send(ctx, k)
}

// Issued is a credential and the registry that it came from, or the permission
// to mint one.
type Issued struct {
	pullpass.Credential
	Registry pullpass.RegistryID
	Grant    pullpass.Secret // signed: for a registry opened by the runner's own identity
}

// CredentialHosts lists the hosts of a project (its id or name) that Credential opens;
// without a project, those of the one that the token is limited to.
func (c *Client) CredentialHosts(ctx context.Context, project pullpass.ProjectID) ([]string, error) {
	query := url.Values{}
	set(query, "project", string(project))
	w, err := do[api.CredentialHosts](ctx, c, get(api.PathCredentialHosts, query))
	return w.Hosts, err
}

// Credential asks for what opens one repository.
func (c *Client) Credential(ctx context.Context, r api.CredentialRequest) (Issued, error) {
	k := post(api.PathCredentials, r)
	k.again = true // it is issued anew each time
	w, err := do[api.Credential](ctx, c, k)
	issued := Issued{
		Credential: pullpass.Credential{
			Host: w.Host, Username: w.Username, Secret: w.Secret.Secret(), Expires: w.Expires, Unscoped: w.Unscoped,
		},
		Registry: w.Registry, Grant: w.Grant.Secret(),
	}
	return issued, err
}
