package httpapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

// rulesWorld has runners of every sort.
type rulesWorld struct {
	*world
	o       *tenant
	project pullpass.Project
	runners map[string]pullpass.Runner
}

func newRulesWorld(t *testing.T) *rulesWorld {
	t.Helper()
	w := newWorld(t)
	r := &rulesWorld{world: w, o: w.first(), runners: map[string]pullpass.Runner{}}
	r.project = r.o.project("payments")
	for name, c := range map[string]struct {
		hosted  bool
		version string
		arn     string
		absent  bool
	}{
		"plain":   {version: "v1.2.3"},
		"native":  {version: "v1.2.3", arn: "arn:aws:iam::111111111111:role/runner"},
		"hosted":  {version: "v1.2.3", arn: "arn:aws:iam::999999999999:role/platform", hosted: true},
		"old":     {version: "v0.0.9-3-gabcdef"},
		"build":   {version: "development"},
		"waiting": {absent: true},
	} {
		made, join, err := r.o.CreateRunner(t.Context(), pullpass.Runner{Name: name, Kind: pullpass.RunnerDocker, Hosted: c.hosted})
		must(t, err)
		if !c.absent {
			made, _, err = w.anonymous().Join(t.Context(), join, pullpass.RunnerDocker, pullpass.RunnerReport{Version: "development", AWSClaim: c.arn})
			must(t, err)
			_, err = w.db.RecordHeartbeat(t.Context(), r.o.org, made.ID, pullpass.RunnerReport{Version: c.version, AWSClaim: c.arn, Phase: pullpass.RunnerActive, At: w.clock.now()})
			must(t, err)
		}
		r.runners[name] = made
	}
	return r
}

func (r *rulesWorld) integration(name string, mode pullpass.IntegrationMode, runners ...pullpass.RunnerID) (pullpass.Integration, error) {
	i := pullpass.Integration{Name: name, Region: "eu-west-1", Mode: mode, Runners: runners}
	var secret pullpass.Secret
	switch mode {
	case pullpass.ModeAccessKey:
		i.AccessKeyID, secret = "AKIAEXAMPLEEXAMPLE12", pullpass.NewSecret("secret")
	case pullpass.ModeWebIdentity:
		i.Chain = []pullpass.RoleHop{{RoleARN: aRole}}
	}
	return r.o.CreateIntegration(r.t.Context(), i, secret)
}

// Which modes go with which runners is checked when something is saved, when a
// runner is selected, and when an environment is created; each refusal says what
// to do.
func TestModesAndRunners(t *testing.T) {
	r := newRulesWorld(t)
	const native, ambient, key, web = pullpass.ModeRunnerNative, pullpass.ModeAmbient, pullpass.ModeAccessKey, pullpass.ModeWebIdentity
	for _, c := range []struct {
		mode   pullpass.IntegrationMode
		runner string
		code   string // empty: it goes
		hint   string
	}{
		{native, "native", "", ""},
		{native, "plain", "runner_no_identity", "instance profile"},
		{native, "waiting", "runner_no_identity", "start it"},
		{native, "hosted", "runner_hosted", "web-identity"},
		{ambient, "hosted", "runner_hosted", "runner of your own"},
		{ambient, "plain", "", ""},
		{key, "plain", "", ""},
		{key, "hosted", "", ""},
		{key, "old", "runner_too_old", "update the runner"},
		{key, "build", "", ""},
		{web, "hosted", "", ""},
		{web, "old", "", ""},
	} {
		name := string(c.mode) + "-" + c.runner
		id := r.runners[c.runner].ID
		check := func(moment string, err error) {
			t.Helper()
			var e *pullpass.Error
			if c.code == "" {
				if err != nil {
					t.Errorf("%s, %s: %v", name, moment, err)
				}
				return
			}
			if !errors.As(err, &e) || e.Kind != pullpass.Invalid || e.Code != c.code || !strings.Contains(e.Cause, "runner "+c.runner) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("%s, %s: %v, want %s with a hint of %q", name, moment, err, c.code, c.hint)
			}
		}
		_, err := r.integration(name+"-selected", c.mode, id)
		check("an integration is saved for it", err)
		all, err := r.integration(name, c.mode)
		must(t, err)
		selected := []pullpass.RunnerID{id}
		_, err = r.o.UpdateIntegration(t.Context(), all.ID, pullpass.IntegrationChange{Runners: &selected})
		check("it is selected later", err)
		all, err = r.integration(name+"-all", c.mode)
		must(t, err)
		path := strings.ToLower(name)
		reg := pullpass.Registry{Project: r.project.ID, Name: name, Host: ecrHost, PathPrefix: path, Auth: pullpass.AuthIntegration, Integration: all.ID}
		only := reg
		only.Name, only.PathPrefix, only.Runners = name+"-only", path+"-only", selected
		_, err = r.o.CreateRegistry(t.Context(), only, pullpass.Secret{})
		check("a registry is saved for it", err)
		made, err := r.o.CreateRegistry(t.Context(), reg, pullpass.Secret{})
		must(t, err)
		_, err = r.o.CreateEnvironment(t.Context(), pullpass.Environment{Project: r.project.ID, Runner: id, Name: name, Services: []pullpass.Service{
			{Name: "proxy", Image: "nginx:1"}, {Name: "web", Image: ecrHost + "/" + path + "/app:1"}}})
		check("an environment is created", err)
		_, err = r.o.UpdateRegistry(t.Context(), made.ID, pullpass.RegistryChange{Runners: &selected})
		check("a registry's runners are selected later", err)
	}
}

// The same for a registry that no integration stands behind: it is opened by the
// runner's own identity.
func TestRunnerNativeRegistriesAndRunners(t *testing.T) {
	r := newRulesWorld(t)
	for _, c := range []struct {
		runner, code string // no code: it goes
		hint         string
	}{
		{"native", "", ""},
		{"plain", "runner_no_identity", "instance profile"},
		{"waiting", "runner_no_identity", "start it"},
		{"hosted", "runner_hosted", "runner of your own"},
		{"old", "runner_no_identity", "integration"},
	} {
		selected := []pullpass.RunnerID{r.runners[c.runner].ID}
		check := func(moment string, err error) {
			t.Helper()
			var e *pullpass.Error
			fits := err == nil
			if c.code != "" {
				fits = errors.As(err, &e) && e.Kind == pullpass.Invalid && e.Code == c.code && strings.Contains(e.Cause, "runner "+c.runner) && strings.Contains(e.Hint, c.hint)
			}
			if !fits {
				t.Errorf("%s, %s: %v, want %q with a hint of %q", c.runner, moment, err, c.code, c.hint)
			}
		}
		reg := pullpass.Registry{Project: r.project.ID, Name: c.runner, Host: ecrHost, PathPrefix: c.runner, Auth: pullpass.AuthRunnerNative}
		only := reg
		only.Name, only.PathPrefix, only.Runners = reg.Name+"-only", reg.PathPrefix+"-only", selected
		_, err := r.o.CreateRegistry(t.Context(), only, pullpass.Secret{})
		check("it is saved", err)
		made, err := r.o.CreateRegistry(t.Context(), reg, pullpass.Secret{})
		must(t, err)
		_, err = r.o.CreateEnvironment(t.Context(), pullpass.Environment{Project: r.project.ID, Runner: selected[0], Name: c.runner,
			Services: []pullpass.Service{{Name: "web", Image: ecrHost + "/" + c.runner + "/app:1"}}})
		check("an environment is created", err)
		_, err = r.o.UpdateRegistry(t.Context(), made.ID, pullpass.RegistryChange{Runners: &selected})
		check("a runner is selected", err)
	}
}

// An ECR host that nothing else was said of gets runner-native where every runner
// in question can open it.
func TestRunnerNativeIsFilledIn(t *testing.T) {
	r := newRulesWorld(t)
	for _, c := range []struct {
		name    string
		host    string
		runners []string
		want    pullpass.Auth
		says    string
	}{
		{"selected", ecrHost, []string{"native"}, pullpass.AuthRunnerNative, ""},
		{"all", ecrHost, nil, "", "integration"},
		{"one-has-none", ecrHost, []string{"native", "plain"}, "", "select runners that have an AWS identity"},
		{"elsewhere", "ghcr.io", []string{"native"}, "", "username and password"},
		{"public", "public.ecr.aws", []string{"native"}, "", "username and password"},
	} {
		reg := pullpass.Registry{Project: r.project.ID, Name: c.name, Host: c.host, PathPrefix: c.name}
		for _, name := range c.runners {
			reg.Runners = append(reg.Runners, r.runners[name].ID)
		}
		made, err := r.o.CreateRegistry(t.Context(), reg, pullpass.Secret{})
		if made.Auth != c.want || (err == nil) != (c.want != "") || (err != nil && !strings.Contains(pullpass.Explain(err), c.says)) {
			t.Errorf("%s: %q, %v, want %q, or a hint of %q", c.name, made.Auth, err, c.want, c.says)
		}
	}
	for name, runner := range r.runners {
		if name != "native" {
			must(t, r.o.DeleteRunner(t.Context(), runner.ID))
		}
	}
	made, err := r.o.CreateRegistry(t.Context(), pullpass.Registry{Name: "everywhere", Host: ecrHost}, pullpass.Secret{})
	if err != nil || made.Auth != pullpass.AuthRunnerNative {
		t.Errorf("with runners that all have an identity: %q, %v", made.Auth, err)
	}
	made, err = r.o.CreateRegistry(t.Context(), pullpass.Registry{Name: "basic", Host: "ghcr.io", Username: "ada"}, pullpass.NewSecret("x"))
	if err != nil || made.Auth != pullpass.AuthBasic {
		t.Errorf("with a username and password: %q, %v", made.Auth, err)
	}
}
