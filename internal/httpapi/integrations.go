package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) integrationRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathIntegrations, id: "create-integration", within: upstreamWithin, tag: "integrations", permission: access.IntegrationCreate, status: http.StatusCreated,
		summary: "Add an integration"}, s.createIntegration)
	add(s, route{method: http.MethodGet, path: api.PathIntegrations, id: "list-integrations", tag: "integrations", permission: access.IntegrationRead,
		summary: "List integrations"}, s.listIntegrations)
	add(s, route{method: http.MethodGet, path: api.PathIntegration, id: "get-integration", tag: "integrations", permission: access.IntegrationRead,
		summary: "Get an integration", description: "Without its secret key: that cannot be read back."}, s.getIntegration)
	add(s, route{method: http.MethodPatch, path: api.PathIntegration, id: "update-integration", within: upstreamWithin, tag: "integrations", permission: access.IntegrationUpdate,
		summary: "Update an integration"}, s.updateIntegration)
	add(s, route{method: http.MethodDelete, path: api.PathIntegration, id: "delete-integration", tag: "integrations", permission: access.IntegrationDelete,
		summary: "Delete an integration", description: "Refused while a registry uses it."}, s.deleteIntegration)
}

type integrationPath struct {
	Integration pullpass.IntegrationID `path:"integration" doc:"Its id."`
}

const cannotSaveIntegration = "cannot save the integration"

func (s *Server) createIntegration(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewIntegration }) (*body[api.Integration], error) {
	w := in.Body
	i := pullpass.Integration{
		ID: pullpass.NewIntegrationID(), Organization: c.Organization, Name: w.Name, Mode: w.Mode, Account: w.Account, Region: w.Region,
		AccessKeyID: w.AccessKeyID, Chain: withExternalIDs(w.Mode, hops(w.Chain), nil), Generation: 1, CreatedAt: s.now(),
	}
	err := together(checkName(cannotSaveIntegration, w.Name), checkKeys(w.Mode, w.AccessKeyID != "", !w.SecretAccessKey.IsZero()), checkSettings(i))
	if err != nil {
		return nil, err
	}
	if i.Runners, err = s.knownRunners(ctx, c, w.Runners); err != nil {
		return nil, err
	}
	if i.Projects, err = s.knownProjects(ctx, c, w.Projects); err != nil {
		return nil, err
	}
	if err := s.checkRunners(ctx, cannotSaveIntegration, c.Organization, opening{mode: i.Mode}, i.Runners); err != nil {
		return nil, err
	}
	err = s.deed(ctx, c, integrationEvent("integration.create", i), func(ctx context.Context) (err error) {
		i, err = s.store.CreateIntegration(ctx, i, w.SecretAccessKey.Secret())
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.FromIntegration(s.identify(ctx, i))), nil
}

// checkKeys: a stored key for the mode that needs one, none for the others.
func checkKeys(mode pullpass.IntegrationMode, id, secret bool) error {
	refuse := func(cause, hint string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "integration_keys", What: cannotSaveIntegration, Cause: cause, Hint: hint}
	}
	switch {
	case mode == pullpass.ModeAccessKey && (!id || !secret):
		return refuse("access-key needs an access key id and its secret", "give both, or choose web-identity, which stores no secret")
	case mode != pullpass.ModeAccessKey && (id || secret):
		return refuse(string(mode)+" stores no access key", "leave the access key out, or choose access-key")
	}
	return nil
}

func integrationEvent(action string, i pullpass.Integration) pullpass.Event {
	return pullpass.Event{
		Action: action, Integration: i.ID, Generation: i.Generation, Target: i.Name,
		Detail: map[string]string{"mode": string(i.Mode), "account": i.Account, "region": i.Region},
	}
}

func hops(wire []api.RoleHop) []pullpass.RoleHop {
	chain := make([]pullpass.RoleHop, len(wire))
	for i, w := range wire {
		chain[i] = pullpass.RoleHop(w)
	}
	return chain
}

// withExternalIDs gives each role that is assumed without a token an external id:
// the one that it had, or a new one that nobody can guess. A role whose trust
// policy does not ask for one is assumed all the same.
func withExternalIDs(mode pullpass.IntegrationMode, chain, before []pullpass.RoleHop) []pullpass.RoleHop {
	for n := range chain {
		if chain[n].ExternalID != "" || (n == 0 && mode == pullpass.ModeWebIdentity) {
			continue
		}
		had := slices.IndexFunc(before, func(h pullpass.RoleHop) bool { return h.RoleARN == chain[n].RoleARN && h.ExternalID != "" })
		if had >= 0 {
			chain[n].ExternalID = before[had].ExternalID
			continue
		}
		chain[n].ExternalID = "pullpass-" + rand.Text()
	}
	return chain
}

// wireIntegration writes an integration for c. External ids and access key ids
// are for those who may change it: others have no use for them but to take the
// integration's place.
func wireIntegration(c pullpass.Caller) func(pullpass.Integration) api.Integration {
	change := access.Check(c, access.IntegrationUpdate, access.Any) == nil
	return func(i pullpass.Integration) api.Integration {
		i.Projects = visibleProjects(c, i.Projects)
		if !change {
			i.AccessKeyID, i.Chain = "", slices.Clone(i.Chain)
			for n := range i.Chain {
				i.Chain[n].ExternalID = ""
			}
		}
		return api.FromIntegration(i)
	}
}

type integrationsQuery struct {
	Paging
	Named
}

func (s *Server) listIntegrations(ctx context.Context, c pullpass.Caller, in *integrationsQuery) (*body[api.List[api.Integration]], error) {
	if in.Name != "" {
		l, err := byName(pullpass.ValidName(in.Name), func() (pullpass.Integration, error) {
			return s.store.IntegrationByName(ctx, c.Organization, in.Name)
		})
		return listed(l, err, wireIntegration(c))
	}
	l, err := s.store.Integrations(ctx, c.Organization, in.page())
	return listed(l, err, wireIntegration(c))
}

func (s *Server) getIntegration(ctx context.Context, c pullpass.Caller, in *integrationPath) (*body[api.Integration], error) {
	i, err := s.integration(ctx, c, access.IntegrationRead, in.Integration)
	if err != nil {
		return nil, err
	}
	return answer(wireIntegration(c)(i)), nil
}

func (s *Server) updateIntegration(ctx context.Context, c pullpass.Caller, in *struct {
	Integration pullpass.IntegrationID `path:"integration" doc:"Its id."`
	Body        api.IntegrationChange
}) (*body[api.Integration], error) {
	i, err := s.integration(ctx, c, access.IntegrationUpdate, in.Integration)
	if err != nil {
		return nil, err
	}
	change, err := s.integrationChange(ctx, c, i, in.Body)
	if err != nil {
		return nil, err
	}
	e := integrationEvent("integration.update", i)
	e.Detail["changes"] = changed(in.Body)
	err = s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		i, err = s.store.UpdateIntegration(ctx, c.Organization, i.ID, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.FromIntegration(i)), nil
}

func (s *Server) integrationChange(ctx context.Context, c pullpass.Caller, i pullpass.Integration, w api.IntegrationChange) (pullpass.IntegrationChange, error) {
	change := pullpass.IntegrationChange{Name: w.Name, Account: w.Account, Region: w.Region, AccessKeyID: w.AccessKeyID}
	var problems []error
	if w.Name != nil {
		problems = append(problems, checkName(cannotSaveIntegration, *w.Name))
	}
	if w.AccessKeyID != nil || w.SecretAccessKey != nil {
		// A new id with an old secret, or the reverse, opens nothing: both or none.
		problems = append(problems, checkKeys(i.Mode, w.AccessKeyID != nil, w.SecretAccessKey != nil && !w.SecretAccessKey.IsZero()))
	}
	if w.SecretAccessKey != nil {
		secret := w.SecretAccessKey.Secret()
		change.Secret = &secret
	}
	if w.Chain != nil {
		i.Chain = withExternalIDs(i.Mode, hops(*w.Chain), i.Chain)
		change.Chain = &i.Chain
	}
	if w.Region != nil {
		i.Region = *w.Region
	}
	if w.Account != nil {
		i.Account = *w.Account
	}
	if w.Chain != nil || w.Region != nil || w.Account != nil {
		problems = append(problems, checkSettings(i))
	}
	if err := together(problems...); err != nil {
		return change, err
	}
	if w.Runners != nil {
		runners, err := s.knownRunners(ctx, c, *w.Runners)
		if err != nil {
			return change, err
		}
		if err := s.checkRunners(ctx, cannotSaveIntegration, c.Organization, opening{mode: i.Mode}, runners); err != nil {
			return change, err
		}
		change.Runners = &runners
	}
	if w.Projects != nil {
		projects, err := s.knownProjects(ctx, c, *w.Projects)
		if err != nil {
			return change, err
		}
		change.Projects = &projects
	}
	return change, nil
}

func (s *Server) deleteIntegration(ctx context.Context, c pullpass.Caller, in *integrationPath) (*none, error) {
	i, err := s.integration(ctx, c, access.IntegrationDelete, in.Integration)
	if err != nil {
		return nil, err
	}
	return nil, s.deed(ctx, c, integrationEvent("integration.delete", i), func(ctx context.Context) error {
		return s.store.DeleteIntegration(ctx, c.Organization, i.ID)
	})
}
