package doctor_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/doctor"
)

var update = flag.Bool("update", false, "write docs/doctor.md anew")

const docs = "../../docs/doctor.md"

func TestDocs(t *testing.T) {
	want := doctor.Markdown()
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/doctor.md is not the doctor's table: run go test ./internal/doctor -update")
	}
}

func TestTableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range doctor.Symptoms() {
		if seen[s.Code] {
			t.Errorf("%s is there twice", s.Code)
		}
		seen[s.Code] = true
		for part, text := range map[string]string{"what is seen": s.Seen, "cause": s.Cause, "fix": s.Fix} {
			if text == "" {
				t.Errorf("%s has no %s", s.Code, part)
			}
		}
		if got, ok := doctor.SymptomOf(s.Code); !ok || got.Cause != s.Cause {
			t.Errorf("SymptomOf(%q) = %v, %v", s.Code, got, ok)
		}
	}
	if _, ok := doctor.SymptomOf("no such"); ok {
		t.Error("there is a symptom that is not in the table")
	}
}

// errorCodes finds the codes that a package gives its errors.
var errorCodes = regexp.MustCompile(`(?:Code:\s+|Code, e\.Cause(?:, e\.Hint)? = |` +
	`pullpass\.(?:Denied|NotFound|Limited|Unavailable|Invalid),\s+|fail\(\s*|e\.Code = |refused\(\s*)"([a-z_]+)"`)

// Every way in which a pull's parts refuse has a line in the table: a new code
// without one fails here, not before a person who wants to know.
func TestEveryRefusalIsInTheTable(t *testing.T) {
	found := 0
	for _, room := range []string{"oci", "aws", "egress", "reference"} {
		files, err := filepath.Glob("../" + room + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range errorCodes.FindAllStringSubmatch(string(text), -1) {
				found++
				switch m[1] {
				case "directory_not_empty": // of pulls into a directory, which the doctor makes none of
					continue
				case "aws_identity_not_proved", "aws_identity_not_asked": // of a runner's proof, which is no part of a pull
					continue
				}
				if _, ok := doctor.SymptomOfError(m[1]); !ok {
					t.Errorf("%s: the error code %s has no line in the doctor's table", file, m[1])
				}
			}
		}
	}
	for _, code := range []string{ // those that a table of codes gives
		"denied_by_boundary", "denied_by_organization", "denied_by_resource_control", "denied_by_endpoint", "denied_by_session", "upstream_denied", "key_denied",
		pullpass.CodeNoRegistry, pullpass.CodeLoginRequired, pullpass.CodeLoginRefused, pullpass.CodeManifestUnknown,
		pullpass.CodeEgressForbidden, pullpass.CodeTLSNotSpoken, pullpass.CodeAWSDenied,
	} {
		if _, ok := doctor.SymptomOfError(code); !ok {
			t.Errorf("the error code %s has no line in the doctor's table", code)
		}
	}
	if found < 50 {
		t.Errorf("only %d codes were found: the test would prove little", found)
	}
}

func TestRecognize(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Error response from daemon: Head \"https://x/v2/team/app/manifests/1\": no basic auth credentials", "no_credential"},
		{"denied: Your authorization token has expired. Reauthenticate and try again.", "token_expired"},
		{"login attempt to https://x/v2/ failed with status: 400 Bad Request", "wrong_region"},
		{"An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User: arn:aws:iam::1:user/a is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action", "token_denied"},
		{"denied: User: x is not authorized to perform: ecr:BatchGetImage on resource: y because no identity-based policy allows the ecr:BatchGetImage action", "caller_denied"},
		{"denied: User: x is not authorized to perform: ecr:BatchGetImage on resource: y because no resource-based policy allows the ecr:BatchGetImage action", "owner_denied"},
		{"User: x is not authorized to perform: ecr:BatchGetImage on resource: y with an explicit deny in a resource-based policy", "denied_explicitly"},
		{"AccessDeniedException: User: arn:aws:iam::1:user/a is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no permissions boundary allows the ecr:GetAuthorizationToken action", "boundary_denied"},
		{"User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole on resource: x because no service control policy allows the sts:AssumeRole action", "organization_denied"},
		{"User: x is not authorized to perform: ecr:BatchGetImage on resource: y because no resource control policy allows the ecr:BatchGetImage action", "resource_control_denied"},
		{"User: x is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no VPC endpoint policy allows the ecr:GetAuthorizationToken action", "endpoint_denied"},
		{"denied: The authentication to the upstream registry failed", "upstream_denied"},
		{"CannotPullECRContainerError: AccessDeniedException: The ciphertext refers to a customer master key that does not exist", "key_denied"},
		{"name unknown: The repository with name 'team/ap' does not exist in the registry with id '222222222222'", "repository_unknown"},
		{"manifest unknown: Requested image not found", "image_unknown"},
		{"toomanyrequests: Rate exceeded", "throttled"},
		{"An error occurred (ThrottlingException) when calling the GetAuthorizationToken operation: Rate exceeded", "throttled"},
		{"error pulling image configuration: unknown: <?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "layer_denied"},
		{"dial tcp 52.1.2.3:443: i/o timeout", "timeout"},
		{"An error occurred (UnrecognizedClientException) when calling the GetAuthorizationToken operation: The security token included in the request is invalid.", "key_unknown"},
		{"An error occurred (InvalidClientTokenId) when calling the AssumeRole operation", "key_unknown"},
		{"An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: The request signature we calculated does not match", "signature"},
		{"An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: Signature expired: 20260101T000000Z is now earlier than", "clock"},
		{"Error saving credentials: error storing credentials - err: exit status 1, out: `not implemented`", "helper_cannot_store"},
		{"Back-off pulling image \"x\": ImagePullBackOff", ""},
		{"Failed to pull image \"x\": no basic auth credentials\nError: ImagePullBackOff", "pull_secret_late"},
		{"Reason: ImagePullBackOff\nFailed to pull image \"x\": no basic auth credentials", "pull_secret_late"},
		{"Unable to retrieve some image pull secrets (ecr); attempting to pull the image may not succeed", "pull_secret_late"},
		{"Failed to pull image \"x\": manifest unknown: Requested image not found\nError: ImagePullBackOff", "image_unknown"},
		{"Reason: ImagePullBackOff\ndial tcp 52.1.2.3:443: i/o timeout", "timeout"},
		{"tag invalid: The image tag '1' already exists in the 'team/app' repository and cannot be overwritten because the repository is immutable.", "tag_immutable"},
		{"User: x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/pull", "role_denied"},
		{"no matching manifest for linux/arm64/v8 in the manifest list entries", "platform_missing"},
		{"x509: certificate signed by unknown authority", "tls_untrusted"},
		{"http: server gave HTTP response to HTTPS client", "tls_not_spoken"},
		{"dial tcp: lookup x on 10.0.0.2:53: no such host", "dns"},
		{"dial tcp 127.0.0.1:5000: connect: connection refused", "refused"},
		{"unauthorized: incorrect username or password", "login_refused"},
		{"all is well", ""},
	} {
		got, ok := doctor.Recognize(c.text)
		if got.Code != c.want || ok != (c.want != "") {
			t.Errorf("Recognize(%q) = %q, %v, want %q", c.text, got.Code, ok, c.want)
		}
	}
}
