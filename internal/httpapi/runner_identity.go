package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/awsname"
)

// AWSProver asks AWS who signed a request: *aws.Prover.
type AWSProver interface {
	// Principal returns the ARN of the role or user. bound is what the request must
	// have signed beside the host.
	Principal(ctx context.Context, proof pullpass.IdentityProof, bound string) (string, error)
}

// provesAtOnce bounds how many questions to AWS strangers can cause at the same
// time, and provesPerSecond how many in all. One address gets a part of them: it can
// neither stop the runners of others, nor need it wait long for a site's own.
const (
	provesAtOnce    = 8
	provesPerSecond = 20

	provesOfOnePerSecond = 2
	provesOfOneAtOnce    = 20
)

func newProofLimit() *limit {
	return newLimit(provesOfOnePerSecond, provesOfOneAtOnce, provesPerSecond, 5*provesPerSecond)
}

func (s *Server) runnerIdentityRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRunnerOwnChallenge, id: "runner-challenge", tag: "runner", permission: access.RunnerWork,
		summary: "Get a challenge", description: "What the runner signs into its request to AWS."}, s.ownChallenge)
	add(s, route{method: http.MethodPut, path: api.PathRunnerIdentity, id: "prove-identity", tag: "runner", permission: access.RunnerWork,
		summary: "Prove the runner's AWS identity", description: "The server sends the signed request to AWS and believes the answer. An identity other than the approved one waits for an administrator."}, s.proveIdentity)
	add(s, route{method: http.MethodGet, path: api.PathRunnerKeys, id: "runner-keys", tag: "runner", permission: access.RunnerWork,
		summary: "Get the issuer's keys, signed by those before them"}, s.runnerKeys)
	add(s, route{method: http.MethodPut, path: api.PathRunnerApproval, id: "approve-identity", tag: "runners", permission: access.RunnerUpdate,
		summary: "Approve a runner's AWS identity", description: "From then on policies name it. It has to be what AWS confirmed last."}, s.approveIdentity)
}

func (s *Server) challenge(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID) (*body[api.Challenge], error) {
	if s.identity == nil || s.prover == nil {
		return nil, errNoIdentity()
	}
	text, err := s.identity.Challenge(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return answer(api.Challenge{Organization: org, Runner: id, Challenge: text}), nil
}

func (s *Server) ownChallenge(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.Challenge], error) {
	return s.challenge(ctx, c.Organization, c.Runner)
}

// provenPrincipal returns who AWS says that the runner is. Each challenge is good for one
// answer, and for the runner that it was made for.
func (s *Server) provenPrincipal(ctx context.Context, r pullpass.Runner, from string, in api.IdentityProof) (string, error) {
	if s.identity == nil || s.prover == nil {
		return "", errNoIdentity()
	}
	id, expires, err := s.identity.OpenChallenge(ctx, r.Organization, r.ID, in.Challenge)
	if err != nil {
		return "", err
	}
	if !s.proofs.allow(from, s.now()) {
		return "", &pullpass.Error{Kind: pullpass.Limited, Code: "proofs_limited", What: "cannot check the runner's AWS identity",
			Cause: "too many runners prove theirs at the same time", Hint: "try again in a minute"}
	}
	select {
	case s.proving <- struct{}{}:
		defer func() { <-s.proving }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	principal, err := s.prover.Principal(ctx, pullpass.IdentityProof{
		Challenge: in.Challenge, Host: in.Host, Credential: in.Credential, Date: in.Date, Signature: in.Signature, Token: in.Token.Secret(),
	}, pullpass.Bind(r.Organization, r.ID, in.Challenge))
	if err != nil {
		return "", err
	}
	return principal, s.store.UseChallenge(ctx, id, expires.Add(time.Minute))
}

func (s *Server) proveIdentity(ctx context.Context, c pullpass.Caller, in *struct{ Body api.IdentityProof }) (*body[api.Runner], error) {
	r, err := s.store.Runner(ctx, c.Organization, c.Runner)
	if err != nil {
		return nil, err
	}
	proved, err := s.provenPrincipal(ctx, r, c.Address, in.Body)
	if err != nil {
		return nil, err
	}
	if proved == r.AWSProved {
		return answer(s.wireRunner(r)), nil
	}
	event := runnerEvent("runner.identity", r)
	event.Detail["aws_identity"], event.Detail["before"], event.Detail["approved"] = proved, r.AWSProved, r.AWSIdentity
	err = s.deed(ctx, c, event, func(ctx context.Context) (err error) {
		r, err = s.store.RecordIdentity(ctx, c.Organization, r.ID, proved, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(s.wireRunner(r)), nil
}

func (s *Server) approveIdentity(ctx context.Context, c pullpass.Caller, in *struct {
	Runner pullpass.RunnerID `path:"runner" doc:"Its id."`
	Body   api.AWSApproval
}) (*body[api.Runner], error) {
	r, err := s.runner(ctx, c, access.RunnerUpdate, in.Runner)
	if err != nil {
		return nil, err
	}
	what := "cannot approve the AWS identity of runner " + r.Name
	switch identity := in.Body.Identity; {
	case r.AWSProved == "":
		return nil, &pullpass.Error{Kind: pullpass.Conflict, Code: "aws_identity_not_proved", What: what, Cause: "AWS has not confirmed any: " + r.AWSMessage,
			Hint: "see why: pullpass runner show " + r.Name}
	case !awsname.IsRoleOrUser(identity):
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "aws_identity_form", What: what, Cause: "it is not the ARN of one role or user", Hint: "pullpass runner approve-identity " + r.Name}
	case !awsname.SameRole(identity, r.AWSProved):
		return nil, &pullpass.Error{Kind: pullpass.Conflict, Code: "aws_identity_other", What: what, Cause: "AWS confirmed " + r.AWSProved + ", and not this one",
			Hint: "look again: pullpass runner show " + r.Name}
	}
	event := runnerEvent("runner.approve-identity", r)
	event.Detail["aws_identity"], event.Detail["before"] = in.Body.Identity, r.AWSIdentity
	err = s.deed(ctx, c, event, func(ctx context.Context) (err error) {
		r, err = s.store.ApproveIdentity(ctx, c.Organization, r.ID, in.Body.Identity)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(s.wireRunner(r)), nil
}

func (s *Server) runnerKeys(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.RunnerKeys], error) {
	if s.identity == nil {
		return nil, errNoIdentity()
	}
	list, err := s.identity.Succession(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	return answer(api.RunnerKeys{Issuer: s.identity.Issuer(c.Organization), Successions: list}), nil
}
