package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/httpapi"
)

// anything is a store that has whatever is asked for.
type anything struct {
	httpapi.Store
	org pullpass.OrganizationID
}

func (a anything) TokenByHash(context.Context, pullpass.TokenHash) (pullpass.Token, error) {
	return pullpass.Token{Organization: a.org, Kind: pullpass.TokenAPI, Role: pullpass.RoleOwner}, nil
}

func (a anything) Project(_ context.Context, org pullpass.OrganizationID, id pullpass.ProjectID) (pullpass.Project, error) {
	return pullpass.Project{ID: id, Organization: org}, nil
}

func (a anything) Integration(_ context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID) (pullpass.Integration, error) {
	return pullpass.Integration{ID: id, Organization: org}, nil
}

func (a anything) Runner(_ context.Context, org pullpass.OrganizationID, id pullpass.RunnerID) (pullpass.Runner, error) {
	return pullpass.Runner{ID: id, Organization: org}, nil
}

func (a anything) Runners(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Runner], error) {
	return pullpass.List[pullpass.Runner]{}, nil
}

func (a anything) RegistriesInForce(context.Context, pullpass.OrganizationID, pullpass.ProjectID) ([]pullpass.Registry, error) {
	return nil, nil
}

func (a anything) CreateRegistry(_ context.Context, r pullpass.Registry, _ pullpass.Secret) (pullpass.Registry, error) {
	return r, nil
}

func (a anything) CreateEnvironment(_ context.Context, e pullpass.Environment) (pullpass.Environment, error) {
	return e, nil
}

func post(t *testing.T, path, token, body string) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", api.ContentType)
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}
