package oci_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

const puller = "arn:aws:sts::111111111111:assumed-role/pull/pullpass-env_1"

// TestSymptoms answers as ECR, S3 and others do, and reads kind, code, cause
// and hint of what comes out.
func TestSymptoms(t *testing.T) {
	aws := func(rest string) string {
		return "User: " + puller + " is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-west-1:222222222222:repository/team/app " + rest
	}
	for _, test := range []struct {
		name       string
		status     int
		body       string
		kind       pullpass.Kind
		code       string
		cause, fix string // parts of them
	}{
		{"expired", 403, registryBody("DENIED", "Your authorization token has expired. Reauthenticate and try again."), pullpass.Denied, "token_expired", "expired", "new credential"},
		{"wrong region", 400, registryBody("UNSUPPORTED", "Invalid"), pullpass.Denied, "wrong_region", "another region than eu-west-1", "eu-west-1"},
		{"unknown name, right account", 404, registryBody("NAME_UNKNOWN", "The repository with name 'team/app' does not exist in the registry with id '222222222222'"), pullpass.NotFound, "name_unknown", "does not exist", "the account is the right one"},
		{"unknown name, other account", 404, registryBody("NAME_UNKNOWN", "The repository with name 'team/app' does not exist in the registry with id '333333333333'"), pullpass.NotFound, "name_unknown", "account 333333333333 answered, but the host names account 222222222222", "correct the account"},
		{"unknown manifest", 404, registryBody("MANIFEST_UNKNOWN", "Requested image not found"), pullpass.NotFound, "manifest_unknown", "Requested image not found", "list the repository's tags"},
		{"owner's side", 403, registryBody("DENIED", aws("because no resource-based policy allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_owner", "repository policy of account 222222222222 does not allow ecr:BatchGetImage to arn:aws:iam::111111111111:role/pull", "--principal arn:aws:iam::111111111111:role/pull"},
		{"caller's side", 403, registryBody("DENIED", aws("because no identity-based policy allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_caller", "no identity policy of arn:aws:iam::111111111111:role/pull allows ecr:BatchGetImage", "add ecr:BatchGetImage on arn:aws:ecr:eu-west-1:222222222222:repository/team/app"},
		{"session policy", 403, registryBody("DENIED", aws("because no session policy allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_session", "limited by a session policy", "for the repositories that it was asked for"},
		{"boundary", 403, registryBody("DENIED", aws("because no permissions boundary allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_boundary", "permissions boundary of arn:aws:iam::111111111111:role/pull", "in the permissions boundary of arn:aws:iam::111111111111:role/pull"},
		{"service control policy", 403, registryBody("DENIED", aws("because no service control policy allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_organization", "organization that account 111111111111 belongs to", "service control policies of account 111111111111"},
		{"resource control policy", 403, registryBody("DENIED", aws("because no resource control policy allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_resource_control", "resource control policy", "organization of account 222222222222"},
		{"VPC endpoint", 403, registryBody("DENIED", aws("because no VPC endpoint policy allows the ecr:BatchGetImage action")), pullpass.Denied, "denied_by_endpoint", "VPC endpoint", "VPC endpoints for ecr.api and ecr.dkr"},
		{"deny of the organization", 403, registryBody("DENIED", aws("with an explicit deny in a service control policy")), pullpass.Denied, "denied_explicitly", "service control policy denies", "changes the service control policy"},
		{"pull-through upstream", 403, registryBody("DENIED", "The authentication to the upstream registry failed"), pullpass.Denied, "upstream_denied", "behind the pull-through cache", "validate-pull-through-cache-rule --ecr-repository-prefix team"},
		{"KMS", 403, registryBody("DENIED", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."), pullpass.Denied, "key_denied", "KMS key", "in account 222222222222"},
		{"explicit deny", 403, registryBody("DENIED", aws("with an explicit deny in a resource-based policy")), pullpass.Denied, "denied_explicitly", "denies ecr:BatchGetImage", "no Allow can overrule"},
		{"denied in other words", 403, registryBody("DENIED", "requested access to the resource is denied"), pullpass.Denied, "denied", "requested access", "repository policy of account 222222222222"},
		{"throttled", 429, registryBody("TOOMANYREQUESTS", "Rate exceeded"), pullpass.Limited, "registry_limited", "Rate exceeded", "wait"},
		{"wrong password", 401, registryBody("UNAUTHORIZED", "nope"), pullpass.Denied, "login_refused", "nope", "ECR passwords"},
		{"broken", 503, "<html>", pullpass.Unavailable, "registry_failed", "503", "try again"},
		{"no registry at all", 404, "<html>not found</html>", pullpass.NotFound, "manifest_unknown", "", ""},
		{"terminal codes", 403, registryBody("DENIED", "\x1b[31mred\r\n\u202eevil"), pullpass.Denied, "denied", "[31mred evil", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			_, err := resolveECR(t, s)
			var e *pullpass.Error
			if !errors.As(err, &e) {
				t.Fatalf("Resolve = %v, want an error in parts", err)
			}
			if e.Kind != test.kind || e.Code != test.code || !strings.Contains(e.Cause, test.cause) || !strings.Contains(e.Hint, test.fix) {
				t.Errorf("Resolve = %s %s\ncause %q\nhint %q\nwant %s %s, %q, %q", e.Kind, e.Code, e.Cause, e.Hint, test.kind, test.code, test.cause, test.fix)
			}
			if e.What != "cannot pull "+ecrHost+"/team/app:1" {
				t.Errorf("What = %q", e.What)
			}
			if strings.ContainsAny(pullpass.Explain(err), "\x1b\r\u202e") {
				t.Errorf("control characters reach the terminal: %q", pullpass.Explain(err))
			}
		})
	}
}

const ecrHost = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"

func resolveECR(t *testing.T, s *httptest.Server) (oci.Resolved, error) {
	t.Helper()
	c := ecrClient(t, s.URL, s)
	return c.Resolve(t.Context(), image(t, ecrHost+"/team/app:1"), login)
}

func registryBody(code, message string) string {
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":%s}]}`, code, jsonText(message))
}

func TestLayerRefusedByStorage(t *testing.T) {
	handler, push := storage(t)
	push("team/app:1", randomImage(t))
	s3 := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
	}))
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, s3.URL+"/prod-eu-west-1-starport-layer-bucket/x?X-Amz-Signature=canary-signature", http.StatusTemporaryRedirect)
			return
		}
		wantBasic(handler).ServeHTTP(w, r)
	}))
	c := ecrClient(t, s.URL, s, s3)
	_, err := c.Pull(t.Context(), image(t, ecrHost+"/team/app:1"), login, t.TempDir(), nil)
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind != pullpass.Denied || e.Code != "layer_denied" || !strings.Contains(e.Hint, "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*") {
		t.Errorf("Pull = %+v, want layer_denied with the bucket", e)
	}
	if strings.Contains(fmt.Sprintf("%+v %s", err, pullpass.Explain(err)), "canary-signature") {
		t.Errorf("the presigned address is shown: %v", err)
	}
}

// TestTokenThatOpensNothing is Docker Hub's way to say no: everybody gets a
// token, and the repository refuses it.
func TestTokenThatOpensNothing(t *testing.T) {
	mux := http.NewServeMux()
	s := serve(t, mux)
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"token":"empty"}`) })
	mux.Handle("/v2/", wantBearer(s.URL+"/token", http.NotFoundHandler()))
	for cred, hint := range map[pullpass.Credential]string{login: "may pull it", {}: "pullpass registry add NAME --host registry.test --username USER"} {
		_, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), cred)
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Code != "token_refused" || e.Kind != pullpass.Denied || !strings.Contains(e.Hint, hint) {
			t.Errorf("Resolve = %s, want token_refused with the hint %q", pullpass.Explain(err), hint)
		}
	}
}

// TestHostileRegistryCannotHaveTheSecretShown sends everything back in its
// refusal, in the hope that somebody logs it.
func TestHostileRegistryCannotHaveTheSecretShown(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, p, _ := r.BasicAuth()
		refuse(w, http.StatusForbidden, "DENIED", "you sent "+r.Header.Get("Authorization")+" that is "+p)
	}))
	_, err := resolveECR(t, s)
	text := fmt.Sprintf("%v %+v %#v %s", err, err, err, pullpass.Explain(err))
	for ; err != nil; err = errors.Unwrap(err) {
		text += err.Error()
	}
	if strings.Contains(text, password) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(login.Username+":"+password))) {
		t.Errorf("the secret is shown: %s", text)
	}
	if !strings.Contains(text, "[secret]") {
		t.Errorf("the refusal is not shown: %s", text)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	handler, push := storage(t)
	push("team/app:1", randomImage(t))
	s := serve(t, wantBasic(handler))
	c := clientFor(t, s.URL, s)
	session, err := c.Open(t.Context(), image(t, "registry.test/team/app:1"), login)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %+v", session, session, session, session.EngineAuth()); strings.Contains(text, password) || carries(text) {
		t.Errorf("a session prints its secret: %s", text)
	}
}

func TestPlatform(t *testing.T) {
	handler, push := storage(t)
	_ = push
	amd := randomImage(t)
	index := pushIndex(t, handler, "team/app:multi", amd)
	s := serve(t, wantBasic(handler))
	mapping := []reference.Mapping{{Host: "registry.test", RegistryURL: s.URL}}
	c := clientWith(t, oci.Options{Platform: "linux/amd64"}, mapping, s)
	got, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:multi"), login)
	want, _ := amd.Digest()
	if err != nil || got.Digest != index || got.Image != want.String() {
		t.Errorf("Resolve = %+v, %v, want the index %s and its image %s", got, err, index, want)
	}
	c = clientWith(t, oci.Options{Platform: "linux/s390x"}, mapping, s)
	_, err = c.Resolve(t.Context(), image(t, "registry.test/team/app:multi"), login)
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "platform_missing" || !strings.Contains(e.Cause, "linux/amd64") {
		t.Errorf("Resolve for another platform = %v, want platform_missing that lists linux/amd64", err)
	}
}
