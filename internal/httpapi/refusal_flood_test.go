package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/httpapi"
)

// The lowest role tries what it may not, ten thousand times: a hundred records at
// most, none of them without its count, and all of an honest caller's.
func TestRefusalsDoNotFloodTheRecord(t *testing.T) {
	const refusals, honest, most = 10_000, 25, 100
	w := newWorld(t)
	owner := w.first()
	door := audit.NewRefusals(w.door, 0, nil)
	s, err := httpapi.New(httpapi.Options{Store: w.db, Issuer: w.issuer, Auditor: door, Now: w.clock.now})
	must(t, err)
	w.Server = s
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	auditor := owner.withRole(pullpass.RoleAuditor, "")
	post := func(token pullpass.Secret, path string) int {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, req)
		return answer.Code
	}
	paths := []string{api.PathProjects, api.PathRegistries, api.PathRunners, api.PathTokens, api.PathMembers}
	for i := range refusals {
		if got := post(auditor, paths[i%len(paths)]); got != http.StatusForbidden {
			t.Fatalf("an auditor's POST: %d, want 403", got)
		}
		if i%(refusals/honest) == 0 {
			w.url = server.URL
			_, err := w.as(owner.token).CreateProject(t.Context(), pullpass.Project{Name: "p-" + strconv.Itoa(i)})
			must(t, err)
		}
	}
	developer := owner.withRole(pullpass.RoleDeveloper, "") // another caller's one refusal
	if got := post(developer, api.PathTokens); got != http.StatusForbidden {
		t.Fatalf("a developer's POST: %d, want 403", got)
	}
	door.Close()
	records, counted, created, others := 0, 0, 0, 0
	events, err := w.db.Events(t.Context(), owner.org, pullpass.EventFilter{}, pullpass.Page{Limit: pullpass.MaxPage})
	must(t, err)
	if events.Next != "" {
		t.Fatalf("more than %d records", pullpass.MaxPage)
	}
	var first string
	for _, e := range events.Items {
		switch {
		case e.Action == "project.create" && e.Decision == pullpass.DecisionAllowed:
			created++
		case e.Decision != pullpass.DecisionDenied:
		case first == "" || first == e.Caller.ID:
			first = e.Caller.ID
			records++
			counted++
			if text := e.Detail[audit.DetailRepeated]; text != "" {
				n, err := strconv.Atoi(text)
				must(t, err)
				counted += n - 1
			}
		default:
			others++
		}
	}
	if records > most || counted != refusals {
		t.Errorf("%d refusals left %d records that stand for %d, want at most %d that stand for all", refusals, records, counted, most)
	}
	if created != honest || others != 1 {
		t.Errorf("%d records of an honest caller's %d projects, and %d of another's refusal", created, honest, others)
	}
	t.Logf("%d refusals: %d records", refusals, records)
}

var _ httpapi.Auditor = (*audit.Refusals)(nil)

// Strangers by the thousand, each from an address of its own, share what there is
// for strangers; somebody who has authenticated does not.
func TestStrangersRefusalsAreCountedTogether(t *testing.T) {
	kept := &keeper{}
	r := audit.NewRefusals(kept, 0, nil)
	const strangers = 10_000
	for i := range strangers {
		must(t, r.Record(t.Context(), pullpass.Event{Organization: "org_1", Action: "token.exchange", Decision: pullpass.DecisionDenied, Reason: "trust_mismatch",
			Caller: pullpass.EventActor{Kind: pullpass.CallerCI, Address: "2001:db8::" + strconv.FormatInt(int64(i+1), 16)}}))
	}
	honest := pullpass.Event{Organization: "org_1", Action: "credential.issue", Decision: pullpass.DecisionDenied, Reason: "no_registry",
		Caller: pullpass.EventActor{Kind: pullpass.CallerToken, ID: "tok_1"}}
	must(t, r.Record(t.Context(), honest))
	r.Close()
	counted, found := 0, false
	for _, e := range kept.events {
		if e.Caller.ID == "tok_1" {
			found = true
			continue
		}
		n, _ := strconv.Atoi(e.Detail[audit.DetailRepeated])
		counted += max(n, 1)
	}
	if len(kept.events) > 100 || counted != strangers || !found {
		t.Errorf("%d records stand for %d refusals, want at most 100 for %d; the honest caller's is there: %v", len(kept.events), counted, strangers, found)
	}
}

type keeper struct{ events []pullpass.Event }

func (k *keeper) Record(_ context.Context, e pullpass.Event) error {
	k.events = append(k.events, e)
	return nil
}
