package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/printable"
)

const verifyWithin = 10 * time.Minute

func (s *Server) auditRoutes() {
	add(s, route{method: http.MethodGet, path: api.PathAuditEvents, id: "list-events", tag: "audit", permission: access.AuditRead,
		summary: "List audit records", description: "Oldest first, unless order=newest."}, s.listEvents)
	add(s, route{method: http.MethodGet, path: api.PathAuditVerify, id: "verify-audit", within: verifyWithin, tag: "audit", permission: access.AuditVerify,
		summary: "Verify the audit chain", description: "Reads every record; says which is the first that does not fit."}, s.verifyAudit)
	add(s, route{method: http.MethodGet, path: api.PathAuditCheckpoint, id: "audit-checkpoint", tag: "audit", permission: access.AuditVerify,
		summary:     "Get a signed checkpoint of the audit log",
		description: "A signed note in the form of C2SP tlog-checkpoint, with the key that verifies it."}, s.auditCheckpoint)
	add(s, route{method: http.MethodPost, path: api.PathAuditPrune, id: "prune-audit", tag: "audit", within: verifyWithin, permission: access.AuditPrune,
		summary:     "Remove old audit records",
		description: "The cut is signed, so that the rest still verifies."}, s.pruneAudit)
}

type eventsQuery struct {
	Paging
	Action      string                 `query:"action" maxLength:"127" doc:"Only this action." example:"credential.issue"`
	Decision    pullpass.Decision      `query:"decision" enum:"allowed,denied,failed" doc:"Only this decision."`
	Caller      string                 `query:"caller" maxLength:"127" doc:"Only this caller: its id, or its name as the records have it."`
	Project     pullpass.ProjectID     `query:"project" maxLength:"127" doc:"Only this project."`
	Environment pullpass.EnvironmentID `query:"environment" maxLength:"127" doc:"Only this environment."`
	Registry    pullpass.RegistryID    `query:"registry" maxLength:"127" doc:"Only this registry."`
	From        time.Time              `query:"from" doc:"Not before this time."`
	To          time.Time              `query:"to" doc:"Before this time."`
	Order       string                 `query:"order" enum:"oldest,newest" doc:"Which records come first: the oldest unless given."`
}

func (s *Server) listEvents(ctx context.Context, c pullpass.Caller, in *eventsQuery) (*body[api.List[api.Event]], error) {
	if in.After != "" {
		if n, err := strconv.ParseInt(in.After, 10, 64); err != nil || n < 0 {
			return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot list audit records", Cause: "after is not the next of a page before"}
		}
	}
	for _, text := range []string{in.Action, string(in.Project), string(in.Environment), string(in.Registry)} {
		if !plain(text) {
			return answer(api.List[api.Event]{Items: []api.Event{}}), nil // nothing is called so
		}
	}
	if !printable.Only(in.Caller) {
		return answer(api.List[api.Event]{Items: []api.Event{}}), nil // records' names may hold it; no filter has to
	}
	l, err := s.store.Events(ctx, c.Organization, pullpass.EventFilter{
		Action: in.Action, Decision: in.Decision, Caller: in.Caller, Project: in.Project,
		Environment: in.Environment, Registry: in.Registry, From: in.From, To: in.To, Newest: in.Order == "newest",
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

func (s *Server) verifyAudit(ctx context.Context, c pullpass.Caller, in *struct {
	Since string `query:"since" maxLength:"127" doc:"SEQUENCE:HASH of a record that was kept: it must still be there, and the check begins after it."`
}) (*body[api.AuditReport], error) {
	since, err := audit.ParseHead(in.Since)
	if err != nil {
		return nil, err
	}
	if s.verify == nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_verify_off", What: "cannot verify the audit chain here", Cause: "this server leaves it to its operator", Hint: "pullpass audit verify, on the server"}
	}
	if x := exchangeOf(ctx); x != nil {
		allow(x, verifyWithin) // it reads every record
	}
	r, err := s.verify(ctx, c.Organization, since)
	if err != nil {
		return nil, err
	}
	report := api.AuditReport{Whole: r.Whole(), Events: r.Checked, Head: r.Head.String(), From: r.From.Sequence, Pruned: r.Pruned}
	if r.Bad != nil {
		report.Broken, report.Problem = r.Bad.Sequence, string(r.Bad.Problem)+": "+r.Bad.Cause
	}
	return answer(report), nil
}

func (s *Server) auditCheckpoint(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.AuditCheckpoint], error) {
	head, note, key, err := s.store.Checkpoint(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	return answer(api.AuditCheckpoint{Sequence: head.Sequence, Hash: head.Hash, Checkpoint: note, Key: key}), nil
}

func (s *Server) pruneAudit(ctx context.Context, c pullpass.Caller, in *struct{ Body api.AuditPrune }) (*body[api.AuditPruned], error) {
	before := in.Body.Before.UTC()
	if before.IsZero() || before.After(s.now()) {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "request_invalid", What: "cannot prune the audit log", Cause: "the time is in the future",
			Hint: "give a time that has passed: pullpass audit prune --before 400d",
		}
	}
	if x := exchangeOf(ctx); x != nil {
		allow(x, verifyWithin)
	}
	var out api.AuditPruned
	e := pullpass.Event{Action: string(access.AuditPrune), Detail: map[string]string{"before": before.Format(time.RFC3339)}}
	err := s.deed(ctx, c, e, func(ctx context.Context) error {
		cut, removed, err := s.store.PruneEvents(ctx, c.Organization, before)
		out = api.AuditPruned{Cut: cut.Sequence, Hash: cut.Hash, Removed: removed}
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}
