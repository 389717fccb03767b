package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

// TestPollIsPaged gives a runner more environments than fit into one answer: each
// answer is small, and the runner gets all of them.
func TestPollIsPaged(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	o.basic("", "hub")
	r, token := o.joined("one")
	const n = 300
	for i := range n {
		_, err := w.db.CreateEnvironment(t.Context(), pullpass.Environment{Organization: o.org, Project: p.ID, Runner: r.ID, Name: fmt.Sprintf("e%d", i),
			Services: []pullpass.Service{{Name: "main", Image: "busybox", Command: []string{strings.Repeat("x", 6000)}}}})
		must(t, err)
	}
	for after, pages := "", 0; ; pages++ {
		got := w.raw("GET", api.PathRunnerEnvironments+"?after="+after, token.Reveal(), "")
		if got.status != http.StatusOK || len(got.body) > 1<<20 {
			t.Fatalf("a poll answers %d with %d bytes, want 200 and at most a MiB", got.status, len(got.body))
		}
		var page api.RunnerEnvironments
		must(t, json.Unmarshal([]byte(got.body), &page))
		if after = string(page.Next); after == "" {
			if pages == 0 {
				t.Error("everything came at once: the test shows nothing")
			}
			break
		}
	}
	own, err := client.New(w.url, client.WithToken(token))
	must(t, err)
	wanted, err := own.Wanted(t.Context(), "", 0)
	must(t, err)
	names := map[string]bool{}
	for _, e := range wanted.Environments {
		names[e.Name] = true
		if len(e.Registries) > 0 {
			t.Fatalf("the poll tells of %d registries of %s", len(e.Registries), e.Name)
		}
	}
	if len(names) != n {
		t.Errorf("the runner gets %d environments, want %d", len(names), n)
	}
}
