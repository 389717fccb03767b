package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/printable"
)

// dashboardTable is the dashboard. Every page asks what the API's own route would
// answer this person, so that there is one place that decides who sees what.
var dashboardTable = []dashboardRoute{
	{api.PathDashboard, "Environments", access.EnvironmentRead, (*Server).environmentsPage},
	{api.PathDashboard + "/environments/{environment}", "Environment", access.EnvironmentRead, (*Server).environmentPage},
	{api.PathDashboard + "/registries", "Registries", access.RegistryRead, (*Server).registriesPage},
	{api.PathDashboard + "/integrations", "Integrations", access.IntegrationRead, (*Server).integrationsPage},
	{api.PathDashboard + "/runners", "Runners", access.RunnerRead, (*Server).runnersPage},
	{api.PathDashboard + "/audit", "Audit", access.AuditRead, (*Server).auditPage},
}

func (s *Server) environmentsPage(req *http.Request, c pullpass.Caller, p *DashboardPage) error {
	l, err := s.listEnvironments(req.Context(), c, &environmentsQuery{Paging: pageOf(req)})
	if err != nil {
		return err
	}
	names := s.namesFor(c.Organization)
	p.Table = tableOf(l.Body, []string{"Name", "Project", "Runner", "Phase", "Needs attention", "Updated"}, "Create one: pullpass env create NAME --project PROJECT --image IMAGE",
		func(e api.Environment) []DashboardCell {
			return []DashboardCell{{Text: e.Name, Path: api.PathDashboard + "/environments/" + string(e.ID)}, {Text: names.project(req.Context(), e.Project)}, {Text: names.runner(req.Context(), e.Runner)},
				{Text: string(e.Phase), Mark: string(e.Phase)}, {Text: attention(e.Conditions)}, when(e.UpdatedAt)}
		})
	return nil
}

// attention is what is most serious about an environment.
func attention(conditions []pullpass.Condition) string {
	for _, severity := range []pullpass.Severity{pullpass.SeverityError, pullpass.SeverityWarning} {
		for _, c := range conditions {
			if c.Severity == severity {
				return c.What
			}
		}
	}
	return ""
}

func (s *Server) environmentPage(req *http.Request, c pullpass.Caller, p *DashboardPage) error {
	e, err := s.environment(req.Context(), c, access.EnvironmentRead, pullpass.EnvironmentID(req.PathValue("environment")))
	if err != nil {
		return err
	}
	if e, err = s.runnersOnce().explained(req.Context(), e); err != nil {
		return err
	}
	names := s.namesFor(c.Organization)
	p.Title, p.Conditions = e.Name, e.Conditions
	p.Facts = []DashboardFact{{"Id", string(e.ID)}, {"Project", names.project(req.Context(), e.Project)}, {"Runner", names.runner(req.Context(), e.Runner)},
		{"Phase", string(e.Phase)}, {"Wanted", string(e.Wanted)}, {"Ref", e.Ref}, {"Commit", e.Commit}, {"Start", strconv.FormatInt(e.Start, 10)}}
	for _, g := range e.Registries {
		p.Facts = append(p.Facts, DashboardFact{"Registry", string(g.Registry) + ", generation " + strconv.FormatInt(g.Generation, 10)})
	}
	p.Table = &DashboardTable{Columns: []string{"Service", "Image", "State", "Digest", "Pulled"}}
	for _, service := range e.Services {
		status := serviceStatus(e, service.Name)
		p.Table.Rows = append(p.Table.Rows, []DashboardCell{{Text: service.Name}, {Text: service.Image}, {Text: string(status.State), Mark: string(status.State)}, {Text: status.Digest}, {Text: pulled(status.Pull)}})
		data, _, err := s.store.Output(req.Context(), c.Organization, e.ID, service.Name)
		if err != nil {
			return err
		}
		if len(data) > 0 {
			p.Output = append(p.Output, DashboardOutput{service.Name, printable.EscapeText(string(data))})
		}
	}
	return nil
}

func serviceStatus(e pullpass.Environment, service string) pullpass.ServiceStatus {
	for _, s := range e.Status {
		if s.Name == service {
			return s
		}
	}
	return pullpass.ServiceStatus{}
}

func pulled(p *pullpass.Progress) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(p.LayersDone) + " of " + strconv.Itoa(p.LayersTotal) + " layers"
}

func (s *Server) registriesPage(req *http.Request, c pullpass.Caller, p *DashboardPage) error {
	l, err := s.listRegistries(req.Context(), c, &registriesQuery{Paging: pageOf(req)})
	if err != nil {
		return err
	}
	names := s.namesFor(c.Organization)
	p.Table = tableOf(l.Body, []string{"Name", "Host", "Path", "Opened by", "For", "Inside", "Generation", "Updated"}, "Add one: pullpass registry add NAME --host HOST",
		func(r api.Registry) []DashboardCell {
			scope := "the organization"
			if r.Project != "" {
				scope = names.project(req.Context(), r.Project)
			}
			return []DashboardCell{{Text: r.Name}, {Text: r.Host}, {Text: r.PathPrefix}, {Text: string(r.Auth)}, {Text: scope}, {Text: string(r.Inside)},
				{Text: strconv.FormatInt(r.Generation, 10)}, when(r.UpdatedAt)}
		})
	return nil
}

func (s *Server) integrationsPage(req *http.Request, c pullpass.Caller, p *DashboardPage) error {
	l, err := s.listIntegrations(req.Context(), c, &integrationsQuery{Paging: pageOf(req)})
	if err != nil {
		return err
	}
	p.Table = tableOf(l.Body, []string{"Name", "Mode", "Region", "Principal to name in policies", "Updated"}, "Add one: pullpass integration add NAME --region REGION",
		func(i api.Integration) []DashboardCell {
			return []DashboardCell{{Text: i.Name}, {Text: string(i.Mode)}, {Text: i.Region}, {Text: i.Principal}, when(i.UpdatedAt)}
		})
	return nil
}

func (s *Server) runnersPage(req *http.Request, c pullpass.Caller, p *DashboardPage) error {
	l, err := s.listRunners(req.Context(), c, &runnersQuery{Paging: pageOf(req)})
	if err != nil {
		return err
	}
	p.Table = tableOf(l.Body, []string{"Name", "Kind", "Phase", "Version", "AWS identity", "Message", "Last seen"}, "Add one: pullpass runner add NAME",
		func(r api.Runner) []DashboardCell {
			return []DashboardCell{{Text: r.Name}, {Text: string(r.Kind)}, {Text: string(r.Phase), Mark: string(r.Phase)}, {Text: r.Version}, {Text: cmp.Or(r.AWSIdentity, r.AWSProved)}, {Text: r.Message}, when(r.LastSeenAt)}
		})
	return nil
}

// auditPage shows the newest records first, while the API's list begins with the
// oldest: sequence numbers have no gaps, so a page is found by them.
func (s *Server) auditPage(req *http.Request, c pullpass.Caller, p *DashboardPage) error {
	last, err := s.lastEvent(req, c)
	if err != nil {
		return err
	}
	first := max(last-dashboardRows, 0)
	l, err := s.store.Events(req.Context(), c.Organization, pullpass.EventFilter{}, pullpass.Page{After: strconv.FormatInt(first, 10), Limit: int(last - first)})
	if err != nil {
		return err
	}
	slices.Reverse(l.Items)
	p.Table = tableOf(api.List[pullpass.Event]{Items: l.Items}, []string{"Time", "Who", "Did", "To", "Decision", "Reason"}, "Nothing has been recorded yet.",
		func(e pullpass.Event) []DashboardCell {
			return []DashboardCell{when(e.At), {Text: string(e.Caller.Kind) + " " + cmp.Or(e.Caller.Name, e.Caller.ID)}, {Text: e.Action},
				{Text: cmp.Or(e.Target, strings.Trim(e.Detail["host"]+"/"+e.Detail["repository"], "/"))}, {Text: string(e.Decision), Mark: string(e.Decision)}, {Text: e.Reason}}
		})
	if first > 0 {
		p.Table.Next = "?before=" + strconv.FormatInt(first+1, 10)
	}
	return nil
}

// lastEvent is the newest record of the page that is asked for.
func (s *Server) lastEvent(req *http.Request, c pullpass.Caller) (int64, error) {
	head, err := s.store.EventHead(req.Context(), c.Organization)
	if err != nil {
		return 0, err
	}
	if before, err := strconv.ParseInt(req.URL.Query().Get("before"), 10, 64); err == nil && before > 1 && before <= head.Sequence {
		return before - 1, nil
	}
	return head.Sequence, nil
}

const (
	dashboardRows = 50
	maxAfter      = 128 // as Paging has it
)

// pageOf takes the page that an address names; one that cannot be is the first.
func pageOf(req *http.Request) Paging {
	after := req.URL.Query().Get("after")
	if len(after) > maxAfter || !plain(after) {
		after = ""
	}
	return Paging{After: after, Limit: dashboardRows}
}

func tableOf[T any](l api.List[T], columns []string, empty string, cells func(T) []DashboardCell) *DashboardTable {
	t := &DashboardTable{Columns: columns, Empty: empty}
	for _, item := range l.Items {
		t.Rows = append(t.Rows, cells(item))
	}
	if l.Next != "" {
		t.Next = "?" + url.Values{"after": {l.Next}}.Encode()
	}
	return t
}

func when(t time.Time) DashboardCell {
	if t.IsZero() {
		return DashboardCell{}
	}
	return DashboardCell{Text: t.UTC().Format("2006-01-02 15:04:05")}
}

// names finds what ids are called; what cannot be found keeps its id.
type names struct {
	s     *Server
	org   pullpass.OrganizationID
	known map[string]string
}

func (s *Server) namesFor(org pullpass.OrganizationID) names {
	return names{s, org, make(map[string]string)}
}

func (n names) project(ctx context.Context, id pullpass.ProjectID) string {
	return n.find(string(id), func() (string, error) {
		p, err := n.s.store.Project(ctx, n.org, id)
		return p.Name, err
	})
}

func (n names) runner(ctx context.Context, id pullpass.RunnerID) string {
	return n.find(string(id), func() (string, error) {
		r, err := n.s.store.Runner(ctx, n.org, id)
		return r.Name, err
	})
}

func (n names) find(id string, ask func() (string, error)) string {
	name, ok := n.known[id]
	if !ok {
		var err error
		if name, err = ask(); err != nil || name == "" {
			name = id
		}
		n.known[id] = name
	}
	return name
}
