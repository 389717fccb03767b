package e2e_test

import (
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// credentialFor is what opens an image for an environment.
func credentialFor(e pullpass.Environment, image string) api.CredentialRequest {
	host, rest, _ := strings.Cut(image, "/")
	repository, _, _ := strings.Cut(rest, ":")
	return api.CredentialRequest{Environment: e.ID, Host: host, Repository: repository, Action: pullpass.ActionPull}
}

// credentialRequest is what a developer asks for.
func credentialRequest(project pullpass.ProjectID, host, repository string, action pullpass.Action) api.CredentialRequest {
	return api.CredentialRequest{Project: project, Host: host, Repository: repository, Action: action}
}
