package httpapi

import (
	"context"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) registryRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRegistries, id: "create-registry", within: upstreamWithin, tag: "registries", permission: access.RegistryCreate, status: http.StatusCreated,
		summary: "Add a registry", description: "Two registries of one scope with the same host and path prefix are a tie, which is refused."}, s.createRegistry)
	add(s, route{method: http.MethodGet, path: api.PathRegistries, id: "list-registries", tag: "registries", permission: access.RegistryRead,
		summary: "List registries"}, s.listRegistries)
	add(s, route{method: http.MethodGet, path: api.PathRegistry, id: "get-registry", tag: "registries", permission: access.RegistryRead,
		summary: "Get a registry", description: "Without its password: that cannot be read back."}, s.getRegistry)
	add(s, route{method: http.MethodPatch, path: api.PathRegistry, id: "update-registry", within: upstreamWithin, tag: "registries", permission: access.RegistryUpdate,
		summary: "Update a registry", description: "New starts use the new values; environments that run keep the old ones until they are restarted."}, s.updateRegistry)
	add(s, route{method: http.MethodDelete, path: api.PathRegistry, id: "delete-registry", tag: "registries", permission: access.RegistryDelete,
		summary: "Delete a registry", description: "Environments that were started with it keep it until they are deleted; a restart takes one of the same host and path in its place."}, s.deleteRegistry)
}

type registryPath struct {
	Registry pullpass.RegistryID `path:"registry" doc:"Its id."`
}

func (s *Server) createRegistry(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewRegistry }) (*body[api.Registry], error) {
	r, err := s.newRegistry(ctx, c, in.Body)
	if err != nil {
		return nil, err
	}
	err = s.deed(ctx, c, registryEvent("registry.create", r), func(ctx context.Context) (err error) {
		r, err = s.store.CreateRegistry(ctx, r, in.Body.Password.Secret())
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.FromRegistry(r)), nil
}

func registryEvent(action string, r pullpass.Registry) pullpass.Event {
	return pullpass.Event{
		Action: action, Project: r.Project, Registry: r.ID, Generation: r.Generation, Integration: r.Integration, Target: r.Name,
		Detail: map[string]string{"host": r.Host, "path_prefix": r.PathPrefix, "auth": string(r.Auth), "inside": string(r.Inside)},
	}
}

// organizationScope, as ?project=, asks for what belongs to no project.
const organizationScope = "organization"

type registriesQuery struct {
	Paging
	Named
	Project string `query:"project" maxLength:"127" doc:"Only those of this project (its id or name), or of the organization: organization."`
}

func (s *Server) listRegistries(ctx context.Context, c pullpass.Caller, in *registriesQuery) (*body[api.List[api.Registry]], error) {
	var filter pullpass.RegistryFilter
	switch {
	case in.Project == organizationScope:
		if c.Project != "" {
			return listed(pullpass.List[pullpass.Registry]{}, nil, api.FromRegistry)
		}
		var whole pullpass.ProjectID
		filter.Project = &whole
	case in.Project != "":
		p, err := s.projectNamed(ctx, c, access.ProjectRead, pullpass.ProjectID(in.Project))
		if err != nil {
			return nil, err
		}
		filter.Project = &p.ID
	case c.Project != "":
		filter.Project = &c.Project
	}
	if in.Name == "" {
		l, err := s.store.Registries(ctx, c.Organization, filter, in.page())
		return listed(l, err, api.FromRegistry)
	}
	if filter.Project == nil {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot find a registry by name",
			Cause: "names are unique in a project, or in the organization", Hint: "say which: ?project=<id> or ?project=organization"}
	}
	l, err := byName(pullpass.ValidRegistryName(in.Name), func() (pullpass.Registry, error) {
		return s.store.RegistryByName(ctx, c.Organization, *filter.Project, in.Name)
	})
	return listed(l, err, api.FromRegistry)
}

func (s *Server) getRegistry(ctx context.Context, c pullpass.Caller, in *registryPath) (*body[api.Registry], error) {
	r, err := s.registry(ctx, c, access.RegistryRead, in.Registry)
	if err != nil {
		return nil, err
	}
	return answer(api.FromRegistry(r)), nil
}

func (s *Server) updateRegistry(ctx context.Context, c pullpass.Caller, in *struct {
	Registry pullpass.RegistryID `path:"registry" doc:"Its id."`
	Body     api.RegistryChange
}) (*body[api.Registry], error) {
	r, err := s.registry(ctx, c, access.RegistryUpdate, in.Registry)
	if err != nil {
		return nil, err
	}
	change, err := s.registryChange(ctx, c, r, in.Body)
	if err != nil {
		return nil, err
	}
	e := registryEvent("registry.update", r)
	e.Detail["changes"] = changed(in.Body)
	err = s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		r, err = s.store.UpdateRegistry(ctx, c.Organization, r.ID, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.FromRegistry(r)), nil
}

func (s *Server) deleteRegistry(ctx context.Context, c pullpass.Caller, in *registryPath) (*none, error) {
	r, err := s.registry(ctx, c, access.RegistryDelete, in.Registry)
	if err != nil {
		return nil, err
	}
	return nil, s.deed(ctx, c, registryEvent("registry.delete", r), func(ctx context.Context) error {
		return s.store.DeleteRegistry(ctx, c.Organization, r.ID)
	})
}
