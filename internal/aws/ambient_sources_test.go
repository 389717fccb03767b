package aws_test

import (
	"crypto/sha1" //nolint:gosec // how the SDK names its cache file
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestAmbientSources finds the identity wherever AWS's own tools put it, with the
// SDK's rules, and pulls with it. What stands beside an instance or a Pod (the
// container agents, the SSO portal) hands out sessions that the sandbox has made.
func TestAmbientSources(t *testing.T) {
	i := newIssuer(t)
	s := newStage(t, rehearsal(i.url), sandbox.Options{})
	s.push(t)
	onlyMetadata(t, "http://127.0.0.1:1/") // refused at once: nothing else may be found
	t.Setenv("AWS_ENDPOINT_URL_STS", s.box.Endpoint())
	t.Setenv("AWS_REGION", region)
	session := s.session(t)
	agent := handOut(t, session)
	home := t.TempDir()
	t.Setenv("HOME", home)
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	identity, err := i.WebIdentityToken(t.Context(), pullpass.Integration{}, "", "env_1")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(agent + "/start"))
	file(".aws/sso/cache/"+hex.EncodeToString(sum[:])+".json", `{"accessToken":"sso-token","expiresAt":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	keys := "aws_access_key_id = " + plainKey + "\naws_secret_access_key = " + plainSecret + "\n"
	for _, c := range []struct {
		name      string
		set       map[string]string
		principal string
	}{
		{"environment", map[string]string{"AWS_ACCESS_KEY_ID": plainKey, "AWS_SECRET_ACCESS_KEY": plainSecret}, "arn:aws:iam::111111111111:user/plain"},
		{"profile", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file("credentials", "[ci]\n"+keys), "AWS_PROFILE": "ci"}, "arn:aws:iam::111111111111:user/plain"},
		{"profile with a role", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file("base", "[base]\n"+keys), "AWS_PROFILE": "ci",
			"AWS_CONFIG_FILE": file("config", "[profile ci]\nsource_profile = base\nrole_arn = "+middleRole+"\n")}, "arn:aws:sts::111111111111:assumed-role/middle/"},
		{"web identity of a Pod (IRSA)", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file("token", identity.Token.Reveal()), "AWS_ROLE_ARN": webRole}, "arn:aws:sts::222222222222:assumed-role/web/"},
		{"container agent (ECS)", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent + "/task"}, "arn:aws:sts::111111111111:assumed-role/self/"},
		{"EKS Pod Identity", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent + "/pod", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file("pod-token", "pod-token")}, "arn:aws:sts::111111111111:assumed-role/self/"},
		{"SSO", map[string]string{"AWS_PROFILE": "sso", "AWS_ENDPOINT_URL_SSO": agent, "AWS_CONFIG_FILE": file("sso", "[profile sso]\nsso_start_url = "+agent+"/start\nsso_region = "+region+
			"\nsso_account_id = "+platform+"\nsso_role_name = self\n")}, "arn:aws:sts::111111111111:assumed-role/self/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.set {
				t.Setenv(name, value)
			}
			got, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(ambient, "", nil))
			if err != nil {
				t.Fatal(pullpass.Explain(err))
			}
			if !strings.HasPrefix(got.Principal, c.principal) {
				t.Errorf("principal %s, want %s", got.Principal, c.principal)
			}
			if err := s.pull(t, got.Credential, "team/app"); err != nil {
				t.Errorf("pulling: %v", err)
			}
		})
	}
}

// An identity that is there and that AWS refuses is not "no identity": the cause is
// AWS's own.
func TestAmbientIdentityIsRefused(t *testing.T) {
	i := newIssuer(t)
	s := newStage(t, rehearsal(i.url), sandbox.Options{})
	onlyMetadata(t, "http://127.0.0.1:1/")
	t.Setenv("AWS_ENDPOINT_URL_STS", s.box.Endpoint())
	t.Setenv("AWS_REGION", region)
	token := filepath.Join(t.TempDir(), "token")
	identity, err := i.WebIdentityToken(t.Context(), pullpass.Integration{}, "", "env_2") // another subject than the role trusts
	if err != nil {
		t.Fatal(err)
	}
	for text, code := range map[string]string{"no token at all": "aws_identity_token", identity.Token.Reveal(): "aws_denied"} {
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
		t.Setenv("AWS_ROLE_ARN", webRole)
		_, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(ambient, "", nil))
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Code != code || e.Hint == "" {
			t.Errorf("Mint = %v, want %s", err, code)
		}
	}
}

// session makes one of the role self.
func (s *stage) session(t *testing.T) map[string]string {
	t.Helper()
	out, err := sts.New(sts.Options{Region: region, BaseEndpoint: sdk.String(s.box.Endpoint()), HTTPClient: s.http,
		Credentials: credentials.NewStaticCredentialsProvider(plainKey, plainSecret, "")}).
		AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: sdk.String(selfRole), RoleSessionName: sdk.String("agent")})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"AccessKeyId": *out.Credentials.AccessKeyId, "SecretAccessKey": *out.Credentials.SecretAccessKey,
		"Token": *out.Credentials.SessionToken, "Expiration": out.Credentials.Expiration.UTC().Format(time.RFC3339)}
}

// handOut serves a session as the ECS agent, the EKS agent and the SSO portal do.
func handOut(t *testing.T, session map[string]string) string {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /task", func(w http.ResponseWriter, _ *http.Request) { answer(w, session) })
	mux.HandleFunc("GET /pod", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod-token" {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		answer(w, session)
	})
	mux.HandleFunc("GET /federation/credentials", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Sso_bearer_token") != "sso-token" || r.URL.Query().Get("role_name") != "self" {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		expires, err := time.Parse(time.RFC3339, session["Expiration"])
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		answer(w, map[string]any{"roleCredentials": map[string]any{"accessKeyId": session["AccessKeyId"], "secretAccessKey": session["SecretAccessKey"],
			"sessionToken": session["Token"], "expiration": expires.UnixMilli()}})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}
