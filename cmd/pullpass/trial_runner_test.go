package main

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/runner"
	"github.com/pullpass/pullpass/internal/runner/drivertest"
)

// noSockets is for runners whose environments are not entered.
type noSockets struct{}

func (noSockets) Open(context.Context, pullpass.Environment) ([]runner.Mount, error) { return nil, nil }
func (noSockets) Close(context.Context, pullpass.EnvironmentID) error                { return nil }

// beside runs a runner with these options, as runAgent joins one, but for an engine
// that is played. It returns when the server knows that it can try.
func (c *clinic) beside(name string, o config.Runner) (stop func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	o.Server = os.Getenv("PULLPASS_SERVER")
	made, token, err := c.client.CreateRunner(ctx, pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker})
	must := func(err error) {
		if err != nil {
			c.t.Helper()
			c.t.Fatal(err)
		}
	}
	must(err)
	id := joinForTest(c.t, o.Server, token)
	server, err := client.New(o.Server, client.WithToken(id.Token.Secret()))
	must(err)
	keys, err := newGrantKeys(server, id, func(runnerIdentity) error { return nil }, slog.New(slog.DiscardHandler))
	must(err)
	native, err := newNative(&o, keys)
	must(err)
	own := &ownIdentity{native: native, server: server, log: slog.New(slog.DiscardHandler)}
	own.look(ctx)
	mappings, err := newMappings(&o, slog.New(slog.DiscardHandler))
	must(err)
	registries, closeRegistries, err := newRegistries(mappings.Hosts(), o.AllowEgress)
	must(err)
	port := serverPort{server, native, mappings, nil}
	trials, err := newRunnerTrials(&o, port, name, slog.New(slog.DiscardHandler))
	must(err)
	r, err := runner.New(runner.Options{ID: made.ID, Version: "test", Server: port, Driver: drivertest.NewFake().Driver(made.ID), AWSIdentity: own.current,
		Resolver: resolver{registries, registries, mappings}, Agents: noSockets{}, Trials: trials, Log: slog.New(slog.DiscardHandler)})
	must(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			c.t.Errorf("runner %s: %v", name, err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	c.t.Cleanup(func() {
		stop()
		native.Close()
		closeRegistries()
	})
	reported, giveUp := context.WithTimeout(ctx, 20*time.Second)
	defer giveUp()
	for {
		now, err := c.client.Runner(reported, made.ID)
		if err == nil && slices.Contains(now.Capabilities, pullpass.CapabilityTrials) {
			return stop
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-reported.Done():
			c.t.Fatalf("runner %s does not report that it can try: %+v, %v", name, now, err)
		}
	}
}

// runnerFor knows the sandbox as the clinic's server does.
func runnerFor(c *clinic) config.Runner {
	return config.Runner{Hosts: []string{c.mapped(sickOwner, sickHome)}, AllowEgress: []string{"127.0.0.1"}, AWSIdentity: config.NoAWSIdentity}
}

// holdsNot searches everything that the server keeps.
func (c *clinic) holdsNot(secrets ...string) {
	c.t.Helper()
	searched := 0
	kept := os.DirFS(c.config.Data)
	err := fs.WalkDir(kept, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && d.Name() == "downloads":
			return fs.SkipDir // this program: it has the words in it
		case err != nil || d.IsDir():
			return err
		}
		text, err := fs.ReadFile(kept, path)
		searched++
		for _, secret := range secrets {
			if strings.Contains(string(text), secret) {
				c.t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil || searched == 0 {
		c.t.Errorf("searching %s: %d files, %v", c.config.Data, searched, err)
	}
}

// pullpassAny is pullpass where the exit code is not the question.
func (c *clinic) pullpassAny(args ...string) (data, talk string) {
	c.t.Helper()
	var out, said bytes.Buffer
	run(c.t.Context(), args, strings.NewReader(""), &out, &said)
	return out.String(), said.String()
}

// What the server cannot reach a runner can, and the other way round: each test
// says where it ran. Before it is saved, a wrong password leaves nothing behind.
func TestRegistryIsTriedWhereThePullWouldRun(t *testing.T) {
	at := basicRegistry(t)
	const inner = "registry.inner.example"
	c := newClinic(t, "host="+inner+",registry=http://127.0.0.1:1", "host="+at+",registry=http://"+at)
	both := []string{"host=" + inner + ",registry=http://" + at, "host=" + at + ",registry=http://" + at}
	c.beside("near", config.Runner{Hosts: both, AllowEgress: []string{"127.0.0.1"}})
	c.beside("strict", config.Runner{Hosts: both})
	add := []string{"--json", "registry", "add", "inner", "--host", inner, "--username", "ada", "--repository", "team/app", "--tag", "1", "--test"}

	found, _ := c.pullpass(1, "canary-right", add...)
	wantAll(t, "registry add --test", found, `"where": "server"`, `"symptom": "refused"`)
	found, _ = c.pullpass(1, "canary-wrong", append(add, "--runner", "near")...)
	wantAll(t, "registry add --test --runner", found, `"where": "runner near"`, `"symptom": "login_refused"`)
	found, _ = c.pullpass(1, "canary-right", append(add, "--runner", "near", "--test-on", "server", "--test-on", "near")...)
	wantAll(t, "registry add --test-on", found, `"places": [`, `"where": "server"`, `"where": "runner near"`, `"healthy": false`)
	if list, _ := c.pullpass(0, "", "--json", "registry", "list"); strings.TrimSpace(list) != "[]" {
		t.Errorf("after failed tests there is a registry: %s", list)
	}
	c.holdsNot("canary-wrong", "canary-right")
	c.pullpass(0, "canary-right", append(add, "--runner", "near")...)

	found, _ = c.pullpass(0, "", "registry", "test", "inner", "--repository", "team/app", "--tag", "1")
	wantAll(t, "registry test", found, "from runner near", "by the registry inner", "digest verified", "healthy")
	found, _ = c.pullpass(1, "", "--json", "doctor", "inner", "--runner", "server")
	wantAll(t, "doctor --runner server", found, `"where": "server"`, `"symptom": "refused"`)
	_, talk := c.pullpass(1, "", "registry", "test", "inner", "--runner", "strict")
	wantAll(t, "registry test on a runner that is not selected", talk, "limited to other runners than strict", "hint:")

	c.pullpass(0, "canary-right", "registry", "add", "plain", "--host", at, "--username", "ada", "--test", "--repository", "team/app", "--tag", "1")
	found, _ = c.pullpass(1, "", "--json", "registry", "test", "plain", "--runner", "strict")
	wantAll(t, "registry test", found, `"where": "runner strict"`, `"symptom": "egress_forbidden"`)

	events, _ := c.pullpass(0, "", "--json", "audit", "list")
	wantAll(t, "the audit record", events, `"registry.test"`, `"credential.issue"`, `"trial": "trl_`)
}

// An integration's credential is fetched by the server, whose rungs the runner
// tells in their place; the runner's own identity is climbed on the runner.
func TestAWSIsTriedFromARunner(t *testing.T) {
	c := newClinic(t)
	// Who a machine is, is asked in us-east-1.
	elsewhere := strings.Replace(strings.Replace(c.mapped(sickOwner, sickElsewhere), "host="+c.host, "host=elsewhere.example", 1), "registry=http://"+c.host, "registry=http://127.0.0.1:1", 1)
	mapped := config.Runner{Hosts: []string{c.mapped(sickOwner, sickHome), elsewhere}, AllowEgress: []string{"127.0.0.1"}}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", c.box.MetadataEndpoints()[0])
	c.beside("machine", mapped)

	c.pullpass(0, keyText("well"), "integration", "add", "aws", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--path-prefix", "team", "--integration", "aws")
	found, _ := c.pullpass(0, "", "registry", "test", "ecr", "--repository", "team/app", "--tag", "1", "--runner", "machine")
	wantAll(t, "registry test", found, "from runner machine", "integration aws", "user/well", "narrowed by a session policy", "from ECR in "+sickHome, "digest verified")

	c.pullpass(0, "", "registry", "add", "own", "--host", c.host, "--runner-native")
	found, _ = c.pullpass(0, "", "registry", "test", "own", "--repository", "team/app", "--tag", "1", "--runner", "machine")
	wantAll(t, "registry test of runner-native", found, "the runner's own AWS identity", "assumed-role/machine/", "digest verified", "healthy")
	found, _ = c.pullpass(1, "", "registry", "test", "own", "--repository", "team/closed", "--tag", "1", "--runner", "machine")
	wantAll(t, "registry test of a closed repository", found, "failed   manifest", "from runner machine")

	c.pullpass(0, "", "integration", "add", "chain", "--region", sickHome, "--runner-native", "--role", pullRole, "--external-id", "org-1")
	found, _ = c.pullpass(1, "", "integration", "test", "chain", "--runner", "machine")
	wantAll(t, "integration test", found, "runner machine", "assumed-role/machine/", "failed   role")

	c.beside("closed", config.Runner{Hosts: mapped.Hosts, AllowEgress: mapped.AllowEgress, AWSIdentity: config.NoAWSIdentity})
	found, _ = c.pullpass(1, "", "registry", "test", "own", "--runner", "closed")
	wantAll(t, "registry test on a runner that lends nothing", found, "from runner closed", "does not lend it", "--aws-identity")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true") // the instance profile is gone
	found, _ = c.pullpass(1, "", "registry", "test", "own", "--runner", "machine")
	wantAll(t, "registry test without an instance profile", found, "failed   identity", "has no AWS identity", "attach an instance profile")

	events, _ := c.pullpass(0, "", "--json", "audit", "list")
	wantAll(t, "the audit record", events, `"credential.grant"`, `"session_policy"`, `"asked_by"`)
	c.holdsNot(keyText("well"))
}

// An environment's images are pulled by its runner, as its start does it; without
// the runner, from here.
func TestDoctorAsksTheEnvironmentsRunner(t *testing.T) {
	c := newClinic(t)
	stop := c.beside("near", runnerFor(c))
	c.pullpass(0, keyText("well"), "integration", "add", "aws", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--integration", "aws")
	c.pullpass(0, "", "project", "create", "payments")
	c.pullpass(0, "", "env", "create", "ada", "--no-wait", "--project", "payments", "--runner", "near", "--image", c.host+"/team/app:1")
	found, talk := c.pullpassAny("doctor", "ada")
	wantAll(t, "doctor ENVIRONMENT", found, "from runner near", "what the environment's start gets", "digest verified")
	wantAll(t, "doctor ENVIRONMENT", talk, "it made the pulls")
	found, talk = c.pullpassAny("doctor", "ada", "--here")
	wantAll(t, "doctor ENVIRONMENT --here", found+talk, "from this machine", "only the runner of ada can try it") // inside is never
	stop()
	began := time.Now()
	_, talk = c.pullpassAny("doctor", "ada")
	wantAll(t, "doctor ENVIRONMENT without its runner", talk, "signed off", "made from this machine")
	if waited := time.Since(began); waited > 45*time.Second {
		t.Errorf("a stopped runner was waited for %v", waited)
	}
}
