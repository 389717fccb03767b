package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

const verifyWithin = 10 * time.Minute

func (s *Server) auditRoutes() {
	add(s, route{method: http.MethodGet, path: api.PathAuditEvents, id: "list-events", tag: "audit", permission: access.AuditRead,
		summary: "List audit records", description: "Oldest first."}, s.listEvents)
	add(s, route{method: http.MethodGet, path: api.PathAuditVerify, id: "verify-audit", within: verifyWithin, tag: "audit", permission: access.AuditVerify,
		summary: "Verify the audit chain", description: "Reads every record; says which is the first that does not fit."}, s.verifyAudit)
}

type eventsQuery struct {
	Paging
	Action      string                 `query:"action" maxLength:"127" doc:"Only this action." example:"credential.issue"`
	Decision    pullpass.Decision      `query:"decision" enum:"allowed,denied,failed" doc:"Only this decision."`
	Caller      string                 `query:"caller" maxLength:"127" doc:"Only this caller (its id)."`
	Project     pullpass.ProjectID     `query:"project" maxLength:"127" doc:"Only this project."`
	Environment pullpass.EnvironmentID `query:"environment" maxLength:"127" doc:"Only this environment."`
	Registry    pullpass.RegistryID    `query:"registry" maxLength:"127" doc:"Only this registry."`
	From        time.Time              `query:"from" doc:"Not before this time."`
	To          time.Time              `query:"to" doc:"Before this time."`
}

func (s *Server) listEvents(ctx context.Context, c pullpass.Caller, in *eventsQuery) (*body[api.List[api.Event]], error) {
	if in.After != "" {
		if n, err := strconv.ParseInt(in.After, 10, 64); err != nil || n < 0 {
			return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot list audit records", Cause: "after is not the next of a page before"}
		}
	}
	for _, text := range []string{in.Action, in.Caller, string(in.Project), string(in.Environment), string(in.Registry)} {
		if !plain(text) {
			return answer(api.List[api.Event]{Items: []api.Event{}}), nil // nothing is called so
		}
	}
	l, err := s.store.Events(ctx, c.Organization, pullpass.EventFilter{
		Action: in.Action, Decision: in.Decision, Caller: in.Caller, Project: in.Project,
		Environment: in.Environment, Registry: in.Registry, From: in.From, To: in.To,
	}, in.page())
	return listed(l, err, func(e pullpass.Event) api.Event { return e })
}

// plain is what a database and a log take without trouble.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func (s *Server) verifyAudit(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.AuditReport], error) {
	if s.verify == nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_verify_off", What: "cannot verify the audit chain here", Cause: "this server leaves it to its operator", Hint: "pullpass audit verify, on the server"}
	}
	if x := exchangeOf(ctx); x != nil {
		allow(x, verifyWithin) // it reads every record
	}
	report, err := s.verify(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	return answer(report), nil
}
