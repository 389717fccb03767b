package runner

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/pullpass/pullpass"
)

func newTestView(t *testing.T, services ...string) (*view, *[]pullpass.StatusUpdate) {
	t.Helper()
	e := pullpass.Environment{Wanted: pullpass.WantedRunning}
	for _, name := range services {
		e.Services = append(e.Services, pullpass.Service{Name: name})
	}
	v := newView("rnr_1", e)
	v.begin(e)
	var reports []pullpass.StatusUpdate
	v.changed = func(u pullpass.StatusUpdate) { reports = append(reports, u) }
	return v, &reports
}

// TestAStateComesWithItsCause: whoever reads one report, any report, sees a failure
// together with its cause; people and programs act on the first that says failed.
func TestAStateComesWithItsCause(t *testing.T) {
	v, reports := newTestView(t, "main", "other")
	v.is(Actual{ID: "1", Service: "main", State: Running})
	ended := Actual{ID: "1", Service: "main", State: Exited, ExitCode: 2}
	v.is(ended, exited(pullpass.Environment{}, ended))
	v.fail("other", CodeStartFailed, errors.New("no space left on device"))
	v.is(Actual{ID: "2", Service: "main", State: Running}) // started anew
	v.fail("", CodeEngineMissing, errors.New("the engine is away"))

	if len(*reports) != 5 {
		t.Errorf("5 observations made %d reports", len(*reports))
	}
	for i, u := range *reports {
		caused := func(service string) bool {
			return slices.ContainsFunc(u.Conditions, func(c pullpass.Condition) bool {
				return c.Service == service && c.Severity == pullpass.SeverityError
			})
		}
		for _, s := range u.Status {
			bad := s.State == pullpass.ServiceFailed || (s.State == pullpass.ServiceExited && *s.ExitCode != 0)
			if bad && !caused(s.Name) {
				t.Errorf("report %d: %s is %s without a cause: %+v", i, s.Name, s.State, u.Conditions)
			}
		}
	}
}

// TestReportsArriveInOrder: services change the view at once; the report that is
// delivered last is the one that holds everything.
func TestReportsArriveInOrder(t *testing.T) {
	const writers, each = 4, 100
	v, reports := newTestView(t, "main")
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				v.note(pullpass.Condition{Code: strconv.Itoa(w) + "/" + strconv.Itoa(n)})
			}
		})
	}
	wg.Wait()
	for i, u := range *reports {
		if len(u.Conditions) != i+1 {
			t.Fatalf("report %d holds %d conditions, want %d", i, len(u.Conditions), i+1)
		}
	}
	if len(*reports) != writers*each {
		t.Errorf("%d reports, want %d", len(*reports), writers*each)
	}
}
