package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/printable"
)

func (s *Server) joinRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRunnerChallenge, id: "challenge-runner", tag: "runners", permission: public,
		summary: "Get a challenge before joining", description: "What a runner signs into its request to AWS. The join token is not spent by it."}, s.challengeJoin)
	add(s, route{method: http.MethodPost, path: api.PathRunnerJoin, id: "join-runner", tag: "runners", permission: public, status: http.StatusCreated, maxBody: maxJoinBody,
		summary: "Join as a runner", description: "Trades a one-time join token for the runner's own, or joins by the AWS role that the runner was added with. Earlier tokens of the runner end."}, s.joinRunner)
	add(s, route{method: http.MethodPost, path: api.PathRunnerJoinToken, id: "rejoin-runner", tag: "runners", permission: access.RunnerUpdate, status: http.StatusCreated,
		summary: "Let a runner join again", description: "Answers with a new one-time token for the same runner. What runs is adopted by whoever joins with it; the runner's present token works until then."}, s.rejoinRunner)
}

const cannotJoin = "cannot join as a runner"

// joinTokenOf looks at a join token without spending it.
func (s *Server) joinTokenOf(ctx context.Context, text pullpass.Secret) (pullpass.Token, error) {
	unknown := &pullpass.Error{Kind: pullpass.Unauthenticated, Code: "unauthenticated", What: cannotJoin,
		Cause: "the one-time token is not known here, has been used, or has expired", Hint: "get a new one for the same runner: pullpass runner rejoin NAME"}
	kind, hash, ok := pullpass.HashBearer(text.Reveal())
	if !ok || kind != pullpass.TokenJoin {
		return pullpass.Token{}, unknown
	}
	token, err := s.store.TokenByHash(ctx, hash)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return pullpass.Token{}, unknown
	case err != nil:
		return pullpass.Token{}, err
	case token.Kind != kind, s.expired(token):
		return pullpass.Token{}, unknown
	}
	return token, nil
}

func (s *Server) challengeJoin(ctx context.Context, _ pullpass.Caller, in *struct{ Body api.ChallengeRequest }) (*body[api.Challenge], error) {
	org, id := in.Body.Organization, in.Body.Runner
	if token := in.Body.Token.Secret(); !token.Empty() {
		join, err := s.joinTokenOf(ctx, token)
		if err != nil {
			return nil, err
		}
		org, id = join.Organization, join.Runner
	} else if _, err := s.roleRunner(ctx, org, id); err != nil {
		return nil, err
	}
	return s.challenge(ctx, org, id)
}

// roleRunner finds the runner that somebody wants to be by a role. Whether it is
// there and has no role, or is not there, is nobody's to know.
func (s *Server) roleRunner(ctx context.Context, org pullpass.OrganizationID, id pullpass.RunnerID) (pullpass.Runner, error) {
	unknown := &pullpass.Error{Kind: pullpass.Unauthenticated, Code: "runner_no_role", What: cannotJoin,
		Cause: "there is no such runner, or it was not added with a role to join by", Hint: "pullpass runner add NAME --aws-role ARN"}
	if !pullpass.ValidID("org", string(org)) || !pullpass.ValidID("run", string(id)) {
		return pullpass.Runner{}, unknown
	}
	r, err := s.store.Runner(ctx, org, id)
	if pullpass.IsKind(err, pullpass.NotFound) || (err == nil && r.AWSRole == "") {
		return pullpass.Runner{}, unknown
	}
	return r, err
}

func (s *Server) joinRunner(ctx context.Context, c pullpass.Caller, in *struct{ Body api.Join }) (*body[api.RunnerWithToken], error) {
	var j joining
	var err error
	if in.Body.Token.Secret().Empty() {
		j, err = s.byRole(ctx, c, in.Body)
	} else {
		j, err = s.byToken(ctx, c, in.Body)
	}
	if err != nil {
		return nil, err
	}
	r := j.runner
	if r.Kind != in.Body.Kind {
		return nil, &pullpass.Error{Kind: pullpass.Conflict, Code: "runner_kind", What: "cannot join as the runner " + r.Name,
			Cause: "it was added for " + string(r.Kind), Hint: "add a runner of your kind: pullpass runner add NAME"}
	}
	if err := tooOld("join as the runner "+r.Name, in.Body.Version); err != nil {
		return nil, err // before the token is spent
	}
	printable.Struct(&in.Body, maxReported)
	text, token, err := s.ownToken(in.Body.OwnToken.Secret(), pullpass.Token{Organization: r.Organization, Kind: pullpass.TokenRunner, Name: r.Name, Runner: r.ID, CreatedBy: j.by})
	if err != nil {
		return nil, err
	}
	c.Kind, c.Organization, c.ID, c.Name, c.Runner = pullpass.CallerRunner, r.Organization, string(r.ID), r.Name, r.ID
	event := runnerEvent("runner.join", r)
	event.Detail["by"] = j.how
	if j.proved != "" {
		event.Detail["aws_identity"] = j.proved
	}
	err = s.deed(ctx, c, event, func(ctx context.Context) (err error) {
		r, err = s.store.JoinRunner(ctx, j.token, token, pullpass.RunnerReport{Version: in.Body.Version, Capabilities: in.Body.Capabilities, AWSClaim: in.Body.AWSIdentity, AWSMessage: j.message})
		if err == nil && j.proved != "" {
			r, err = s.store.RecordIdentity(ctx, r.Organization, r.ID, j.proved, true)
		}
		return err
	})
	if pullpass.IsKind(err, pullpass.NotFound) { // of two with one token, the other was first
		_, err = s.joinTokenOf(ctx, pullpass.Secret{})
	}
	if err != nil {
		return nil, err
	}
	out := api.RunnerWithToken{Runner: s.wireRunner(r), Token: api.NewSecret(text), Organization: r.Organization}
	if s.identity == nil {
		return answer(out), nil
	}
	keys, err := s.identity.KeySet(ctx, r.Organization)
	if err != nil {
		return nil, err
	}
	out.Issuer = s.identity.Issuer(r.Organization)
	out.Keys, err = json.Marshal(keys)
	return answer(out), err
}

// joining is a runner that may join, and why.
type joining struct {
	runner  pullpass.Runner
	token   pullpass.TokenHash // spent by it
	by      string             // who let it
	how     string             // "token" or "aws-role"
	proved  string             // its AWS identity, as AWS confirmed it
	message string             // why there is none
}

func (s *Server) byToken(ctx context.Context, c pullpass.Caller, in api.Join) (joining, error) {
	token, err := s.joinTokenOf(ctx, in.Token.Secret())
	if err != nil {
		return joining{}, err
	}
	r, err := s.store.Runner(ctx, token.Organization, token.Runner)
	if err != nil {
		return joining{}, err
	}
	j := joining{runner: r, token: token.Hash, by: token.CreatedBy, how: "token"}
	if in.Proof != nil {
		// A runner without a confirmed identity is a runner all the same.
		if j.proved, err = s.provenPrincipal(ctx, r, c.Address, *in.Proof); err != nil {
			j.message = pullpass.Explain(err)
		}
	}
	return j, nil
}

// byRole lets a session of the role that the runner was added with join. Only what
// AWS has confirmed is on record as refused: before that, anybody can ask.
func (s *Server) byRole(ctx context.Context, c pullpass.Caller, in api.Join) (joining, error) {
	r, err := s.roleRunner(ctx, in.Organization, in.Runner)
	if err != nil {
		return joining{}, err
	}
	if in.Proof == nil {
		return joining{}, &pullpass.Error{Kind: pullpass.Unauthenticated, Code: "aws_identity_not_proved", What: cannotJoin,
			Cause: "it gives neither a join token nor a proof of its AWS identity", Hint: "pullpass runner --server " + s.address() + " --join aws --join-as " + string(in.Organization) + "/" + string(in.Runner)}
	}
	proved, err := s.provenPrincipal(ctx, r, c.Address, *in.Proof)
	if err != nil {
		return joining{}, err
	}
	if !awsname.SameRole(proved, r.AWSRole) {
		event := runnerEvent("runner.join", r)
		event.Organization, event.Caller, event.At = r.Organization, c.Actor(), s.now()
		event.Decision, event.Reason, event.Detail["aws_identity"] = pullpass.DecisionDenied, "runner_other_role", proved
		s.recordAnyway(ctx, event)
		return joining{}, &pullpass.Error{Kind: pullpass.Denied, Code: "runner_other_role", What: cannotJoin,
			Cause: "AWS says that this machine is " + proved + ", and the runner was added for another role", Hint: "give the machine that role, or add a runner for its own: pullpass runner add NAME --aws-role " + proved}
	}
	return joining{runner: r, by: r.AWSRole, how: "aws-role", proved: r.AWSRole}, nil
}

// ownToken takes the token that a runner made for itself, or makes one. A runner's
// own is on its disk before the join token is spent.
func (s *Server) ownToken(own pullpass.Secret, t pullpass.Token) (pullpass.Secret, pullpass.Token, error) {
	text, token := s.newToken(t)
	if own.Empty() {
		return text, token, nil
	}
	kind, hash, ok := pullpass.HashBearer(own.Reveal())
	if !ok || kind != pullpass.TokenRunner {
		return text, token, &pullpass.Error{Kind: pullpass.Invalid, Code: "token_form", What: cannotJoin,
			Cause: "its own token is not in the form of a runner's token", Hint: "leave it out, and the server makes one"}
	}
	token.Hash = hash
	return own, token, nil
}

func (s *Server) rejoinRunner(ctx context.Context, c pullpass.Caller, in *runnerPath) (*body[api.RunnerWithToken], error) {
	r, err := s.runner(ctx, c, access.RunnerUpdate, in.Runner)
	if err != nil {
		return nil, err
	}
	text, token := s.joinToken(ctx, c, r)
	err = s.deed(ctx, c, byExpiring(ctx, runnerEvent("runner.rejoin", r)), func(ctx context.Context) error {
		return s.store.ReplaceJoinToken(ctx, token)
	})
	if err != nil {
		return nil, err
	}
	return answer(api.RunnerWithToken{Runner: s.wireRunner(r), Token: api.NewSecret(text)}), nil
}

func (s *Server) joinToken(ctx context.Context, c pullpass.Caller, r pullpass.Runner) (pullpass.Secret, pullpass.Token) {
	return s.newToken(pullpass.Token{
		Organization: r.Organization, Kind: pullpass.TokenJoin, Name: r.Name, Runner: r.ID, CreatedBy: c.ID, Parent: parentOf(c), ExpiresAt: soonest(ctx, s.now().Add(joinWithin)),
	})
}
