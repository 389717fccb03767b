package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/reference"
)

// The actions that a session policy lets through. It only takes away: what the
// identity's own policies do not allow stays forbidden. BatchImportUpstreamImage
// is what a pull through a cache needs.
var (
	pullActions = []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability", "ecr:BatchImportUpstreamImage"}
	pushActions = []string{"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}
)

const maxPolicy = 2048 // characters, AWS's limit for session policies

type statement struct {
	Effect   string
	Action   []string
	Resource []string
}

// sessionPolicy writes the policy that limits a session to repositories.
func sessionPolicy(e reference.ECR, action pullpass.Action, repositories []string) (string, error) {
	actions := pullActions
	if action == pullpass.ActionPush {
		actions = append(append([]string{}, pullActions...), pushActions...)
	}
	resources := make([]string, len(repositories))
	for i, r := range repositories {
		resources[i] = e.RepositoryARN(r)
	}
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{
		{"Allow", []string{"ecr:GetAuthorizationToken"}, []string{"*"}},
		{"Allow", actions, resources},
	}})
	if err != nil {
		return "", fmt.Errorf("writing a session policy: %w", err)
	}
	if len(repositories) == 0 || len(text) > maxPolicy {
		return "", &pullpass.Error{Kind: pullpass.Internal, Code: "session_policy", What: "cannot limit a session",
			Cause: fmt.Sprintf("%d repositories do not make a session policy of 1 to %d characters", len(repositories), maxPolicy)}
	}
	return string(text), nil
}

const (
	federationLife  = 12 * time.Hour // as long as ECR's tokens
	cannotNarrowFor = 10 * time.Minute

	maxFederationName = 32 // AWS's limit for this name alone
)

// narrow limits an identity that has no role above it: an IAM user by a
// federation token, a role's session by assuming its own role once more, which
// the role has to trust. Where neither is allowed the identity stays as wide as
// it is, and the credential says so.
func (l *ladder) narrow(ctx context.Context, at rung, policy string) (rung, error) {
	if l.m.cannotNarrow(l.key) {
		return l.wide(ctx, at)
	}
	c, err := at.provider.Retrieve(ctx)
	if err != nil {
		return rung{}, awscall.ErrNoIdentity
	}
	var out rung
	if role, ok := awsname.RoleOfSession(at.principal); ok {
		out, err = l.assume(ctx, at, pullpass.RoleHop{RoleARN: role}, policy)
	} else if c.SessionToken == "" {
		out, err = l.federate(ctx, at, policy)
	} else {
		return l.wide(ctx, at)
	}
	if refusedBy(err) {
		l.m.remember(l.key, l.m.o.Now().Add(cannotNarrowFor))
		return l.wide(ctx, at)
	}
	out.principal = at.principal
	return out, err
}

// wide is the identity as it is, with the end of its session if it has one.
func (l *ladder) wide(ctx context.Context, at rung) (rung, error) {
	c, err := at.provider.Retrieve(ctx)
	if err != nil {
		return rung{}, awscall.ErrNoIdentity
	}
	if c.CanExpire {
		at.expires = c.Expires
	}
	return at, nil
}

func (l *ladder) federate(ctx context.Context, at rung, policy string) (rung, error) {
	name := l.sessionName(policy)
	if len(name) > maxFederationName { // the end of an id is its random part
		name = name[len(name)-maxFederationName:]
	}
	out, err := l.sts(at.provider).GetFederationToken(ctx, &sts.GetFederationTokenInput{
		Name: aws.String(name), Policy: aws.String(policy), DurationSeconds: aws.Int32(int32(federationLife / time.Second)),
	})
	if err != nil {
		return rung{}, err
	}
	return session(out.Credentials, at.principal, true)
}

// refusedBy reports whether AWS said no to narrowing, as opposed to not
// answering: only a no may lead to a wider credential.
func refusedBy(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (api.ErrorCode() == "AccessDenied" || api.ErrorCode() == "AccessDeniedException")
}
