package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// The actions that a session policy lets through. It only takes away: what the
// identity's own policies do not allow stays forbidden. BatchImportUpstreamImage
// is what a pull through a cache needs.
var (
	pullActions = []string{
		"ecr:BatchGetImage",
		"ecr:GetDownloadUrlForLayer",
		"ecr:BatchCheckLayerAvailability",
		"ecr:BatchImportUpstreamImage",
	}
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
			Cause: fmt.Sprintf(
				"%d repositories do not make a session policy of 1 to %d characters",
				len(repositories),
				maxPolicy,
			)}
	}
	return string(text), nil
}

const (
	federationLife  = 12 * time.Hour // as long as ECR's tokens
	cannotNarrowFor = 10 * time.Minute

	maxFederationName = 32 // AWS's limit for this name alone
)

// refusedBy reports whether AWS said no to narrowing, as opposed to not
// answering: only a no may lead to a wider credential.
func refusedBy(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (api.ErrorCode() == "AccessDenied" || api.ErrorCode() == "AccessDeniedException")
}
