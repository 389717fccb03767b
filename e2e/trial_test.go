package e2e_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// TestTrialAcrossReplicas asks one server for a test on a runner that polls
// another: both work on one PostgreSQL. Settings that are not saved get there with
// their password, once, and the outcome comes back.
func TestTrialAcrossReplicas(t *testing.T) {
	database := parts.Postgres(t)
	ctx := within(t, 2*time.Minute)
	args := []string{"--database=" + database, "--key-file=" + filepath.Join(t.TempDir(), "key"), "--log-level=error"}
	a := startServer(t, ctx, args...)
	b, err := process.StartReplica(ctx, a, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	runner, token, err := b.Join(ctx, "far")
	if err != nil {
		t.Fatal(err)
	}
	own, err := client.New(b.URL, client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Heartbeat(ctx, pullpass.RunnerReport{Phase: pullpass.RunnerActive, Capabilities: []string{pullpass.CapabilityTrials}}); err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	go func() {
		played <- func() error {
			for seen := ""; ; {
				wanted, err := own.Wanted(ctx, seen, 20*time.Second)
				if err != nil {
					return err
				}
				seen = wanted.State
				if len(wanted.Trials) == 0 {
					continue
				}
				work, err := own.TakeTrial(ctx, wanted.Trials[0])
				if err != nil {
					return err
				}
				step := api.DiagnosisStep{Name: "token", Result: api.StepOK}
				if work.Opened == nil || work.Opened.Secret.Secret().Reveal() != "across-servers" {
					step.Result = api.StepFailed
				}
				return own.ReportTrial(ctx, work.ID, api.TrialReport{Diagnosis: &api.Diagnosis{Image: work.Image, Started: time.Now(), Steps: []api.DiagnosisStep{step}}})
			}
		}()
	}()
	d, err := a.Owner.TestRegistrySettings(ctx, pullpass.Registry{Name: "hub", Host: "registry.example", Auth: pullpass.AuthBasic, Username: "ada"},
		pullpass.NewSecret("across-servers"), client.RegistryTest{Repository: "team/app", Runner: runner.ID})
	if err != nil || !d.Healthy || d.Where != "runner far" || d.Image != "registry.example/team/app:latest" {
		t.Errorf("the test that a was asked for and b's runner made = %+v, %v, want healthy on runner far", d, err)
	}
	if err := <-played; err != nil {
		t.Error(err)
	}
	var recorded []string
	for e, err := range a.Owner.AllEvents(ctx, pullpass.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Runner == runner.ID {
			recorded = append(recorded, e.Action)
		}
	}
	if !slices.Contains(recorded, "registry.test") || !slices.Contains(recorded, "credential.issue") {
		t.Errorf("records of the runner: %v, want the test and the credential", recorded)
	}
}
