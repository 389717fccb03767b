package httpapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

const aRole = "arn:aws:iam::222222222222:role/pull"

// What AWS would refuse at the first pull is refused when it is saved, all of it
// at once.
func TestIntegrationChains(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	hop := func(h pullpass.RoleHop) []pullpass.RoleHop { return []pullpass.RoleHop{h} }
	for n, c := range []struct {
		what  string
		mode  pullpass.IntegrationMode
		chain []pullpass.RoleHop
		wants []string // parts of the cause; none: it is saved
	}{
		{"a role", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: aRole, ExternalID: "acme-1", SourceIdentity: "pullpass", SessionTags: map[string]string{"team": "a b"}}), nil},
		{"a role below a path", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: "arn:aws:iam::222222222222:role/ci/pull"}), nil},
		{"two roles", pullpass.ModeWebIdentity, []pullpass.RoleHop{{RoleARN: aRole}, {RoleARN: aRole, ExternalID: "x1"}}, nil},
		{"a web identity without a role", pullpass.ModeWebIdentity, nil, []string{"needs a role"}},
		{"a user", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: "arn:aws:iam::222222222222:user/ada"}), []string{"role 1 is not the ARN"}},
		{"a session", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: "arn:aws:sts::222222222222:assumed-role/pull/x"}), []string{"role 1 is not the ARN"}},
		{"eleven digits", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: "arn:aws:iam::22222222222:role/pull"}), []string{"not the ARN"}},
		{"a line break", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: aRole + "\n"}), []string{"not the ARN"}},
		{"a wildcard", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: "arn:aws:iam::222222222222:role/*"}), []string{"not the ARN"}},
		{"a token with an external id", pullpass.ModeWebIdentity, hop(pullpass.RoleHop{RoleARN: aRole, ExternalID: "x1"}), []string{"assumed with a token"}},
		{"a short external id", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: aRole, ExternalID: "x"}), []string{"external id"}},
		{"a reserved source identity", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: aRole, SourceIdentity: "aws:me"}), []string{"source identity"}},
		{"a reserved tag", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: aRole, SessionTags: map[string]string{"AWS:x": "y"}}), []string{"session tag"}},
		{"a tag with a control character", pullpass.ModeAmbient, hop(pullpass.RoleHop{RoleARN: aRole, SessionTags: map[string]string{"x": "\x1b"}}), []string{"session tag"}},
		{"all at once", pullpass.ModeAmbient, []pullpass.RoleHop{{RoleARN: aRole, ExternalID: "x"}, {RoleARN: "arn:aws:s3:::a-bucket-of-ours", SourceIdentity: "!"}},
			[]string{"role 1 has an external id", "role 2 is not the ARN", "role 2 has a source identity"}},
	} {
		i := pullpass.Integration{Name: "i" + strings.Repeat("x", n), Region: "eu-west-1", Mode: c.mode, Chain: c.chain}
		made, err := o.CreateIntegration(t.Context(), i, pullpass.Secret{})
		var problem *pullpass.Error
		if (err == nil) != (c.wants == nil) || (err != nil && (!errors.As(err, &problem) || problem.Code != "integration_settings" || problem.Hint == "")) {
			t.Errorf("%s: %v, want refused: %t", c.what, err, c.wants != nil)
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(problem.Cause, want) {
				t.Errorf("%s: cause %q, want it to say %q", c.what, problem.Cause, want)
			}
		}
		if err == nil && c.mode == pullpass.ModeWebIdentity && made.Subject("*", "*") != "integration:"+string(made.ID)+":organization:"+string(o.org)+":project:*:environment:*" {
			t.Errorf("%s: subject %q", c.what, made.Subject("*", "*"))
		}
	}
	made, err := o.CreateIntegration(t.Context(), pullpass.Integration{Name: "later", Region: "eu-west-1", Mode: pullpass.ModeAmbient}, pullpass.Secret{})
	must(t, err)
	bad := hop(pullpass.RoleHop{RoleARN: "arn:aws:iam::222222222222:group/everybody"})
	_, err = o.UpdateIntegration(t.Context(), made.ID, pullpass.IntegrationChange{Chain: &bad})
	wantKind(t, "a chain that does not fit, later", err, pullpass.Invalid)
	elsewhere := "cn-north-1"
	with := hop(pullpass.RoleHop{RoleARN: aRole})
	_, err = o.UpdateIntegration(t.Context(), made.ID, pullpass.IntegrationChange{Chain: &with, Region: &elsewhere})
	wantKind(t, "a chain and a region that do not go together", err, pullpass.Invalid)
	keyID := "AKIAEXAMPLE222222222"
	_, err = o.UpdateIntegration(t.Context(), made.ID, pullpass.IntegrationChange{AccessKeyID: &keyID})
	wantKind(t, "half a key for a mode that stores none", err, pullpass.Invalid)
}

// Name, keys, region and roles are one attempt.
func TestIntegrationProblemsTogether(t *testing.T) {
	w := newWorld(t)
	_, err := w.first().CreateIntegration(t.Context(), pullpass.Integration{Name: "not a name", Region: "moon-west-1", Mode: pullpass.ModeAccessKey,
		Chain: []pullpass.RoleHop{{RoleARN: "arn:aws:iam::222222222222:user/ada"}}}, pullpass.Secret{})
	var problem *pullpass.Error
	if !errors.As(err, &problem) || problem.Kind != pullpass.Invalid {
		t.Fatalf("CreateIntegration = %v, want Invalid", err)
	}
	for _, want := range []string{"the name is not", "needs an access key id", "moon-west-1 is not a region", "role 1 is not the ARN"} {
		if !strings.Contains(problem.Cause, want) {
			t.Errorf("cause %q, want it to say %q", problem.Cause, want)
		}
	}
	for _, want := range []string{"another name", "web-identity", "role/pull"} {
		if !strings.Contains(problem.Hint, want) {
			t.Errorf("hint %q, want it to say %q", problem.Hint, want)
		}
	}
}

// A role of another partition is nobody there; an account is the identity's own.
func TestIntegrationPlaces(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	for name, c := range map[string]struct {
		mode                  pullpass.IntegrationMode
		region, account, role string
		want                  string // part of the cause; empty: it is saved
	}{
		"in-china":       {pullpass.ModeAmbient, "cn-north-1", "", "arn:aws-cn:iam::222222222222:role/pull", ""},
		"on-the-moon":    {pullpass.ModeAmbient, "moon-west-1", "", aRole, "moon-west-1 is not a region"},
		"wrong-part":     {pullpass.ModeAmbient, "us-gov-west-1", "", aRole, "role 1 is of the partition aws, and the region us-gov-west-1 of aws-us-gov"},
		"token-account":  {pullpass.ModeWebIdentity, "eu-west-1", "222222222222", aRole, ""},
		"other-account":  {pullpass.ModeWebIdentity, "eu-west-1", "111111111111", aRole, "account 111111111111 is not that of role 1, 222222222222"},
		"across-account": {pullpass.ModeAmbient, "eu-west-1", "111111111111", aRole, ""},
	} {
		_, err := o.CreateIntegration(t.Context(), pullpass.Integration{Name: name, Region: c.region, Account: c.account, Mode: c.mode,
			Chain: []pullpass.RoleHop{{RoleARN: c.role}}}, pullpass.Secret{})
		var problem *pullpass.Error
		if (err == nil) != (c.want == "") || (err != nil && (!errors.As(err, &problem) || problem.Code != "integration_settings" || !strings.Contains(problem.Cause, c.want))) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
