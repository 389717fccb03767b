package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
)

// webIdentityRole makes a role in the owner's account that trusts the issuer
// for one audience and one repository.
func (b *box) webIdentityRole(t *testing.T, idp *issuer) {
	t.Helper()
	host := strings.TrimPrefix(idp.url, "http://")
	client := iamOf(b.owner())
	must[*iam.CreateOpenIDConnectProviderOutput](t)(client.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String(idp.url), ClientIDList: []string{"sts.amazonaws.com", "registered"},
	}))
	must[*iam.CreateRoleOutput](t)(client.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("ci"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
		 "Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + host + `"},
		 "Condition":{"StringEquals":{"` + host + `:aud":"sts.amazonaws.com"},"StringLike":{"` + host + `:sub":"https://github.com/team/app/tree/*"}}}]}`),
	}))
}

func TestWebIdentity(t *testing.T) {
	b := start(t, defaultConfig())
	idp := newIssuer(t)
	b.webIdentityRole(t, idp)
	stranger := newIssuer(t)
	forged := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	publicKey := must[[]byte](t)(x509.MarshalPKIXPublicKey(idp.keys[jose.RS256].Public()))
	hour := int32(3600)
	const (
		role   = "arn:aws:iam::222222222222:role/ci"
		denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	)
	with := func(change map[string]any) map[string]any {
		c := idp.claims()
		maps.Copy(c, change)
		return c
	}
	without := func(claim string) map[string]any {
		c := idp.claims()
		delete(c, claim)
		return c
	}
	tests := []struct {
		name, role, token string
		seconds           *int32
		code, message     string // empty: allowed
	}{
		{name: "good", token: idp.token(t, jose.RS256, idp.claims())},
		{name: "RS384", token: idp.token(t, jose.RS384, idp.claims())},
		{name: "RS512", token: idp.token(t, jose.RS512, idp.claims())},
		{name: "ES256", token: idp.token(t, jose.ES256, idp.claims())},
		{name: "ES384", token: idp.token(t, jose.ES384, idp.claims())},
		{name: "ES512", token: idp.token(t, jose.ES512, idp.claims())},
		{name: "issuer without a provider", token: stranger.token(t, jose.RS256, stranger.claims()), code: "InvalidIdentityToken", message: "No OpenIDConnect provider found in your account for " + stranger.url},
		{name: "issuer with a slash", token: idp.token(t, jose.RS256, with(map[string]any{"iss": idp.url + "/"})), code: "InvalidIdentityToken", message: "No OpenIDConnect provider found"},
		{name: "provider is in another account", role: "arn:aws:iam::111111111111:role/ci", token: idp.token(t, jose.RS256, idp.claims()), code: "InvalidIdentityToken", message: "No OpenIDConnect provider found"},
		{name: "audience not registered", token: idp.token(t, jose.RS256, with(map[string]any{"aud": "other"})), code: "InvalidIdentityToken", message: "Incorrect token audience"},
		{name: "audience registered, not trusted", token: idp.token(t, jose.RS256, with(map[string]any{"aud": "registered"})), code: "AccessDenied", message: denied},
		{name: "azp instead of aud", token: idp.token(t, jose.RS256, with(map[string]any{"azp": "registered"})), code: "AccessDenied", message: denied},
		{name: "azp not registered", token: idp.token(t, jose.RS256, with(map[string]any{"azp": "other"})), code: "InvalidIdentityToken", message: "Incorrect token audience"},
		{name: "wrong subject", token: idp.token(t, jose.RS256, with(map[string]any{"sub": "https://github.com/evil/app/tree/main"})), code: "AccessDenied", message: denied},
		{name: "no subject", token: idp.token(t, jose.RS256, without("sub")), code: "AccessDenied", message: denied},
		{name: "expired", token: idp.token(t, jose.RS256, with(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})), code: "ExpiredTokenException", message: "Token expired"},
		{name: "no expiry", token: idp.token(t, jose.RS256, without("exp")), code: "InvalidIdentityToken", message: "exp"},
		{name: "expired and wrong audience: audience first", token: idp.token(t, jose.RS256, with(map[string]any{"aud": "other", "exp": 1})), code: "InvalidIdentityToken", message: "Incorrect token audience"},
		{name: "signed by another key", token: signToken(t, jose.ES256, forged, "ES256", idp.claims()), code: "InvalidIdentityToken", message: "verification key"},
		{name: "another provider's key", token: signToken(t, jose.RS256, stranger.keys[jose.RS256], "RS256", idp.claims()), code: "InvalidIdentityToken", message: "verification key"},
		{name: "unknown kid", token: signToken(t, jose.RS256, idp.keys[jose.RS256], "nobody", idp.claims()), code: "InvalidIdentityToken", message: "verification key"},
		{name: "HS256 with the public key", token: signToken(t, jose.HS256, publicKey, "RS256", idp.claims()), code: "InvalidIdentityToken", message: "not a valid JWT"},
		{name: "not a token", token: strings.Repeat("x", 40), code: "InvalidIdentityToken", message: "not a valid JWT"},
		{name: "no such role", role: "arn:aws:iam::222222222222:role/nobody", token: idp.token(t, jose.RS256, idp.claims()), code: "AccessDenied", message: denied},
		{name: "longer than the role allows", token: idp.token(t, jose.RS256, idp.claims()), seconds: aws.Int32(hour + 1), code: "ValidationError", message: "exceeds the MaxSessionDuration set for this role"},
	}
	anonymous := b.pullpass()
	anonymous.Credentials = aws.AnonymousCredentials{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.role == "" {
				test.role = role
			}
			out, err := stsOf(anonymous).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String(test.role), RoleSessionName: aws.String("job"), WebIdentityToken: aws.String(test.token), DurationSeconds: test.seconds,
			})
			if test.code != "" {
				wantCode(t, test.name, err, test.code, test.message)
				return
			}
			if err != nil {
				t.Fatalf("AssumeRoleWithWebIdentity: %v", err)
			}
			who := must[*sts.GetCallerIdentityOutput](t)(stsOf(b.session(out.Credentials)).GetCallerIdentity(t.Context(), nil))
			if got, want := aws.ToString(who.Arn), "arn:aws:sts::222222222222:assumed-role/ci/job"; got != want {
				t.Errorf("caller is %s, want %s", got, want)
			}
		})
	}
}

// Web identity is not chaining: its session may be as long as the role allows.
func TestWebIdentityIsNotChaining(t *testing.T) {
	b := start(t, defaultConfig())
	idp := newIssuer(t)
	b.webIdentityRole(t, idp)
	must[*iam.UpdateRoleOutput](t)(iamOf(b.owner()).UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: aws.String("ci"), MaxSessionDuration: aws.Int32(43200)}))
	_, err := stsOf(b.pullpass()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::222222222222:role/ci"), RoleSessionName: aws.String("job"),
		WebIdentityToken: aws.String(idp.token(t, jose.ES256, idp.claims())), DurationSeconds: aws.Int32(43200),
	})
	if err != nil {
		t.Errorf("twelve hours: %v", err)
	}
}

// Keys count only if the discovery document says that it is the provider's own.
func TestDiscoveryOfAnotherIssuer(t *testing.T) {
	b := start(t, defaultConfig())
	idp := newIssuer(t)
	b.webIdentityRole(t, idp)
	assume := func() error {
		_, err := stsOf(b.owner()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::222222222222:role/ci"), RoleSessionName: aws.String("session"),
			WebIdentityToken: aws.String(idp.token(t, jose.ES256, idp.claims())),
		})
		return err
	}
	if err := assume(); err != nil {
		t.Errorf("its own document: %v", err)
	}
	idp.says = "https://issuer.example"
	wantCode(t, "a document of another issuer", assume(), "InvalidIdentityToken", "verification key")
}
