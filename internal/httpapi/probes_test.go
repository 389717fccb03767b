package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/reference"
)

// tester plays the doctor: what it finds is tested where it works for real.
type tester struct {
	mu     sync.Mutex
	trials []httpapi.RegistryTrial // tried here
	opened []httpapi.RegistryTrial // opened for a runner
	// password opens with the settings' own
	password bool
	who      api.IntegrationTest
	find     func(httpapi.RegistryTrial, reference.Image, string) (httpapi.ImageFound, error)
	err      error
	hold     chan struct{} // if set, a test waits for it
	held     chan struct{}
}

func (d *tester) TestRegistry(ctx context.Context, t httpapi.RegistryTrial) (api.Diagnosis, error) {
	d.mu.Lock()
	d.trials = append(d.trials, t)
	hold, held, err := d.hold, d.held, d.err
	d.mu.Unlock()
	if hold != nil {
		held <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	return api.Diagnosis{Image: t.Registry.Host, Where: "server", Healthy: true, Steps: []api.DiagnosisStep{}}, err
}

func (d *tester) FindImage(_ context.Context, t httpapi.RegistryTrial, image reference.Image, platform string) (httpapi.ImageFound, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trials = append(d.trials, t)
	if d.find == nil {
		return httpapi.ImageFound{Digest: "sha256:" + strings.Repeat("a", 64)}, d.err
	}
	return d.find(t, image, platform)
}

func (d *tester) OpenRegistry(_ context.Context, t httpapi.RegistryTrial) httpapi.Opened {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened = append(d.opened, t)
	if d.password {
		return httpapi.Opened{Credential: pullpass.Credential{Username: t.Registry.Username, Secret: t.Password}}
	}
	return httpapi.Opened{Err: d.err, Principal: role, Rungs: []api.TrialRung{{Step: "identity", Principal: role}},
		Credential: pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret("opened-" + canary)}}
}

func (d *tester) TestIntegration(context.Context, pullpass.Integration) (api.IntegrationTest, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.who
	out.Steps = []api.DiagnosisStep{}
	return out, d.err
}

const role = "arn:aws:iam::111111111111:role/pull"

// A test of settings saves nothing, is on record before it is made, and its
// password comes back nowhere.
func TestRegistrySettingsAreTried(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	settings := pullpass.Registry{Project: p.ID, Name: "hub", Host: "https://index.docker.io/v1/", Auth: pullpass.AuthBasic, Username: "ada"}
	d, err := o.TestRegistrySettings(t.Context(), settings, pullpass.NewSecret(canary), client.RegistryTest{Repository: "library/alpine", Tag: "3"})
	if err != nil || !d.Healthy {
		t.Fatalf("TestRegistrySettings = %+v, %v, want healthy", d, err)
	}
	got := w.tester.trials[0]
	if got.Saved || got.Registry.ID != "" || got.Registry.Host != "docker.io" || got.Password.Reveal() != canary || got.Repository != "library/alpine" || got.Tag != "3" {
		t.Errorf("tried %+v, want the settings as they were given", got)
	}
	for r, err := range o.AllRegistries(t.Context(), pullpass.RegistryFilter{}) {
		t.Errorf("after the test there is %v, %v, want no registry", r.Name, err)
	}
	if log := auditLog(t, o); !strings.Contains(log, `"registry.test"`) || strings.Contains(log, canary) {
		t.Errorf("audit = %s, want registry.test without the password", log)
	}
	w.door.mu.Lock()
	w.door.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "the record cannot be written"}
	w.door.mu.Unlock()
	if _, err := o.TestRegistrySettings(t.Context(), settings, pullpass.NewSecret(canary), client.RegistryTest{}); !pullpass.IsKind(err, pullpass.Unavailable) || len(w.tester.trials) != 1 {
		t.Errorf("without a record = %v, %d tests, want unavailable and no second test", err, len(w.tester.trials))
	}
}

func TestTrialsThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	i := o.accessKey("aws")
	prefixed := pullpass.Registry{Name: "ecr", Host: ecrHost, PathPrefix: "team", Auth: pullpass.AuthIntegration, Integration: i.ID}
	native := pullpass.Registry{Name: "ecr", Host: ecrHost, Auth: pullpass.AuthRunnerNative}
	for _, c := range []struct {
		r               pullpass.Registry
		repository, tag string
		code            string
	}{
		{prefixed, "teams/app", "", "repository_not_covered"},
		{prefixed, "Team/app", "", "repository_invalid"},
		{prefixed, "team/app", "a/b", "tag_invalid"},
		{native, "team/app", "", "runner_native"},
	} {
		_, err := o.TestRegistrySettings(t.Context(), c.r, pullpass.Secret{}, client.RegistryTest{Repository: c.repository, Tag: c.tag})
		if got := pullpass.CodeOf(err); got != c.code {
			t.Errorf("TestRegistrySettings(%s, %q) = %v, want code %s", c.r.Auth, c.repository, err, c.code)
		}
	}
	if len(w.tester.trials) != 0 {
		t.Errorf("%d tests were made, want none", len(w.tester.trials))
	}
}

// A saved registry is tried with what is stored: the route takes no settings.
func TestSavedRegistryIsTried(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r := o.basic("", "hub")
	if _, err := o.TestRegistry(t.Context(), r.ID, client.RegistryTest{Repository: "team/app"}); err != nil {
		t.Fatal(err)
	}
	if got := w.tester.trials[0]; !got.Saved || got.Registry.ID != r.ID || !got.Password.Empty() {
		t.Errorf("tried %+v, want the registry that is saved", got)
	}
}

// Adding an integration finds out who it is, if that is possible; a test does so
// again. Neither is a change: the generation stays.
func TestIntegrationKeepsItsPrincipal(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	w.tester.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "AWS does not answer"}
	i := o.accessKey("aws")
	if i.Principal != "" {
		t.Errorf("principal = %q, want none while AWS does not answer", i.Principal)
	}
	w.tester.err, w.tester.who = nil, api.IntegrationTest{Principal: role, Account: "111111111111", Region: "eu-west-1", Healthy: true}
	got, err := o.TestIntegration(t.Context(), i.ID, "")
	if err != nil || got.Principal != role {
		t.Fatalf("TestIntegration = %+v, %v, want %s", got, err, role)
	}
	shown, err := o.Integration(t.Context(), i.ID)
	if err != nil || shown.Principal != role || shown.Generation != i.Generation {
		t.Errorf("afterwards = %+v, %v, want the principal and the same generation", shown, err)
	}
	if second := o.accessKey("aws2"); second.Principal != role {
		t.Errorf("a new integration's principal = %q, want %s at once", second.Principal, role)
	}
}

func TestOnlySoManyTestsAtATime(t *testing.T) {
	const places = 8
	w := newWorld(t)
	o := w.first()
	r := o.basic("", "hub")
	w.tester.hold, w.tester.held = make(chan struct{}), make(chan struct{}, places+1)
	var running sync.WaitGroup
	for range places {
		running.Go(func() {
			if _, err := o.TestRegistry(t.Context(), r.ID, client.RegistryTest{}); err != nil {
				t.Error(err)
			}
		})
	}
	for range places {
		<-w.tester.held
	}
	if _, err := o.TestRegistry(t.Context(), r.ID, client.RegistryTest{}); !pullpass.IsKind(err, pullpass.Limited) {
		t.Errorf("one more = %v, want limited", err)
	}
	close(w.tester.hold)
	running.Wait()
}

// A server without a doctor says so.
func TestNoTester(t *testing.T) {
	w := newWorld(t)
	bare, err := httpapi.New(httpapi.Options{Store: w.db, Issuer: w.issuer, Auditor: w.door})
	must(t, err)
	o := w.first()
	server := httptest.NewServer(bare)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, client.WithToken(o.token), client.WithAttempts(1))
	must(t, err)
	r := o.basic("", "hub")
	if _, err := c.TestRegistry(t.Context(), r.ID, client.RegistryTest{}); pullpass.CodeOf(err) != "tests_disabled" {
		t.Errorf("TestRegistry = %v, want tests_disabled", err)
	}
}

func auditLog(t *testing.T, o *tenant) string {
	t.Helper()
	return o.w.raw(http.MethodGet, api.PathAuditEvents, o.token.Reveal(), "").body
}
