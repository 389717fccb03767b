package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

func (s *Server) quotaRoutes() {
	add(s, route{method: http.MethodGet, path: api.PathQuotas, id: "list-quotas", tag: "quotas", permission: access.QuotaRead,
		summary: "List quotas", description: "How many of each thing there may be, and are."}, s.listQuotas)
	add(s, route{method: http.MethodPut, path: api.PathQuota, id: "set-quota", tag: "quotas", permission: access.QuotaUpdate,
		summary: "Set the organization's own limit", description: "Not above the server's. What there is already stays."}, s.setQuota)
	add(s, route{method: http.MethodDelete, path: api.PathQuota, id: "reset-quota", tag: "quotas", permission: access.QuotaUpdate,
		summary: "Remove the organization's own limit", description: "The server's holds again."}, s.resetQuota)
}

type quotaPath struct {
	Quota pullpass.Quota `path:"quota" maxLength:"127" doc:"Its name."`
}

func (s *Server) listQuotas(ctx context.Context, c pullpass.Caller, in *struct {
	Project pullpass.ProjectID `query:"project" maxLength:"127" doc:"Count what this project has, rather than the one that has most."`
}) (*body[api.List[api.Quota]], error) {
	project := c.Project
	if in.Project != "" {
		p, err := s.project(ctx, c, access.ProjectRead, in.Project)
		if err != nil {
			return nil, err
		}
		project = p.ID
	}
	uses, err := s.store.Quotas(ctx, c.Organization, project, c.ID)
	return listed(pullpass.List[pullpass.QuotaUse]{Items: uses}, err, api.FromQuota)
}

func (s *Server) setQuota(ctx context.Context, c pullpass.Caller, in *struct {
	Quota pullpass.Quota `path:"quota" maxLength:"127" doc:"Its name."`
	Body  api.QuotaLimit
}) (*none, error) {
	return nil, s.changeQuota(ctx, c, in.Quota, &in.Body.Limit)
}

func (s *Server) resetQuota(ctx context.Context, c pullpass.Caller, in *quotaPath) (*none, error) {
	return nil, s.changeQuota(ctx, c, in.Quota, nil)
}

func (s *Server) changeQuota(ctx context.Context, c pullpass.Caller, q pullpass.Quota, limit *int64) error {
	if _, ok := pullpass.RuleOf(q); !ok {
		return noSuch("quota")
	}
	detail := map[string]string{"limit": "the server's"}
	if limit != nil {
		detail["limit"] = strconv.FormatInt(*limit, 10)
	}
	return s.deed(ctx, c, pullpass.Event{Action: string(access.QuotaUpdate), Target: string(q), Detail: detail}, func(ctx context.Context) error {
		return s.store.SetQuota(ctx, c.Organization, q, limit)
	})
}
