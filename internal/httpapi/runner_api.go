package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/printable"
)

// maxReported bounds each text of a runner's reports: a cause or a fix can hold a
// policy. They come from containers, engines and registries, and people read them
// on terminals, so what a terminal would obey is removed as well.
const maxReported = 8 << 10

// workRoutes are a runner's own: its token says which runner it is.
func (s *Server) workRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRunnerHeartbeat, id: "heartbeat", tag: "runner", permission: access.RunnerWork,
		summary: "Say how the runner is"}, s.heartbeat)
	add(s, route{method: http.MethodGet, path: api.PathRunnerEnvironments, id: "wanted", within: pollWithin, tag: "runner", permission: access.RunnerWork,
		summary: "Get the wanted environments", description: "With ?seen= (the state of the answer before) and ?wait= it answers when what is wanted differs, or says unchanged when the wait is over."}, s.wanted)
	add(s, route{method: http.MethodPut, path: api.PathRunnerStatus, id: "report-status", tag: "runner", permission: access.RunnerWork,
		summary: "Report an environment's status", description: "A report about an older start is a conflict."}, s.reportStatus)
	s.environmentTokenRoutes()
	add(s, route{method: http.MethodPost, path: api.PathRunnerOutput, id: "append-output", tag: "runner", permission: access.RunnerWork,
		summary: "Hand on a service's output", description: "What is known already is ignored."}, s.appendOutput)
}

func (s *Server) heartbeat(ctx context.Context, c pullpass.Caller, in *struct{ Body api.Heartbeat }) (*body[api.Runner], error) {
	w := in.Body
	printable.Struct(&w, maxReported)
	clone, err := s.store.RecordHeartbeat(ctx, c.Organization, c.Runner, pullpass.RunnerReport{
		Version: w.Version, Capabilities: w.Capabilities, AWSClaim: w.AWSIdentity, AWSMessage: w.AWSMessage,
		Process: w.Process, Machine: w.Machine, Phase: w.Phase, Message: w.Message, At: s.now(),
	})
	if err != nil {
		return nil, err
	}
	r, err := s.store.Runner(ctx, c.Organization, c.Runner)
	if err != nil {
		return nil, err
	}
	if err := tooOld("work as the runner "+r.Name, r.Version); err != nil {
		return nil, err
	}
	if clone != nil {
		event := runnerEvent("runner.clone", r)
		event.Organization, event.Caller, event.At = c.Organization, c.Actor(), s.now()
		event.Decision, event.Reason = pullpass.DecisionDenied, pullpass.CodeRunnerCloned
		event.Detail["kept"], event.Detail["refused"] = clone.Kept, clone.Refused
		s.recordAnyway(ctx, event)
	}
	return answer(s.wireRunner(r)), nil
}

func (s *Server) wanted(ctx context.Context, c pullpass.Caller, in *struct {
	Seen  string                 `query:"seen" maxLength:"64" doc:"The state of the answer before."`
	After pullpass.EnvironmentID `query:"after" maxLength:"127" doc:"The next of the answer before, for the environments that follow."`
	Waiting
}) (*body[api.RunnerEnvironments], error) {
	wait, err := in.duration()
	if err != nil {
		return nil, err
	}
	if in.After != "" {
		wait = 0 // the answer before was the news
	}
	own, err := s.store.Runner(ctx, c.Organization, c.Runner)
	if err == nil {
		err = tooOld("work as the runner "+own.Name, own.Version)
	}
	if err != nil {
		return nil, err
	}
	out, err := poll(ctx, s, c.Organization, string(c.Runner), wait, func(ctx context.Context) (api.RunnerEnvironments, bool, error) {
		all, err := s.wantedOf(ctx, c)
		if err != nil {
			return api.RunnerEnvironments{}, false, err
		}
		trials, err := s.store.WaitingTrials(ctx, c.Organization, c.Runner)
		if err != nil {
			return api.RunnerEnvironments{}, false, err
		}
		state := stateOf(all, trials, s.mappingsOf(imagesOf(all)...))
		if in.After == "" && state == in.Seen {
			return api.RunnerEnvironments{Items: []api.Environment{}, State: state, Unchanged: true, Reported: reportedOf(all)}, false, nil
		}
		items, next, err := wantedPage(all, in.After)
		return api.RunnerEnvironments{Items: items, State: state, Next: next, Trials: trials, Hosts: s.mappingsOf(imagesIn(items)...)}, true, err
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

// maxPoll bounds the environments of one answer, in bytes.
const maxPoll = 768 << 10

// wantedPage is as many of the environments as fit into one answer, and the last
// of them if more follow.
func wantedPage(all []pullpass.Environment, after pullpass.EnvironmentID) (items []api.Environment, next pullpass.EnvironmentID, err error) {
	items = []api.Environment{}
	size := 0
	for _, e := range all {
		if e.ID <= after {
			continue
		}
		item := api.FromEnvironment(e)
		text, err := json.Marshal(item)
		if err != nil {
			return nil, "", err
		}
		if size += len(text); size > maxPoll && len(items) > 0 {
			return items, items[len(items)-1].ID, nil
		}
		items = append(items, item)
	}
	return items, "", nil
}

func (s *Server) wantedOf(ctx context.Context, c pullpass.Caller) ([]pullpass.Environment, error) {
	var all []pullpass.Environment
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := s.store.WantedOf(ctx, c.Organization, c.Runner, page)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
		if l.Next == "" {
			return all, nil
		}
		page.After = l.Next
	}
}

// stateOf names what is wanted, and nothing that the runner itself reports: it
// must not be woken by its own words.
func stateOf(all []pullpass.Environment, trials []pullpass.TrialID, hosts []api.HostMapping) string {
	h := sha256.New()
	for _, e := range all {
		_, _ = fmt.Fprintf(h, "%s %s %d\n", e.ID, e.Wanted, e.Start) // a hash takes everything
	}
	for _, id := range trials {
		_, _ = fmt.Fprintln(h, id)
	}
	for _, m := range hosts {
		_, _ = fmt.Fprintf(h, "%+v\n", m)
	}
	const enough = 16
	return hex.EncodeToString(h.Sum(nil)[:enough])
}

// reportedOf names what the runner has reported, so that it sees whether it was it.
func reportedOf(all []pullpass.Environment) string {
	list := make([]pullpass.Reported, len(all))
	for i, e := range all {
		list[i] = pullpass.Reported{Environment: e.ID, Start: e.Start, Phase: e.Phase}
	}
	return pullpass.DigestReported(list)
}

func (s *Server) reportStatus(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	Body        api.Status
}) (*body[api.Environment], error) {
	e, err := s.environment(ctx, c, access.RunnerWork, in.Environment)
	if err != nil {
		return nil, err
	}
	printable.Struct(&in.Body, maxReported)
	e, err = s.store.UpdateStatus(ctx, c.Organization, e.ID, pullpass.StatusUpdate{
		Runner: c.Runner, Start: in.Body.Start, Phase: in.Body.Phase, Status: in.Body.Services, Conditions: in.Body.Conditions,
	})
	if err != nil {
		return nil, err
	}
	return answer(api.FromEnvironment(e)), nil
}

func (s *Server) appendOutput(ctx context.Context, c pullpass.Caller, in *struct {
	Environment pullpass.EnvironmentID `path:"environment" doc:"Its id."`
	Body        api.OutputChunk
}) (*none, error) {
	e, err := s.environment(ctx, c, access.RunnerWork, in.Environment)
	if err != nil {
		return nil, err
	}
	if !hasService(e, in.Body.Service) {
		return nil, noSuch("service")
	}
	return nil, s.store.AppendOutput(ctx, c.Organization, e.ID, in.Body.Service, in.Body.Start, in.Body.Offset, in.Body.Data)
}
