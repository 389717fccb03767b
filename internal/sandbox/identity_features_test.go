package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// code asks oathtool's algorithm in Python's standard library for an MFA code: an
// implementation that is not the sandbox's.
func mfaCode(t *testing.T, seed string) *string {
	t.Helper()
	const program = `import base64,hmac,struct,sys,time
h=hmac.new(base64.b32decode(sys.argv[1]),struct.pack(">Q",int(time.time())//30),"sha1").digest()
o=h[-1]&15
print("%06d"%((struct.unpack(">I",h[o:o+4])[0]&0x7fffffff)%1000000))`
	out := must[[]byte](t)(exec.CommandContext(t.Context(), "python3", "-c", program, seed).Output())
	return aws.String(strings.TrimSpace(string(out)))
}

// A session with MFA needs a device that exists and its code; every session says
// whether it has it.
func TestMFA(t *testing.T) {
	const seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	serial := aws.String("arn:aws:iam::222222222222:mfa/phone")
	cfg := defaultConfig()
	admin := &cfg.Accounts[1].Users[0]
	admin.MFADevices = []sandbox.MFADevice{{Name: "phone", Seed: sandbox.SecretKey{Secret: pullpass.NewSecret(seed)}}}
	admin.InlinePolicies = map[string]sandbox.Document{"mfa": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ecr:*","Resource":"*",
		"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}]}`}
	cfg.Accounts[1].Roles = []sandbox.Role{{Name: "careful", TrustPolicy: trusting("arn:aws:iam::222222222222:root",
		`,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), AttachedPolicies: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}}
	b := start(t, cfg)
	b.log.secret(seed)
	who, ctx := b.owner(), t.Context()
	if _, err := createRepository(t, who, "long/term"); err != nil {
		t.Errorf("a long-term key has no such key in its context: %v", err)
	}
	plain := must[*sts.GetSessionTokenOutput](t)(stsOf(who).GetSessionToken(ctx, nil))
	_, err := createRepository(t, b.session(plain.Credentials), "without/mfa")
	wantCode(t, "a session without MFA", err, "AccessDeniedException", "explicit deny")

	for what, in := range map[string]*sts.GetSessionTokenInput{
		"a device that is not there": {SerialNumber: aws.String("arn:aws:iam::222222222222:mfa/none"), TokenCode: mfaCode(t, seed)},
		"a wrong code":               {SerialNumber: serial, TokenCode: mfaCode(t, strings.Repeat("A", 32))},
		"no code":                    {SerialNumber: serial},
	} {
		_, err := stsOf(who).GetSessionToken(ctx, in)
		wantCode(t, what, err, "AccessDenied", "MultiFactorAuthentication failed")
	}
	with := must[*sts.GetSessionTokenOutput](t)(stsOf(who).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: mfaCode(t, seed)}))
	if _, err := createRepository(t, b.session(with.Credentials), "with/mfa"); err != nil {
		t.Errorf("a session with MFA: %v", err)
	}

	assume := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/careful"), RoleSessionName: aws.String("session")}
	_, err = stsOf(who).AssumeRole(ctx, assume)
	wantCode(t, "a role that wants MFA", err, "AccessDenied", "")
	assume.SerialNumber, assume.TokenCode = serial, mfaCode(t, seed)
	must[*sts.AssumeRoleOutput](t)(stsOf(who).AssumeRole(ctx, assume))
	devices := must[*iam.ListMFADevicesOutput](t)(iamOf(who).ListMFADevices(ctx, nil)).MFADevices
	wantEqual(t, "the device", aws.ToString(devices[0].SerialNumber), *serial)
}

// GitHub's trust policies are rehearsed offline: the keys come from a file.
func TestIssuerKeysFromAFile(t *testing.T) {
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "mine", Algorithm: "ES256", Use: "sig"}}}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, must[[]byte](t)(json.Marshal(set)), 0o600); err != nil {
		t.Fatal(err)
	}
	const github = "https://token.actions.githubusercontent.com"
	cfg := defaultConfig()
	cfg.Accounts[1].OIDCProviders = []sandbox.OIDCProvider{{URL: github, ClientIDs: []string{"sts.amazonaws.com"}, JWKS: file}}
	cfg.Accounts[1].Roles = []sandbox.Role{{Name: "ci", TrustPolicy: trustOf(githubTrust(`"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:team/app:ref:refs/heads/main"}`))}}
	b := start(t, cfg)
	claims := map[string]any{
		"iss": github, "aud": "sts.amazonaws.com", "sub": "repo:team/app:ref:refs/heads/main",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	assume := func(token string) error {
		_, err := stsOf(b.owner()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::222222222222:role/ci"), RoleSessionName: aws.String("session"), WebIdentityToken: aws.String(token),
		})
		return err
	}
	if err := assume(signToken(t, jose.ES256, key, "mine", claims)); err != nil {
		t.Errorf("a token of the file's key: %v", err)
	}
	other := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	wantCode(t, "another key", assume(signToken(t, jose.ES256, other, "mine", claims)), "InvalidIdentityToken", "verification key")
	claims["sub"] = "repo:team/app:ref:refs/heads/other"
	wantCode(t, "another branch", assume(signToken(t, jose.ES256, key, "mine", claims)), "AccessDenied", "")

	cfg.Accounts[1].OIDCProviders[0].JWKS = filepath.Join(t.TempDir(), "missing")
	if _, err := sandbox.New(cfg, sandbox.Options{}); err == nil || !strings.Contains(err.Error(), "reading its keys") {
		t.Errorf("a missing file: %v", err)
	}
	set.Keys[0].Key = key
	if err := os.WriteFile(file, must[[]byte](t)(json.Marshal(set)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Accounts[1].OIDCProviders[0].JWKS = file
	if _, err := sandbox.New(cfg, sandbox.Options{}); err == nil || !strings.Contains(err.Error(), "not a valid public key") {
		t.Errorf("a private key: %v", err)
	}
}

func githubTrust(condition string) string {
	return `{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Condition":{` + condition + `},
		"Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"}}`
}

// A trust in an issuer that signs for everybody has to test whose token it is, or
// AWS does not save it.
func TestSharedIssuerNeedsItsSubject(t *testing.T) {
	const issuer = "token.actions.githubusercontent.com"
	b := start(t, defaultConfig())
	for i, test := range []struct {
		condition string
		saved     bool
	}{
		{`"StringLike":{"` + issuer + `:sub":"repo:team/*"}`, true},
		{`"StringEquals":{"` + strings.ToUpper(issuer) + `:SUB":"repo:team/app:ref:refs/heads/main"}`, true},
		{`"StringEquals":{"` + issuer + `:aud":"sts.amazonaws.com"}`, false},
		{`"StringNotEquals":{"` + issuer + `:sub":"repo:team/app"}`, false},
		{`"StringEqualsIfExists":{"` + issuer + `:sub":"repo:team/app"}`, false},
	} {
		_, err := iamOf(b.owner()).CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: aws.String("ci" + string(rune('a'+i))), AssumeRolePolicyDocument: aws.String(string(trustOf(githubTrust(test.condition)))),
		})
		if test.saved && err != nil {
			t.Errorf("%s: %v", test.condition, err)
		} else if !test.saved {
			wantCode(t, test.condition, err, "MalformedPolicyDocument", issuer+":sub")
		}
	}
}

// Session tags and a source identity in the token need their permissions, and
// become the session's.
func TestTokenTags(t *testing.T) {
	idp := newIssuer(t)
	host := strings.TrimPrefix(idp.url, "http://")
	trust := func(actions string) sandbox.Document {
		return trustOf(`{"Effect":"Allow","Action":` + actions + `,"Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + host + `"},
			"Condition":{"StringEquals":{"` + host + `:aud":"sts.amazonaws.com"}}}`)
	}
	allowBlue := map[string]sandbox.Document{"blue": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*",
		"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}]}`}
	cfg := defaultConfig()
	cfg.Accounts[1].OIDCProviders = []sandbox.OIDCProvider{{URL: idp.url, ClientIDs: []string{"sts.amazonaws.com"}}}
	cfg.Accounts[1].Roles = []sandbox.Role{
		{Name: "plain", TrustPolicy: trust(`"sts:AssumeRoleWithWebIdentity"`), InlinePolicies: allowBlue},
		{Name: "tags", TrustPolicy: trust(`["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`), InlinePolicies: allowBlue},
		{Name: "all", TrustPolicy: trust(`["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]`), InlinePolicies: allowBlue},
	}
	b := start(t, cfg)
	const claim = "https://aws.amazon.com/tags"
	nested := map[string]any{claim: map[string]any{"principal_tags": map[string]any{"team": []string{"blue"}}, "transitive_tag_keys": []string{"team"}}}
	flat := map[string]any{claim + "/principal_tags/team": []string{"blue"}}
	red := map[string]any{claim: map[string]any{"principal_tags": map[string]any{"team": []string{"red"}}}}
	source := map[string]any{"https://aws.amazon.com/source_identity": "alice"}
	for _, test := range []struct {
		name, role, code string
		claims           map[string]any
		works            bool // the session may do what its tag opens
	}{
		{"no tags", "plain", "", nil, false},
		{"tags without TagSession", "plain", "AccessDenied", nested, false},
		{"nested", "tags", "", nested, true},
		{"flattened", "tags", "", flat, true},
		{"another value", "tags", "", red, false},
		{"two values", "tags", "InvalidIdentityToken", map[string]any{claim: map[string]any{"principal_tags": map[string]any{"team": []string{"a", "b"}}}}, false},
		{"AWS's own tag", "tags", "InvalidIdentityToken", map[string]any{claim: map[string]any{"principal_tags": map[string]any{"aws:x": []string{"a"}}}}, false},
		{"another form", "tags", "InvalidIdentityToken", map[string]any{claim: "team=blue"}, false},
		{"source identity without its permission", "tags", "AccessDenied", source, false},
		{"source identity", "all", "", source, false},
		{"source identity that is not text", "all", "InvalidIdentityToken", map[string]any{"https://aws.amazon.com/source_identity": 7}, false},
	} {
		claims := idp.claims()
		maps.Copy(claims, test.claims)
		out, err := stsOf(b.owner()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::222222222222:role/" + test.role), RoleSessionName: aws.String("session"),
			WebIdentityToken: aws.String(idp.token(t, jose.ES256, claims)),
		})
		if test.code != "" {
			wantCode(t, test.name, err, test.code, "")
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		_, err = createRepository(t, b.session(out.Credentials), "team/"+strings.ReplaceAll(strings.ToLower(test.name), " ", "-"))
		if (err == nil) != test.works {
			t.Errorf("%s: what the tag opens gives %v, want it to work: %v", test.name, err, test.works)
		}
	}
}
