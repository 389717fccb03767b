package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/config"
)

// identity reads who the runner is, or joins: with the one-time token, or by the
// machine's AWS role.
func (r *runnerRun) identity(ctx context.Context, t *terminal, state *runnerState, log *slog.Logger) (runnerIdentity, error) {
	id, kept, err := state.read()
	if err != nil || id.joined() {
		return id, err
	}
	if kept { // it ended between the join and the server's answer
		if done, err := r.finish(ctx, id); err == nil {
			return done, state.write(done)
		} else if !pullpass.IsKind(err, pullpass.Unauthenticated) {
			return id, err
		}
	}
	var j client.Joining
	switch {
	case r.Join == config.JoinByAWS:
		if j.Organization, j.Runner, err = joinAs(r.JoinAs); err != nil {
			return id, err
		}
	case r.JoinToken == "":
		return id, misuse("this runner has not joined yet", "give its token on standard input with --join-token-file -; it is printed by: pullpass runner add NAME")
	default:
		if j.Token, err = readSecret(t, r.JoinToken, "Join token: "); err != nil {
			return id, err
		}
	}
	signer, err := r.signer()
	if err != nil {
		return id, err
	}
	return join(ctx, r.Server, j, signer, state, log, r.options()...)
}

// signer proves who the machine is to AWS.
func (r *runnerRun) signer() (*aws.Minter, error) {
	hosts, err := newHosts(r.Hosts)
	if err != nil {
		return nil, err
	}
	return aws.New(ownAWS(&r.Runner, hosts)), nil
}

// joinAs reads ORGANIZATION/RUNNER, two ids.
func joinAs(text string) (pullpass.OrganizationID, pullpass.RunnerID, error) {
	org, id, _ := strings.Cut(text, "/")
	if !pullpass.ValidID("org", org) || !pullpass.ValidID("run", id) {
		return "", "", misuse("it does not say which runner to join as", "give --join aws --join-as ORGANIZATION/RUNNER, as printed by: pullpass runner add NAME --aws-role ARN")
	}
	return pullpass.OrganizationID(org), pullpass.RunnerID(id), nil
}

// finish finds out whether a join whose answer was not heard has happened.
func (r *runnerRun) finish(ctx context.Context, id runnerIdentity) (runnerIdentity, error) {
	c, err := client.New(r.Server, append(r.options(), client.WithToken(id.Token.Secret()))...)
	if err != nil {
		return id, err
	}
	self, err := c.Self(ctx)
	if err != nil {
		return id, err
	}
	// Issuer and keys are taken from the server once more: see grantKeys.
	id.Runner, id.Name, id.Organization = self.Runner, self.Name, self.Organization.ID
	return id, nil
}

// join makes the runner's own token, keeps it, and only then spends the one-time
// token: with a state directory that cannot be written, nothing is spent, and an
// answer that does not arrive loses nothing.
func join(ctx context.Context, server string, j client.Joining, signer *aws.Minter, state *runnerState, log *slog.Logger, options ...client.Option) (runnerIdentity, error) {
	id := runnerIdentity{Token: api.NewSecret(pullpass.NewBearer(pullpass.TokenRunner))}
	c, err := client.New(server, options...)
	if err != nil {
		return id, err
	}
	challenge, err := c.Challenge(ctx, j)
	if err != nil && (j.Token.Empty() || pullpass.IsKind(err, pullpass.Unauthenticated)) {
		return id, err
	}
	if err == nil && signer != nil {
		j.Proof, err = answerChallenge(ctx, signer, challenge)
	}
	if err != nil {
		if j.Token.Empty() {
			return id, err
		}
		j.Report.AWSMessage = pullpass.Explain(err)
		log.InfoContext(ctx, "joining without an AWS identity", "reason", j.Report.AWSMessage)
	}
	if err := state.write(id); err != nil {
		return id, err
	}
	j.Kind, j.Own, j.Report.Version = pullpass.RunnerDocker, id.Token.Secret(), version
	joined, err := c.JoinAs(ctx, j)
	if err != nil {
		return id, err
	}
	id = runnerIdentity{Runner: joined.Runner.ID, Name: joined.Runner.Name, Token: api.NewSecret(joined.Token),
		Organization: joined.Organization, Issuer: joined.Issuer, Keys: joined.Keys}
	return id, state.write(id)
}
