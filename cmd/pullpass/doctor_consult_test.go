package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/doctor"
)

// consultation is a row that takes a server: the illness, found by a command that
// prints a diagnosis, and its cure.
type consultation struct {
	name    string
	symptom string
	result  string // of the step: failed, or warning where the pull works all the same
	fix     string // part of it
	ill     func(c *clinic) []string
	cure    func(c *clinic) []string // nil: the same command again
}

func consultations() []consultation {
	try := func(name string) []string {
		return []string{"registry", "test", name, "--repository", "team/app", "--tag", "1"}
	}
	return []consultation{
		{name: "the name is not public", symptom: "name_not_public", result: "failed", fix: "spelling",
			ill: func(c *clinic) []string {
				privateDNS(c.t)
				c.pullpass(0, "canary-right", "registry", "add", "lost", "--host", "lost.example.com", "--username", "ada")
				return try("lost")
			},
			cure: func(c *clinic) []string {
				at := basicRegistry(c.t)
				c.restart(func(s *config.Server) { s.Hosts = append(s.Hosts, "host="+at+",registry=http://"+at) })
				c.pullpass(0, "canary-right", "registry", "add", "right", "--host", at, "--username", "ada")
				return try("right")
			}},
		{name: "the operator has not allowed the address", symptom: "egress_forbidden", result: "failed", fix: "allow",
			ill: func(c *clinic) []string {
				at := basicRegistry(c.t)
				c.restart(func(s *config.Server) {
					s.AllowEgress = nil
					s.Hosts = append(s.Hosts, "host="+at+",registry=http://"+at)
				})
				c.pullpass(0, "canary-right", "registry", "add", "inner", "--host", at, "--username", "ada")
				return try("inner")
			},
			cure: func(c *clinic) []string {
				c.restart(func(s *config.Server) { s.AllowEgress = []string{"127.0.0.1"} })
				return nil
			}},
		{name: "the server's own identity is not lent", symptom: "ambient_not_lent", result: "failed", fix: "--lend-identity",
			ill: func(c *clinic) []string {
				c.pullpass(0, "", "integration", "add", "own", "--region", sickHome, "--ambient")
				c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--integration", "own")
				return try("ecr")
			},
			cure: func(c *clinic) []string {
				c.restart(func(s *config.Server) { s.LendIdentity = true })
				return nil
			}},
		{name: "a user who may not federate", symptom: "unscoped", result: "warning", fix: "sts:GetFederationToken",
			ill: func(c *clinic) []string {
				c.pullpass(0, keyText("well"), "integration", "add", "wide", "--region", sickHome, "--access-key-id", keyID("well"))
				c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--integration", "wide")
				return try("ecr")
			},
			cure: func(c *clinic) []string {
				c.userPolicy("well", `{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}`)
				return nil
			}},
		{name: "only a runner has the identity", symptom: "runner_native", result: "failed", fix: "--runner",
			ill: func(c *clinic) []string {
				c.pullpass(0, "", "project", "create", "payments")
				c.pullpass(0, "", "registry", "add", "ecr", "--project", "payments", "--host", c.host, "--runner-native")
				return []string{"doctor", c.host + "/team/app:1", "--project", "payments"}
			},
			// With that identity, on the machine that has it.
			cure: func(c *clinic) []string { return []string{"doctor", c.host + "/team/app:1"} }},
		{name: "no provider for the tokens", symptom: "web_identity", result: "failed", fix: "",
			ill: func(c *clinic) []string {
				c.pullpass(0, "", "integration", "add", "web", "--region", sickHome, "--web-identity", "--role", "arn:aws:iam::111111111111:role/web")
				c.pullpass(0, "", "registry", "add", "ecr", "--host", c.host, "--integration", "web")
				return try("ecr")
			},
			cure: func(c *clinic) []string { c.trustServer(); return nil }},
		{name: "policies of both sides lack a statement", symptom: "policy", result: "failed", fix: "repository/team/closed",
			ill: func(c *clinic) []string {
				c.as("reading")
				return []string{"doctor", c.host + "/team/closed:1", "--endpoint-url", c.box.Endpoint()}
			},
			cure: func(c *clinic) []string {
				c.userPolicy("reading", pullStatements)
				c.repositoryPolicy("team/closed", document(ownPolicy))
				return nil
			}},
	}
}

// trustServer is the account's administrator, who follows the fix.
func (c *clinic) trustServer() {
	c.t.Helper()
	id, err := c.client.Identity(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	admin := iam.NewFromConfig(c.ward.config(platformAdminID, platformAdminKey, sickHome))
	if _, err := admin.CreateOpenIDConnectProvider(c.t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: awssdk.String(id.Issuer), ClientIDList: []string{"sts.amazonaws.com"}}); err != nil {
		c.t.Fatal(err)
	}
	provider := strings.TrimPrefix(id.Issuer, "http://")
	trust := document(fmt.Sprintf(`{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/%s"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"%s:aud":"sts.amazonaws.com"},"StringLike":{"%s:sub":"*"}}}`, provider, provider, provider))
	if _, err := admin.UpdateAssumeRolePolicy(c.t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: awssdk.String("web"), PolicyDocument: awssdk.String(trust)}); err != nil {
		c.t.Fatal(err)
	}
}

// diagnose runs a command that prints a diagnosis as JSON.
func (c *clinic) diagnose(args ...string) api.Diagnosis {
	c.t.Helper()
	var out, talk bytes.Buffer
	code := run(c.t.Context(), append([]string{"--json"}, args...), strings.NewReader(""), &out, &talk)
	var d api.Diagnosis
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		c.t.Fatalf("pullpass %v: exit code %d, %v\n%s%s", args, code, err, out.String(), talk.String())
	}
	if d.Healthy != (code == exitDone) || strings.Contains(out.String()+talk.String(), "canary") {
		c.t.Errorf("pullpass %v: exit code %d, healthy %t, or a secret is shown\n%s%s", args, code, d.Healthy, out.String(), talk.String())
	}
	return d
}

func stepWith(d api.Diagnosis, symptom, result string) (api.DiagnosisStep, bool) {
	for _, s := range d.Steps {
		if s.Symptom == symptom && string(s.Result) == result {
			return s, true
		}
	}
	return api.DiagnosisStep{}, false
}

func TestDoctorFindsWhatTakesAServer(t *testing.T) {
	for _, v := range consultations() {
		t.Run(v.name, func(t *testing.T) {
			c := newClinic(t)
			args := v.ill(c)
			d := c.diagnose(args...)
			found, ok := stepWith(d, v.symptom, v.result)
			if !ok || d.Healthy != (v.result == "warning") || found.Cause == "" || found.Fix == "" || !strings.Contains(found.Fix, v.fix) {
				t.Fatalf("%v = %+v, want the symptom %s (%s) with the fix %q", args, d, v.symptom, v.result, v.fix)
			}
			if other := v.cure(c); other != nil {
				args = other
			}
			d = c.diagnose(args...)
			if _, ok := stepWith(d, v.symptom, v.result); ok || !d.Healthy {
				t.Errorf("after the cure: %v = %+v", args, d)
			}
		})
	}
}

// TestEverySymptomHasAVisit fails when the table gets a row that no test produces,
// and when a visit is for a row that is gone.
func TestEverySymptomHasAVisit(t *testing.T) {
	seen := visited()
	for _, s := range doctor.Symptoms() {
		if !seen[s.Code] && !s.FromText { // internal/doctor has a message for each of those
			t.Errorf("no test produces %s: %s", s.Code, s.Seen)
		}
		delete(seen, s.Code)
	}
	for code := range seen {
		t.Errorf("%s is no row of the table", code)
	}
}
