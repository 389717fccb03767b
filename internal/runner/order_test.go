package runner_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// several wants an environment whose services depend on each other as told.
func (w *world) several(dependencies map[string][]string) pullpass.Environment {
	e := pullpass.Environment{ID: pullpass.NewEnvironmentID(), Name: "ada", Runner: w.id, Start: 1, Wanted: pullpass.WantedRunning}
	for name, on := range dependencies {
		e.Services = append(e.Services, pullpass.Service{Name: name, Image: image, Command: []string{"serve"}, DependsOn: on})
	}
	w.want(e)
	return e
}

// TestServicesStartInOrder: a service is started after those that it depends on.
func TestServicesStartInOrder(t *testing.T) {
	dependencies := map[string][]string{"web": {"api", "cache"}, "api": {"db"}, "cache": nil, "db": nil, "job": {"web"}}
	for range 20 { // the order of a map, and of goroutines
		story(t, func(t *testing.T, w *world) {
			var mu sync.Mutex
			var order []string
			w.engine.Fail(func(op, service string) error {
				if op == "start" {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, service)
				}
				return nil
			})
			e := w.several(dependencies)
			w.run()
			w.settle(e.ID, pullpass.PhaseRunning)
			for service, on := range dependencies {
				for _, other := range on {
					if slices.Index(order, other) > slices.Index(order, service) {
						t.Fatalf("%s was started before %s: %v", service, other, order)
					}
				}
			}
		})
	}
}

// TestServiceWaitsForWhatFailed: what depends on a service that cannot start is not
// started, says why, and follows once it can.
func TestServiceWaitsForWhatFailed(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		var mu sync.Mutex
		broken, started := true, []string{}
		w.engine.Fail(func(op, service string) error {
			mu.Lock()
			defer mu.Unlock()
			if op == "start" && service == "db" && broken {
				return &pullpass.Error{Kind: pullpass.Unavailable, Code: runner.CodeStartFailed, What: "cannot start db", Cause: "broken"}
			}
			if op == "start" {
				started = append(started, service)
			}
			return nil
		})
		e := w.several(map[string][]string{"web": {"db"}, "db": nil})
		w.run()
		u := w.settle(e.ID, pullpass.PhaseFailed)
		for _, c := range u.Conditions {
			if c.Service == "web" && (c.Code != runner.CodeDependencyFailed || c.Cause == "" || c.Fix == "") {
				t.Errorf("web: %+v", c)
			}
		}
		mu.Lock()
		if slices.Contains(started, "web") {
			t.Error("web was started without db")
		}
		broken = false
		mu.Unlock()
		if u := w.settle(e.ID, pullpass.PhaseRunning); len(u.Conditions) != 0 {
			t.Errorf("conditions that are over: %+v", u.Conditions)
		}
	})
}
