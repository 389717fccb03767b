package httpapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

func TestSetupOnce(t *testing.T) {
	w := newWorld(t)
	if w.setup.Empty() {
		t.Fatal("SetupToken is empty before the setup")
	}
	_, _, err := w.anonymous().Setup(t.Context(), pullpass.NewBearer(pullpass.TokenSetup), "evil", "eve")
	wantKind(t, "setup with an invented token", err, pullpass.Unauthenticated)
	_, _, err = w.anonymous().Setup(t.Context(), w.setup, "no spaces", "ada")
	wantKind(t, "setup with a bad name", err, pullpass.Invalid)
	other, err := w.SetupToken(t.Context()) // another start of the server, before the setup
	must(t, err)
	_, _, err = w.anonymous().Setup(t.Context(), w.setup, "evil", "eve")
	wantKind(t, "setup with the token of an earlier start", err, pullpass.Unauthenticated)
	w.setup = other

	o := w.first()
	self, err := o.Self(t.Context())
	must(t, err)
	if self.Role != pullpass.RoleOwner || self.Organization.Name != "acme" || !slices.Contains(self.Permissions, "token.create") {
		t.Errorf("Self() = %+v, want the owner of acme", self)
	}
	_, _, err = w.anonymous().Setup(t.Context(), w.setup, "evil", "eve")
	wantKind(t, "setup with the token used", err, pullpass.Unauthenticated)
	if again, err := w.SetupToken(t.Context()); err != nil || !again.Empty() {
		t.Errorf("SetupToken after the setup = %v, %v, want none", again, err)
	}
}

// A setup that stops halfway, here for want of a record, can be done again.
func TestSetupCanBeFinished(t *testing.T) {
	w := newWorld(t)
	w.door.fail(&pullpass.Error{Kind: pullpass.Unavailable, What: "refused", Cause: "the disk is full"})
	_, _, err := w.anonymous().Setup(t.Context(), w.setup, "acme", "ada")
	wantKind(t, "setup without a record", err, pullpass.Unavailable)
	w.door.fail(nil)
	again, err := w.SetupToken(t.Context())
	must(t, err)
	_, _, err = w.anonymous().Setup(t.Context(), again, "globex", "ada")
	wantKind(t, "finishing under another name", err, pullpass.Conflict)
	_, token, err := w.anonymous().Setup(t.Context(), again, "acme", "ada")
	must(t, err)
	self, err := w.as(token).Self(t.Context())
	must(t, err)
	if self.Organization.Name != "acme" || self.Role != pullpass.RoleOwner {
		t.Errorf("Self() = %+v, want the owner of acme", self)
	}
}

func TestSetupTokenExpires(t *testing.T) {
	w := newWorld(t)
	w.clock.forward(25 * time.Hour)
	_, _, err := w.anonymous().Setup(t.Context(), w.setup, "acme", "ada")
	wantKind(t, "setup after a day", err, pullpass.Unauthenticated)
}

func TestRegistries(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	r := o.basic(p.ID, "hub")
	if r.Inside != pullpass.InsideLogin || r.Generation != 1 {
		t.Errorf("a project registry: inside %q, generation %d, want login, 1", r.Inside, r.Generation)
	}
	if whole := o.basic("", "hub"); whole.Inside != pullpass.InsideNever {
		t.Errorf("an organization registry: inside %q, want never", whole.Inside)
	}
	_, err := o.CreateRegistry(t.Context(), pullpass.Registry{Project: p.ID, Name: "twin", Host: "hub.example.com", Auth: pullpass.AuthBasic, Username: "u"}, pullpass.NewSecret("x"))
	wantKind(t, "a tie", err, pullpass.Conflict)

	name, never := "hub2", pullpass.InsideNever
	secret := pullpass.NewSecret("rotated-" + canary)
	r, err = o.UpdateRegistry(t.Context(), r.ID, pullpass.RegistryChange{Name: &name, Inside: &never, Secret: &secret})
	must(t, err)
	if r.Name != name || r.Inside != never || r.Generation != 2 {
		t.Errorf("UpdateRegistry = %+v, want the new name, inside and generation", r)
	}
	got, err := o.RegistryByName(t.Context(), p.ID, name)
	must(t, err)
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("RegistryByName differs from UpdateRegistry: %s", diff)
	}
	var names []string
	for r, err := range o.AllRegistries(t.Context(), pullpass.RegistryFilter{Project: &p.ID}) {
		must(t, err)
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"hub2"}) {
		t.Errorf("AllRegistries(payments) = %v, want hub2", names)
	}
	must(t, o.DeleteRegistry(t.Context(), r.ID))
	_, err = o.Registry(t.Context(), r.ID)
	wantKind(t, "a deleted registry", err, pullpass.NotFound)
}

func TestIntegrationsAndECR(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	i := o.accessKey("production")
	r, err := o.CreateRegistry(t.Context(), pullpass.Registry{Name: "ecr", Host: "https://" + ecrHost, Auth: pullpass.AuthIntegration, Integration: i.ID}, pullpass.Secret{})
	must(t, err)
	if r.Host != ecrHost {
		t.Errorf("CreateRegistry(https://…): host %q, want %q", r.Host, ecrHost)
	}
	_, err = o.CreateRegistry(t.Context(), pullpass.Registry{Name: "emulator", Host: "127.0.0.1:5001", Auth: pullpass.AuthRunnerNative}, pullpass.Secret{})
	must(t, err) // a mapped host is ECR
	wantKind(t, "deleting an integration in use", o.DeleteIntegration(t.Context(), i.ID), pullpass.Conflict)
	id := "AKIAIOSFODNN7EXAMPL2"
	_, err = o.UpdateIntegration(t.Context(), i.ID, pullpass.IntegrationChange{AccessKeyID: &id})
	wantKind(t, "a new key id without its secret", err, pullpass.Invalid)
	chain := []pullpass.RoleHop{{RoleARN: "arn:aws:iam::222222222222:role/pull", ExternalID: "x1", SessionTags: map[string]string{"team": "a"}}}
	i, err = o.UpdateIntegration(t.Context(), i.ID, pullpass.IntegrationChange{Chain: &chain})
	must(t, err)
	if diff := cmp.Diff(chain, i.Chain); diff != "" {
		t.Errorf("UpdateIntegration: chain %s", diff)
	}
	found, err := o.IntegrationByName(t.Context(), "production")
	must(t, err)
	if found.ID != i.ID || found.Generation != 2 {
		t.Errorf("IntegrationByName = %+v, want generation 2 of %s", found, i.ID)
	}
}

func TestEnvironmentLife(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	hub := o.basic(p.ID, "hub")
	_, err := o.CreateEnvironment(t.Context(), pullpass.Environment{Project: p.ID, Name: "early", Services: []pullpass.Service{{Name: "web", Image: "alpine"}}})
	wantKind(t, "an environment without any runner", err, pullpass.Invalid)
	r, token := o.joined("one")
	e, err := o.CreateEnvironment(t.Context(), pullpass.Environment{Project: p.ID, Name: "dev", Services: []pullpass.Service{
		{Name: "web", Image: "alpine", Command: []string{"sleep", "1"}, Env: map[string]string{"A": "b=c"}}}})
	must(t, err)
	if e.Runner != r.ID || e.Services[0].Image != "docker.io/library/alpine:latest" || e.Start != 1 {
		t.Errorf("CreateEnvironment = %+v, want the only active runner and the canonical image", e)
	}
	if want := []pullpass.RegistryGeneration{{Registry: hub.ID, Generation: 1}}; !slices.Equal(e.Registries, want) {
		t.Errorf("CreateEnvironment pinned %v, want %v", e.Registries, want)
	}

	agent := w.as(token)
	wanted, err := agent.Wanted(t.Context(), "", 0)
	must(t, err)
	if len(wanted.Environments) != 1 || wanted.Environments[0].ID != e.ID {
		t.Fatalf("Wanted() = %+v, want the environment", wanted)
	}
	_, err = agent.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: 1, Phase: pullpass.PhaseRunning, Status: []pullpass.ServiceStatus{{Name: "web", State: pullpass.ServiceRunning}}})
	must(t, err)
	must(t, agent.AppendOutput(t.Context(), e.ID, "web", 1, 0, []byte("hello\n\xff")))
	out, err := o.Output(t.Context(), e.ID, "")
	must(t, err)
	if string(out.Data) != "hello\n\xff" || out.Service != "web" {
		t.Errorf("Output() = %q of %q, want what was appended", out.Data, out.Service)
	}
	if _, err = o.Output(t.Context(), e.ID, "nope"); !pullpass.IsKind(err, pullpass.NotFound) || !strings.Contains(pullpass.HintOf(err), "web") {
		t.Errorf("Output(nope) = %v, want NotFound naming the services", err)
	}
	e, err = o.RestartEnvironment(t.Context(), e.ID)
	must(t, err)
	_, err = agent.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: 1, Phase: pullpass.PhaseFailed})
	wantKind(t, "a report about an older start", err, pullpass.Conflict)
	e, err = o.StopEnvironment(t.Context(), e.ID)
	must(t, err)
	e, err = o.StartEnvironment(t.Context(), e.ID)
	must(t, err)
	if e.Start != 3 || e.Wanted != pullpass.WantedRunning {
		t.Errorf("after restart, stop and start: start %d, wanted %s, want 3, running", e.Start, e.Wanted)
	}
	must(t, o.DeleteEnvironment(t.Context(), e.ID))
	_, err = agent.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: e.Start, Phase: pullpass.PhaseDeleted})
	must(t, err)
	w.clock.forward(2 * time.Minute)
	if got, err := o.Runner(t.Context(), r.ID); err != nil || got.Phase != pullpass.RunnerInactive {
		t.Errorf("a runner not seen for two minutes: %s, %v, want inactive", got.Phase, err)
	}
}

func TestLongPolls(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	r, token := o.joined("one")
	agent := w.as(token)
	before, err := agent.Wanted(t.Context(), "", 0)
	must(t, err)

	type heard struct {
		client.Wanted
		err error
	}
	answers := make(chan heard, 1)
	go func() {
		got, err := agent.Wanted(t.Context(), before.State, 30*time.Second)
		answers <- heard{got, err}
	}()
	e := o.environment(p.ID, r.ID, "dev")
	got := <-answers
	must(t, got.err)
	if got.Unchanged || len(got.Environments) != 1 || got.State == before.State {
		t.Errorf("Wanted() after a change = %+v, want the new environment", got.Wanted)
	}
	// The runner's own report is news for those who watch the environment, and
	// none for the runner.
	watching := make(chan pullpass.Environment, 1)
	go func() {
		e, err := o.WaitEnvironment(t.Context(), e.ID, e.Revision, 30*time.Second)
		if err != nil {
			t.Error(err)
		}
		watching <- e
	}()
	_, err = agent.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{Start: 1, Phase: pullpass.PhaseRunning})
	must(t, err)
	if got := <-watching; got.Phase != pullpass.PhaseRunning || got.Revision <= e.Revision {
		t.Errorf("WaitEnvironment() = %s at revision %d, want running beyond %d", got.Phase, got.Revision, e.Revision)
	}
	same, err := agent.Wanted(t.Context(), got.State, 50*time.Millisecond)
	must(t, err)
	if !same.Unchanged {
		t.Errorf("Wanted() after the runner's own report = %+v, want unchanged", same)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	token, text, err := o.CreateToken(t.Context(), pullpass.Token{Name: "ci", Role: pullpass.RoleDeveloper, Project: p.ID, ExpiresAt: w.clock.now().Add(time.Hour)})
	must(t, err)
	self, err := w.as(text).Self(t.Context())
	must(t, err)
	if self.Project != p.ID || self.Role != pullpass.RoleDeveloper {
		t.Errorf("Self() with the new token = %+v, want developer of %s", self, p.ID)
	}
	names := map[string]bool{}
	for token, err := range o.AllTokens(t.Context()) {
		must(t, err)
		names[token.Name] = true
	}
	if !names["ci"] || !names["ada"] {
		t.Errorf("AllTokens() = %v, want ci and ada among them", names)
	}
	must(t, o.DeleteToken(t.Context(), token.ID))
	_, err = w.as(text).Self(t.Context())
	wantKind(t, "a deleted token", err, pullpass.Unauthenticated)

	_, brief, err := o.CreateToken(t.Context(), pullpass.Token{Name: "brief", Role: pullpass.RoleOwner, ExpiresAt: w.clock.now().Add(time.Hour)})
	must(t, err)
	_, _, err = w.as(brief).CreateToken(t.Context(), pullpass.Token{Name: "longer", Role: pullpass.RoleOwner})
	wantKind(t, "a token that outlives its maker's", err, pullpass.Denied)
	w.clock.forward(2 * time.Hour)
	_, err = w.as(brief).Self(t.Context())
	wantKind(t, "an expired token", err, pullpass.Unauthenticated)
}

func TestCredential(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	r, token := o.joined("one")
	e := o.environment(p.ID, r.ID, "dev")
	got, err := w.as(token).Credential(t.Context(), api.CredentialRequest{Environment: e.ID, Host: "https://" + ecrHost, Repository: "team/app"})
	must(t, err)
	if got.Secret.Reveal() != "issued-"+canary || got.Username != "AWS" || got.Expires.IsZero() {
		t.Errorf("Credential() = %+v, want what the broker issued", got)
	}
	if ask := w.issuer.asked[0]; ask.Host != ecrHost || ask.Action != pullpass.ActionPull || ask.Environment != e.ID {
		t.Errorf("the broker was asked %+v, want the canonical host, pull", ask)
	}
	w.issuer.err = &pullpass.Error{Kind: pullpass.Denied, Code: "pull_denied", What: "cannot pull", Cause: "the policy", Hint: "fix it"}
	_, err = w.as(token).Credential(t.Context(), api.CredentialRequest{Environment: e.ID, Host: ecrHost})
	if want := "error: cannot pull\ncause: the policy\nhint:  fix it"; pullpass.Explain(err) != want {
		t.Errorf("Explain over the wire = %q, want %q", pullpass.Explain(err), want)
	}
}

func TestRunnerJoinsOnce(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	_, join, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	must(t, err)
	_, _, err = w.anonymous().Join(t.Context(), join, pullpass.RunnerKubernetes, pullpass.RunnerReport{})
	wantKind(t, "joining as another kind", err, pullpass.Conflict)
	_, token, err := w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "1", Capabilities: []string{"pull"}})
	must(t, err)
	_, _, err = w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{})
	wantKind(t, "joining twice", err, pullpass.Unauthenticated)
	r, err := w.as(token).Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerDegraded, Message: "no engine"})
	must(t, err)
	if r.Phase != pullpass.RunnerDegraded || r.Message != "no engine" {
		t.Errorf("Heartbeat() = %+v, want degraded", r)
	}
	must(t, o.DeleteRunner(t.Context(), r.ID))
	_, err = w.as(token).Heartbeat(t.Context(), pullpass.RunnerReport{Phase: pullpass.RunnerActive})
	wantKind(t, "a deleted runner's token", err, pullpass.Unauthenticated)
}
