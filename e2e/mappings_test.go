package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// TestHostMappingsReachRunners: the operator maps a host on the server alone. The
// runner beside it uses that, and its engine, which knows no mappings, pulls where
// the mapping leads; the test of the environment on the runner says the same.
func TestHostMappingsReachRunners(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 3*time.Minute)
	const mapped = "registry.pullpass.invalid"
	repository := fmt.Sprintf("e2e/mapped-%d", time.Now().UnixNano())
	pushImage(t, ctx, registry.Host+"/"+repository+":1", registry.Username, registry.Password, parts.BusyboxImage(t, stays...))
	s := startServer(t, ctx, "--allow-egress=127.0.0.1", "--host=host="+mapped+",registry=http://"+registry.Host)
	r := startRunner(t, ctx, s, host, "--allow-egress=127.0.0.1")
	project := basicProject(t, ctx, s, "mapped", mapped, registry.Username, registry.Password)
	image := mapped + "/" + repository + ":1"
	e := create(t, ctx, s, r, project, image)
	e, err := process.Await(ctx, s.Owner, e, pullpass.PhaseRunning)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Owner.TestEnvironment(ctx, e.ID, image)
	if err != nil || !d.Healthy {
		t.Errorf("the runner's test: healthy %v, %s, %v; the environment runs", d.Healthy, d.Cause, err)
	}
	remove(t, ctx, s, e)
}
