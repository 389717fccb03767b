package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/identity"
	"github.com/pullpass/pullpass/internal/parts"
)

var forAWS = api.IdentityTokenRequest{Audience: []string{"sts.amazonaws.com"}}

// assume trades a token for AWS credentials, as the SDK does, and returns the
// error's code.
func (a *awsBox) assume(t *testing.T, token string) string {
	t.Helper()
	_, err := sts.NewFromConfig(a.config(aws.AnonymousCredentials{})).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(rehearsedRole), RoleSessionName: aws.String("dev"), WebIdentityToken: aws.String(token)})
	if err == nil {
		return ""
	}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		t.Fatalf("AssumeRoleWithWebIdentity: %v", err)
	}
	return refusal.ErrorCode()
}

// proved makes a project of a repository that holds its challenge.
func (r *realWorld) proved(o *tenant, name, path string) (pullpass.Project, string) {
	r.t.Helper()
	address := r.repository(path, nil)
	p, err := o.CreateProject(r.t.Context(), pullpass.Project{Name: name, Repository: address})
	must(r.t, err)
	proof, err := o.Proof(r.t.Context(), p.ID)
	must(r.t, err)
	_, err = o.Prove(r.t.Context(), p.ID)
	wantKind(r.t, "proving without the file", err, pullpass.Conflict)
	r.push(path, map[string]string{proof.File: "# ours\n" + proof.Content + "\n"})
	proof, err = o.Prove(r.t.Context(), p.ID)
	must(r.t, err)
	if !proof.Proved {
		r.t.Fatalf("Prove = %+v, want proved", proof)
	}
	return p, address
}

// The AWS SDK and CLI trade a token that an environment got through its agent
// socket at the sandbox, which checks it with the keys that it fetches over https.
func TestAWSTakesTheTokens(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, theirs := r.tenants()
	p, address := r.proved(ours, "app", "acme/app")
	inside := r.inside(ours, p.ID, "dev", "main")
	good, err := inside.AgentToken(t.Context(), forAWS)
	must(t, err)
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "https://"), "/")
	if want := "https://" + strings.Replace(host, ":", "%3A", 1) + "/acme/app/tree/main"; good.Subject != want {
		t.Errorf("subject %q, want %q", good.Subject, want)
	}
	a := r.rehearse(ours.org, strings.TrimSuffix(good.Subject, "/tree/main"))
	if code := a.assume(t, good.Token.Secret().Reveal()); code != "" {
		t.Fatalf("the SDK with the environment's token: %s", code)
	}
	cli := func(token string) (string, error) {
		cmd := exec.CommandContext(t.Context(), parts.AWS(t), "--endpoint-url", a.Endpoint(), "sts", "assume-role-with-web-identity",
			"--role-arn", rehearsedRole, "--role-session-name", "dev", "--web-identity-token", token)
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true"}
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	if text, err := cli(good.Token.Secret().Reveal()); err != nil || !strings.Contains(text, `"SessionToken"`) {
		t.Errorf("the CLI with the environment's token: %v: %s", err, text)
	}

	wrongAudience, err := inside.AgentToken(t.Context(), api.IdentityTokenRequest{Audience: []string{"vault.example"}})
	must(t, err)
	other, _ := r.proved(ours, "other", "acme/other")
	wrongSubject, err := r.inside(ours, other.ID, "other", "main").AgentToken(t.Context(), forAWS)
	must(t, err)
	their, _ := r.proved(theirs, "app", "globex/app")
	wrongIssuer, err := r.inside(theirs, their.ID, "dev", "main").AgentToken(t.Context(), forAWS)
	must(t, err)
	for _, c := range []struct {
		name, token, code string
		ahead             time.Duration
	}{
		{"wrong audience", wrongAudience.Token.Secret().Reveal(), "InvalidIdentityToken", 0},
		{"wrong subject", wrongSubject.Token.Secret().Reveal(), "AccessDenied", 0},
		{"wrong issuer", wrongIssuer.Token.Secret().Reveal(), "InvalidIdentityToken", 0},
		{"expired", good.Token.Secret().Reveal(), "ExpiredTokenException", 2 * time.Hour},
	} {
		a.clock.forward(c.ahead)
		if got := a.assume(t, c.token); got != c.code {
			t.Errorf("%s: the SDK gets %q, want %s", c.name, got, c.code)
		}
		if text, err := cli(c.token); err == nil || !strings.Contains(text, c.code) {
			t.Errorf("%s: the CLI says %q, want %s", c.name, text, c.code)
		}
	}
}

// Nobody gets a subject that a trust policy for somebody's repository accepts, but
// the project that has proved that the repository is its own.
func TestASubjectIsEarned(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, theirs := r.tenants()
	victim, address := r.proved(ours, "app", "acme/app")
	inside := r.inside(ours, victim.ID, "dev", "main")
	good, err := inside.AgentToken(t.Context(), forAWS)
	must(t, err)
	repository := strings.TrimSuffix(good.Subject, "/tree/main")
	a, b := r.rehearse(ours.org, repository), r.rehearse(theirs.org, repository)
	if code := a.assume(t, good.Token.Secret().Reveal()); code != "" {
		t.Fatalf("the rightful project: %s; the rest would prove nothing", code)
	}
	project := func(o *tenant, name, repository string) pullpass.Project {
		t.Helper()
		p, err := o.CreateProject(t.Context(), pullpass.Project{Name: name, Repository: repository})
		must(t, err)
		_, err = o.Proof(t.Context(), p.ID) // it has a challenge of its own, which is not in the repository
		must(t, err)
		if _, err := o.Prove(t.Context(), p.ID); err == nil {
			t.Errorf("%s: somebody else's repository was proved", name)
		}
		return p
	}
	fork := r.repository("evil/app", map[string]string{".pullpass-challenge": r.fileOf("acme/app")})
	local, err := ours.CreateProject(t.Context(), pullpass.Project{Name: "local"})
	must(t, err)
	for _, c := range []struct {
		name    string
		o       *tenant
		project pullpass.Project
		ref     string
	}{
		{"another organization names it", theirs, project(theirs, "stolen", address), "main"},
		{"another project of the organization names it", ours, project(ours, "copy", address), "main"},
		{"with .git behind it", theirs, project(theirs, "suffix", address+".git"), ""},
		{"a fork that holds the victim's challenge", theirs, project(theirs, "fork", fork), "main"},
		{"a path that leads there", theirs, project(theirs, "dots", r.git+"/evil/../acme/app"), ""},
		{"an escaped path", theirs, project(theirs, "escaped", r.git+"/acme%2Fapp"), ""},
		{"another spelling", theirs, project(theirs, "slash", address+"/"), ""},
		{"a local directory", ours, local, ""},
	} {
		token, err := r.inside(c.o, c.project.ID, c.project.Name+"-env", c.ref).AgentToken(t.Context(), forAWS)
		must(t, err)
		if !strings.HasPrefix(token.Subject, "unproved:") || strings.Contains(token.Subject, "acme") {
			t.Errorf("%s: subject %q", c.name, token.Subject)
		}
		for _, box := range []*awsBox{a, b} {
			if code := box.assume(t, token.Token.Secret().Reveal()); code == "" {
				t.Errorf("%s: the role of the repository was assumed", c.name)
			}
		}
		claims := decodeClaims(t, token.Token.Secret().Reveal())
		for _, claim := range []string{"repository", "ref", "commit"} {
			if _, there := claims[claim]; there {
				t.Errorf("%s: the token has the claim %s", c.name, claim)
			}
		}
	}
	claims := decodeClaims(t, good.Token.Secret().Reveal())
	if claims["commit"] != r.sh(r.repos+"/acme/app", "git", "rev-parse", "main") || claims["ref"] != "main" {
		t.Errorf("claims %v, want the commit that main is at", claims)
	}
	// What is named in a request counts for nothing: the socket knows one environment.
	_, err = inside.IdentityToken(t.Context(), pullpass.NewEnvironmentID(), forAWS)
	wantKind(t, "the runner's route on the agent socket", err, pullpass.NotFound)
	if _, err := ours.CreateEnvironment(t.Context(), pullpass.Environment{Project: victim.ID, Name: "no", Ref: "nowhere", Services: []pullpass.Service{{Name: "web", Image: "alpine"}}}); err == nil {
		t.Error("an environment of a ref that is not there was created")
	}
}

func (r *realWorld) fileOf(path string) string {
	return r.sh(r.repos+"/"+path, "git", "show", "main:.pullpass-challenge")
}

func decodeClaims(t *testing.T, token string) map[string]any {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	claims := map[string]any{}
	must(t, json.Unmarshal(data, &claims))
	return claims
}

// A proof ends when the file is gone: repositories change hands.
func TestAProofIsLookedAtAgain(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p, err := o.CreateProject(t.Context(), pullpass.Project{Name: "app", Repository: "https://git.example/acme/app"})
	must(t, err)
	_, err = o.Proof(t.Context(), p.ID)
	must(t, err)
	_, err = o.Prove(t.Context(), p.ID)
	must(t, err)
	r, _ := o.joined("one")
	made := 0
	proved := func() bool {
		t.Helper()
		made++
		o.environment(p.ID, r.ID, "dev-"+strings.Repeat("x", made))
		now, err := o.Project(t.Context(), p.ID)
		must(t, err)
		return now.OwnershipProved
	}
	w.git.set(nil, true)
	if !proved() {
		t.Error("the proof ended within the day that it is good for")
	}
	w.clock.forward(25 * time.Hour)
	w.git.set(&pullpass.Error{Kind: pullpass.Unavailable, What: "down"}, false)
	if !proved() {
		t.Error("the proof ended because the Git host does not answer")
	}
	w.git.set(nil, true)
	if proved() {
		t.Error("the proof stands, and the file is gone")
	}
	w.git.set(nil, false)
	for _, c := range []struct {
		what  string
		after time.Duration
		err   error
		empty bool
		want  bool
	}{
		{"the file is there", 25 * time.Hour, nil, false, true},
		{"the host is away for a week", 7 * 24 * time.Hour, &pullpass.Error{Kind: pullpass.Unavailable}, false, true},
		{"the host is away for two months", 60 * 24 * time.Hour, &pullpass.Error{Kind: pullpass.Unavailable}, false, false},
		{"the file is gone", 25 * time.Hour, nil, true, false},
		{"the repository is closed", 25 * time.Hour, &pullpass.Error{Kind: pullpass.Invalid}, false, false},
	} {
		w.git.set(nil, false)
		_, err := o.Prove(t.Context(), p.ID)
		must(t, err)
		w.clock.forward(c.after)
		w.git.set(c.err, c.empty)
		must(t, w.RenewProofs(t.Context()))
		now, err := o.Project(t.Context(), p.ID)
		if err != nil || now.OwnershipProved != c.want {
			t.Errorf("%s: proved %v, %v, want %v", c.what, now.OwnershipProved, err, c.want)
		}
	}
}

// Discovery and keys are there for organizations that are, and the same 404 for
// those that are not.
func TestProviderRoutes(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks.json"} {
		got := w.raw(http.MethodGet, "/o/"+string(o.org)+path, "", "")
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Cache-Control"), "public, max-age=") || got.header.Get("Content-Type") != api.ContentType {
			t.Errorf("GET %s = %d, %v", path, got.status, got.header)
		}
		for _, private := range []string{`"d":`, `"p":`, `"q":`} {
			if strings.Contains(got.body, private) {
				t.Errorf("%s holds a private member", path)
			}
		}
		missing := w.raw(http.MethodGet, "/o/"+string(pullpass.NewOrganizationID())+path, "", "")
		wantProblem(t, "an organization that is not there", missing, http.StatusNotFound, pullpass.NotFound)
		for _, org := range []string{"x", "org_", strings.ToUpper(string(o.org)), string(o.org) + "0"} {
			if got := w.raw(http.MethodGet, "/o/"+org+path, "", ""); got.status != missing.status || got.body != missing.body {
				t.Errorf("GET /o/%s%s = %d %s, want the same as for one that is not there", org, path, got.status, got.body)
			}
		}
	}
	id, err := o.Identity(t.Context())
	must(t, err)
	if id.Issuer != "https://pullpass.example/o/"+string(o.org) || id.Subject != "repository" {
		t.Errorf("Identity = %+v", id)
	}
	id, err = o.SetSubject(t.Context(), "project:{project_id}:ref:{ref}")
	if err != nil || id.Subject != "project:{project_id}:ref:{ref}" {
		t.Errorf("SetSubject = %+v, %v", id, err)
	}
	_, err = o.SetSubject(t.Context(), "{repository}/*")
	wantKind(t, "a template with a wildcard", err, pullpass.Invalid)
}

// A token leaves only after its record, and the record never holds it.
func TestIdentityTokensAreRecordedFirst(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	r, token := o.joined("one")
	e := o.environment(o.project("app").ID, r.ID, "dev")
	c := w.as(token)
	w.door.fail(&pullpass.Error{Kind: pullpass.Unavailable, What: "the disk is full"})
	_, err := c.IdentityToken(t.Context(), e.ID, forAWS)
	wantKind(t, "with the audit door failing", err, pullpass.Unavailable)
	w.door.fail(nil)
	issued, err := c.IdentityToken(t.Context(), e.ID, forAWS)
	must(t, err)
	for event, err := range o.AllEvents(t.Context(), pullpass.EventFilter{Action: "identity.issue"}) {
		must(t, err)
		if event.Detail["jti"] != issued.ID || event.Detail["subject"] != issued.Subject || event.Detail["audience"] != "sts.amazonaws.com" || event.Environment != e.ID || event.Caller.ID != string(r.ID) {
			t.Errorf("record %+v, want it to say who, for whom and which", event)
		}
		text, err := json.Marshal(event)
		must(t, err)
		if strings.Contains(string(text), issued.Token.Secret().Reveal()) {
			t.Error("the record holds the token")
		}
	}
	_, err = o.StopEnvironment(t.Context(), e.ID)
	must(t, err)
	_, err = c.IdentityToken(t.Context(), e.ID, forAWS)
	wantKind(t, "an environment that is not wanted", err, pullpass.Conflict)
	for _, audience := range [][]string{nil, {""}, {"a b"}, {strings.Repeat("a", 600)}} {
		_, err := c.IdentityToken(t.Context(), e.ID, api.IdentityTokenRequest{Audience: audience})
		if err == nil {
			t.Errorf("audience %q was accepted", audience)
		}
	}
	_, err = client.New(w.url, client.WithToken(issued.Token.Secret()))
	must(t, err)
	_, err = w.as(issued.Token.Secret()).Self(t.Context())
	wantKind(t, "an identity token as a bearer of the API", err, pullpass.Unauthenticated)
}
