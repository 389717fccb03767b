package main

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass/api"
)

// A whole pull through an integration with a role: every step is told, in the order
// in which it is taken, on the server and on a runner.
func TestDoctorTellsEveryStep(t *testing.T) {
	c := newClinic(t)
	c.pullpass(0, keyText("well"), "integration", "add", "aws", "--region", sickHome, "--access-key-id", keyID("well"), "--role", pullRole, "--external-id", "org-1")
	c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--integration", "aws")
	c.beside("near", runnerFor(c))
	want := []string{"parse", "registry", "dns", "tcp", "tls", "identity", "role", "token", "v2", "manifest", "config", "layer", "layer"}
	for _, place := range []string{onServer, "near"} {
		text, _ := c.pullpass(0, "", "--json", "registry", "test", "ecr", "--repository", "team/app", "--tag", "1", "--runner", place)
		var d api.Diagnosis
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		var got []string
		policies := 0
		for _, s := range d.Steps {
			if s.Name == "policy" {
				policies++
				continue
			}
			if policies > 0 {
				t.Errorf("%s: step %s comes after the evaluator's word, which is the last", place, s.Name)
			}
			got = append(got, s.Name)
			if s.Name != "tls" && s.Result != api.StepOK { // a sandbox on a loopback port speaks plain http
				t.Errorf("%s: step %s is %s: %s", place, s.Name, s.Result, s.Cause)
			}
			if s.Detail == "" {
				t.Errorf("%s: step %s does not say what was found", place, s.Name)
			}
		}
		// One layer can be the first and the largest.
		if !cmp.Equal(got, want) && !cmp.Equal(got, want[:len(want)-1]) {
			t.Errorf("%s: the steps are %v, want %v", place, got, want)
		}
		if policies == 0 {
			t.Errorf("%s: nothing is said of policies", place)
		}
		if !d.Healthy || d.Millis <= 0 || d.Started.IsZero() {
			t.Errorf("%s: healthy %v, %v ms, began %v", place, d.Healthy, d.Millis, d.Started)
		}
	}
}

// Wherever a pull breaks, that step and the diagnosis say why and what to do, and
// what could not be tried any more is said to be skipped.
func TestDoctorSaysWhyAndWhatToDo(t *testing.T) {
	w := newWard(t)
	plain := basicRegistry(t)
	app := w.host + "/team/app:1"
	for _, p := range []struct {
		step, user string
		args       []string
	}{
		{"parse", "well", []string{w.host + "/Team/app:1"}},
		{"dns", "well", []string{"registry.invalid/team/app:1", "--anonymous"}},
		{"tcp", "well", []string{"127.0.0.1:1/team/app:1", "--anonymous"}},
		{"tls", "well", []string{plain + "/team/app:1", "--anonymous"}},
		{"role", "well", []string{app, "--role", pullRole}},
		{"token", "tokenless", []string{app}},
		{"manifest", "well", []string{w.host + "/team/none:1"}},
		{"manifest", "well", []string{w.host + "/team/app:none"}},
		{"config", "layerless", []string{w.host + "/team/closed:1"}},
	} {
		w.as(p.user)
		if p.step == "config" {
			w.repositoryPolicy("team/closed", document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"ecr:BatchGetImage"}`))
		}
		d, text := w.examine("", p.args...)
		i := slices.IndexFunc(d.Steps, func(s api.DiagnosisStep) bool { return s.Result == api.StepFailed })
		if i < 0 || d.Steps[i].Name != p.step {
			t.Errorf("doctor %v as %s: the first step that fails is not %s:\n%s", p.args, p.user, p.step, text)
			continue
		}
		if d.Cause != d.Steps[i].Cause || d.Fix != d.Steps[i].Fix || d.Symptom != d.Steps[i].Symptom {
			t.Errorf("doctor %v: the diagnosis says %q, %q, and its step %q, %q", p.args, d.Cause, d.Fix, d.Steps[i].Cause, d.Steps[i].Fix)
		}
		for _, s := range d.Steps {
			if s.Result == api.StepFailed && (s.Cause == "" || s.Fix == "" || s.Symptom == "") {
				t.Errorf("doctor %v: step %s fails with cause %q, fix %q, symptom %q, want all", p.args, s.Name, s.Cause, s.Fix, s.Symptom)
			}
		}
		if last := d.Steps[len(d.Steps)-1]; last.Name != "policy" && (last.Name != "layer" || last.Result != api.StepSkipped) {
			t.Errorf("doctor %v: ends with %s, %s, want the layers skipped", p.args, last.Name, last.Result)
		}
	}
	w.as("well")
	t.Setenv("AWS_SECRET_ACCESS_KEY", keyText("elsewhere"))
	if d, text := w.examine("", app); d.Healthy || d.Cause == "" || d.Fix == "" || !slices.ContainsFunc(d.Steps, func(s api.DiagnosisStep) bool { return s.Name == "identity" && s.Result == api.StepFailed }) {
		t.Errorf("with a wrong key: %s", text)
	}
}
