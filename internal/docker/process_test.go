package docker_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// envTask makes this test binary a runner's process.
const envTask = "PULLPASS_TEST_RUNNER_TASK"

// task is what a runner's process has to do.
type task struct {
	Host               string
	Runner             pullpass.RunnerID
	Environment        pullpass.Environment
	Username, Password string
}

func (k task) auth() runner.RegistryAuth {
	return runner.RegistryAuth{Username: k.Username, Password: pullpass.NewSecret(k.Password)}
}

// A runner's process is killed, as kill -9 does, in the middle of a pull and again
// with the container running: its successors end with the same one container.
func TestRunnerProcessIsKilled(t *testing.T) {
	if text := os.Getenv(envTask); text != "" {
		beRunner(t, text)
		return
	}
	reg := newRegistry(t)
	h := newHouse(t, parts.Docker(t))
	big := heavy(t)
	image, _ := reg.push(t, "team/app", big)
	auth := reg.admit("a", "password-of-a", "team/app")
	k := task{
		Host: parts.Docker(t), Runner: h.id, Username: auth.Username, Password: auth.Password.Reveal(),
		Environment: pullpass.Environment{
			ID: pullpass.NewEnvironmentID(), Start: 1, Wanted: pullpass.WantedRunning,
			Services: []pullpass.Service{{Name: "app", Image: image, Command: serve}},
		},
	}
	held, release := reg.hold(t, big)
	defer release()

	kill := process(t, k)
	<-held
	kill()
	release()

	kill = process(t, k)
	first := awaitRunning(t, h, k)
	kill()

	h.add(k.Environment, auth)
	h.run()
	u := h.awaitPhase(k.Environment.ID, pullpass.PhaseRunning)
	if second := awaitRunning(t, h, k); first != second || u.Status[0].Container != first {
		t.Errorf("container %s took the place of %s", second, first)
	}
}

// process starts a runner's process and returns how to kill it.
func process(t *testing.T, k task) (kill func()) {
	t.Helper()
	text, err := json.Marshal(k) //nolint:gosec // a password of this test alone
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(cmd.Environ(), envTask+"="+string(text))
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting a runner's process: %v", err)
	}
	return func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("killing the runner: %v", err)
		}
		_ = cmd.Wait() // says that it was killed
	}
}

// beRunner runs until it is killed.
func beRunner(t *testing.T, text string) {
	t.Helper()
	var k task
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		t.Fatal(err)
	}
	h := newHouseOf(t, k.Host, k.Runner)
	h.add(k.Environment, k.auth())
	h.run()
	<-t.Context().Done()
}

// awaitRunning waits for the environment's one container to run.
func awaitRunning(t *testing.T, h *house, k task) (container string) {
	t.Helper()
	for {
		there, err := h.driver.List(t.Context(), k.Environment.ID)
		if err != nil || len(there) > 1 {
			t.Fatalf("List = %+v, %v", there, err)
		}
		if len(there) == 1 && there[0].State == runner.Running {
			return there[0].ID
		}
		if !pause(t) {
			t.Fatalf("not running: %+v", there)
		}
	}
}
