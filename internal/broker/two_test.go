package broker_test

import (
	"context"

	"github.com/pullpass/pullpass"
)

// twoOrganizations answers every organization with things of the same ids.
type twoOrganizations map[pullpass.OrganizationID]struct {
	registry    pullpass.Registry
	integration pullpass.Integration
}

func (s twoOrganizations) Environment(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error) {
	return pullpass.Environment{}, missing("environment")
}

func (s twoOrganizations) PinnedRegistries(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) ([]pullpass.Registry, error) {
	return nil, missing("environment")
}

func (s twoOrganizations) RegistriesInForce(_ context.Context, org pullpass.OrganizationID, _ pullpass.ProjectID) ([]pullpass.Registry, error) {
	return []pullpass.Registry{s[org].registry}, nil
}

func (s twoOrganizations) RegistrySecret(context.Context, pullpass.OrganizationID, pullpass.Registry) (pullpass.Secret, error) {
	return pullpass.Secret{}, missing("registry")
}

func (s twoOrganizations) Integration(_ context.Context, org pullpass.OrganizationID, _ pullpass.IntegrationID) (pullpass.Integration, error) {
	return s[org].integration, nil
}

func (s twoOrganizations) IntegrationSecret(context.Context, pullpass.OrganizationID, pullpass.IntegrationID, int64) (pullpass.Secret, error) {
	return pullpass.NewSecret(canary), nil
}

func (twoOrganizations) RepositoryOfOthers(context.Context, pullpass.OrganizationID, pullpass.ProjectID, string, string, string) (string, error) {
	return "", nil
}
