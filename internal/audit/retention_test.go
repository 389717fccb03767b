package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// old has records of some organizations to prune, and notes in which order the
// record and the prune come.
type old struct {
	mu       sync.Mutex
	prunable map[pullpass.OrganizationID]bool
	fail     map[string]error
	steps    []string
	before   time.Time
	done     bool // another server has done it
}

func (o *old) TakeChore(context.Context, string, time.Duration) (bool, error) {
	return !o.done, o.fail["chore"]
}

func (o *old) step(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps = append(o.steps, s)
}

// Organizations gives one a page.
func (o *old) Organizations(_ context.Context, p pullpass.Page) (pullpass.List[pullpass.Organization], error) {
	all := []pullpass.OrganizationID{"org_1", "org_2", "org_3"}
	i := slices.Index(all, pullpass.OrganizationID(p.After)) + 1
	l := pullpass.List[pullpass.Organization]{Items: []pullpass.Organization{{ID: all[i]}}}
	if i < len(all)-1 {
		l.Next = string(all[i])
	}
	return l, o.fail["organizations"+p.After]
}

func (o *old) Prunable(_ context.Context, org pullpass.OrganizationID, before time.Time) (bool, error) {
	o.before = before
	return o.prunable[org], o.fail["prunable "+string(org)]
}

func (o *old) PruneEvents(_ context.Context, org pullpass.OrganizationID, before time.Time) (audit.Head, int64, error) {
	o.step("prune " + string(org) + " " + before.Format(time.DateOnly))
	return audit.Head{}, 1, o.fail["prune "+string(org)]
}

func (o *old) Record(_ context.Context, e pullpass.Event) error {
	o.step(strings.Join([]string{"record", string(e.Organization), e.Action, string(e.Decision), e.Reason, e.Detail["before"]}, " "))
	return o.fail["record "+string(e.Organization)]
}

// pass lets time pass, which is a bubble's, and what is due then happen.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // no real time passes
	synctest.Wait()
}

// A prune is recorded before anything goes; where it cannot be recorded nothing
// goes. One organization's trouble keeps no other from it.
func TestPrune(t *testing.T) {
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	const recorded = " audit.prune allowed retention 2026-03-02T12:00:00Z"
	for name, test := range map[string]struct {
		fail map[string]error
		want []string
	}{
		"as it should be": {nil, []string{"record org_1" + recorded, "prune org_1 2026-03-02", "record org_3" + recorded, "prune org_3 2026-03-02"}},
		"it cannot be recorded": {map[string]error{"record org_1": errDisk},
			[]string{"record org_1" + recorded, "record org_3" + recorded, "prune org_3 2026-03-02"}},
		"it fails": {map[string]error{"prune org_1": errDisk},
			[]string{"record org_1" + recorded, "prune org_1 2026-03-02", "record org_1" + strings.Replace(recorded, "allowed", "failed", 1),
				"record org_3" + recorded, "prune org_3 2026-03-02"}},
		"it cannot be said":               {map[string]error{"prunable org_1": errDisk}, []string{"record org_3" + recorded, "prune org_3 2026-03-02"}},
		"there is no list":                {map[string]error{"organizations": errDisk}, nil},
		"there is no second page of them": {map[string]error{"organizationsorg_1": errDisk}, []string{"record org_1" + recorded, "prune org_1 2026-03-02"}},
	} {
		o := &old{prunable: map[pullpass.OrganizationID]bool{"org_1": true, "org_3": true}, fail: test.fail}
		r := audit.Retention{Store: o, Door: o, Keep: 30 * 24 * time.Hour, Now: func() time.Time { return now }}
		err := r.Prune(t.Context())
		if !slices.Equal(o.steps, test.want) {
			t.Errorf("%s:\n%q, want\n%q", name, o.steps, test.want)
		}
		if (err != nil) != (len(test.fail) > 0) || err != nil && !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", name, err)
		}
		if len(test.want) > 0 && !o.before.Equal(now.Add(-30*24*time.Hour)) {
			t.Errorf("%s: records before %v go", name, o.before)
		}
	}
}

// Old records are looked for at once and every hour, until the server stops, and a
// failure is logged, not one that only says that the server stops.
func TestRetentionRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := &old{prunable: map[pullpass.OrganizationID]bool{"org_1": true}}
		r := audit.Retention{Store: o, Door: o, Keep: time.Hour, Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		synctest.Wait()
		if len(o.steps) != 2 {
			t.Errorf("at once: %q", o.steps)
		}
		pass(3 * time.Hour)
		if len(o.steps) != 8 || log.Len() != 0 {
			t.Errorf("after three hours: %q, log %s", o.steps, &log)
		}
		o.fail = map[string]error{"prune org_1": errDisk}
		pass(time.Hour)
		if !strings.Contains(log.String(), "the disk is gone") {
			t.Errorf("the log says %q", &log)
		}
		log.Reset()
		cancel()
		<-done
		r.Run(ctx) // fails, because its context has ended
		if log.Len() != 0 {
			t.Errorf("a server that stops logs %q", &log)
		}
	})
}

// TestPruneIsOneServers: what another server has done within the hour is not done
// again, nor where nobody can tell.
func TestPruneIsOneServers(t *testing.T) {
	for _, o := range []*old{
		{prunable: map[pullpass.OrganizationID]bool{"org_1": true}, done: true},
		{prunable: map[pullpass.OrganizationID]bool{"org_1": true}, fail: map[string]error{"chore": errDisk}},
	} {
		err := audit.Retention{Store: o, Door: o, Keep: time.Hour, Now: time.Now}.Turn(t.Context())
		if !errors.Is(err, o.fail["chore"]) || len(o.steps) > 0 {
			t.Errorf("Turn: %q, %v", o.steps, err)
		}
	}
}
