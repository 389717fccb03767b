package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// visit is one row of the table: the illness is made for real, the doctor finds
// it, the cure is applied, and the doctor finds nothing any more.
type visit struct {
	name    string
	ill     func(w *ward) (stdin string, args []string)
	symptom string
	step    string
	cause   string // part of it
	fix     string // part of it
	cure    func(w *ward, fix string) (stdin string, args []string)
}

func none(args ...string) (string, []string) { return "", args }

// same says that the cure is elsewhere: the very same command is run again.
func same(do func(w *ward, fix string)) func(*ward, string) (string, []string) {
	return func(w *ward, fix string) (string, []string) { do(w, fix); return "", nil }
}

func TestDoctorFindsEverySymptom(t *testing.T) {
	for _, v := range append(visits(), rareVisits()...) {
		t.Run(v.name, func(t *testing.T) {
			w := newWard(t)
			stdin, args := v.ill(w)
			d, text := w.examine(stdin, args...)
			if d.Healthy || d.Symptom != v.symptom || !strings.Contains(d.Cause, v.cause) || !strings.Contains(d.Fix, v.fix) {
				t.Fatalf("doctor = symptom %q, cause %q, fix %q\nwant %q, %q, %q\n%s", d.Symptom, d.Cause, d.Fix, v.symptom, v.cause, v.fix, text)
			}
			for _, s := range d.Steps {
				if s.Result == "failed" {
					if s.Name != v.step {
						t.Errorf("the first step that failed is %s, want %s\n%s", s.Name, v.step, text)
					}
					break
				}
			}
			if v.cure == nil {
				return
			}
			curedStdin, curedArgs := v.cure(w, d.Fix)
			if curedArgs != nil {
				stdin, args = curedStdin, curedArgs
			}
			if d, text := w.examine(stdin, args...); !d.Healthy {
				t.Errorf("after the cure: %s, %s\n%s", d.Symptom, d.Cause, text)
			}
		})
	}
}

const pullStatements = `{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}`

func visits() []visit {
	app := func(w *ward) string { return w.host + "/team/app:1" }
	as := func(user string) func(*ward) (string, []string) {
		return func(w *ward) (string, []string) { w.as(user); return none(app(w)) }
	}
	grantToken := same(func(w *ward, _ string) {
		for _, user := range []string{"tokenless", "narrowed"} {
			w.userPolicy(user, `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`)
		}
	})
	fault := func(f sandbox.Fault) func(*ward) (string, []string) {
		return func(w *ward) (string, []string) { w.box.Inject(f); return none(app(w)) }
	}
	calm := same(func(w *ward, _ string) { w.box.ClearFaults() })
	return append(networkVisits(),
		visit{
			name: "no basic auth credentials, a login for another region", symptom: "no_credential", step: "v2",
			ill: func(w *ward) (string, []string) {
				w.login("222222222222.dkr.ecr.us-east-1.amazonaws.com", "AWS", "canary")
				return none(app(w), "--docker")
			},
			cause: "there is a login for 222222222222.dkr.ecr.us-east-1.amazonaws.com", fix: "docker login --username AWS --password-stdin 127.0.0.1",
			cure: same(func(w *ward, _ string) { w.login(w.host, "AWS", w.token(keyID("well"), keyText("well"), sickHome)) }),
		},
		visit{
			name: "the token has expired", symptom: "token_expired", step: "v2", cause: "expired", fix: "new credential",
			ill: func(w *ward) (string, []string) {
				token := w.token(keyID("well"), keyText("well"), sickHome)
				w.later.Store(int64(13 * time.Hour))
				return token, []string{app(w), "--username", "AWS"}
			},
			cure: func(w *ward, _ string) (string, []string) {
				return w.token(keyID("well"), keyText("well"), sickHome), []string{app(w), "--username", "AWS"}
			},
		},
		visit{
			name: "400: a token of another region", symptom: "wrong_region", step: "v2", cause: "another region than eu-west-1", fix: "eu-west-1",
			ill: func(w *ward) (string, []string) {
				return w.token(keyID("well"), keyText("well"), sickElsewhere), []string{app(w), "--username", "AWS"}
			},
			cure: func(w *ward, _ string) (string, []string) {
				return w.token(keyID("well"), keyText("well"), sickHome), []string{app(w), "--username", "AWS"}
			},
		},
		visit{name: "400: a mangled password", symptom: "wrong_region", step: "v2", cause: "changed on the way",
			ill: func(w *ward) (string, []string) {
				return w.token(keyID("well"), keyText("well"), sickHome)[:40], []string{app(w), "--username", "AWS"}
			}},
		visit{name: "GetAuthorizationToken is allowed in the repository policy only", symptom: "token_denied", step: "token",
			ill: as("tokenless"), cause: "ecr:GetAuthorizationToken on resource: *", fix: `"Resource": "*"`, cure: grantToken},
		visit{name: "GetAuthorizationToken is limited to a repository", symptom: "token_denied", step: "token",
			ill: as("narrowed"), cause: "ecr:GetAuthorizationToken on resource: *", fix: "in a repository policy it has no effect", cure: grantToken},
		visit{name: "no identity-based policy", symptom: "caller_denied", step: "manifest",
			ill: as("elsewhere"), cause: "no identity policy of arn:aws:iam::111111111111:user/elsewhere allows ecr:BatchGetImage", fix: "add ecr:BatchGetImage on arn:aws:ecr:eu-west-1:222222222222:repository/team/app",
			cure: same(func(w *ward, _ string) { w.userPolicy("elsewhere", pullStatements) })},
		visit{name: "no identity-based policy for layers", symptom: "caller_denied", step: "config",
			ill: as("layerless"), cause: "ecr:GetDownloadUrlForLayer", fix: "ecr:GetDownloadUrlForLayer",
			cure: same(func(w *ward, _ string) { w.userPolicy("layerless", pullStatements) })},
		visit{name: "no permissions boundary", symptom: "boundary_denied", step: "manifest",
			ill: as("bounded"), cause: "the permissions boundary of arn:aws:iam::111111111111:user/bounded does not allow ecr:BatchGetImage",
			fix:  "in the permissions boundary of arn:aws:iam::111111111111:user/bounded",
			cure: same(func(w *ward, _ string) { w.boundary(document(patients["well"])) })},
		visit{name: "no resource-based policy", symptom: "owner_denied", step: "manifest",
			ill:   func(w *ward) (string, []string) { return none(w.host + "/team/closed:1") },
			cause: "the repository policy of account 222222222222 does not allow ecr:BatchGetImage to arn:aws:iam::111111111111:user/well", fix: "pullpass policy repository",
			cure: same(func(w *ward, fix string) { w.repositoryPolicy("team/closed", w.obey(fix)) })},
		visit{name: "an explicit deny", symptom: "denied_explicitly", step: "manifest",
			ill:   func(w *ward) (string, []string) { return none(w.host + "/team/denied:1") },
			cause: "denies ecr:BatchGetImage", fix: "no Allow can overrule",
			cure: same(func(w *ward, _ string) {
				w.repositoryPolicy("team/denied", document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`))
			})},
		visit{name: "name unknown: a typo", symptom: "repository_unknown", step: "manifest",
			ill:   func(w *ward) (string, []string) { return none(w.host + "/team/ap:1") },
			cause: "does not exist", fix: "the account is the right one (222222222222)",
			cure: func(w *ward, _ string) (string, []string) { return none(app(w)) }},
		visit{name: "name unknown: another account answers", symptom: "repository_unknown", step: "manifest",
			ill: func(w *ward) (string, []string) {
				w.mapping(w.mapped("333333333333", sickHome))
				return none(w.host + "/team/ap:1")
			},
			cause: "account 222222222222 answered, but the host names account 333333333333", fix: "correct the account"},
		visit{name: "manifest unknown", symptom: "image_unknown", step: "manifest",
			ill:   func(w *ward) (string, []string) { return none(w.host + "/team/app:2") },
			cause: "not found", fix: "aws ecr list-images --registry-id 222222222222 --region eu-west-1 --repository-name team/app",
			cure: same(func(w *ward, _ string) {
				if err := w.push("team/app", "2", amd64(w.t)); err != nil {
					w.t.Fatal(err)
				}
			})},
		visit{name: "toomanyrequests", symptom: "throttled", step: "manifest", fix: "wait",
			ill: fault(sandbox.Fault{Action: "ecr:BatchGetImage", Status: 429, Code: "TOOMANYREQUESTS"}), cure: calm},
		visit{name: "ThrottlingException", symptom: "throttled", step: "token", cause: "asked too often", fix: "try again",
			ill: fault(sandbox.Fault{Action: "ecr:GetAuthorizationToken", Status: 400, Code: "ThrottlingException"}), cure: calm},
		visit{name: "403 on a layer", symptom: "layer_denied", step: "config", cause: "S3 endpoint policy", fix: "prod-eu-west-1-starport-layer-bucket",
			ill: fault(sandbox.Fault{Action: "s3:GetObject", Status: 403, Code: "AccessDenied"}), cure: calm},
		visit{name: "the registry fails", symptom: "registry_failed", step: "manifest", fix: "try again",
			ill: fault(sandbox.Fault{Action: "ecr:BatchGetImage", Status: 500, Code: "InternalError"}), cure: calm},
		visit{name: "the connection is cut", symptom: "broken", step: "manifest", fix: "try again",
			ill: fault(sandbox.Fault{Action: "ecr:BatchGetImage", Reset: true}), cure: calm},
		visit{name: "InvalidClientTokenId", symptom: "key_unknown", step: "identity", cause: "does not know this access key", fix: "key",
			ill: func(w *ward) (string, []string) {
				w.t.Setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY2222222222")
				return none(app(w))
			},
			cure: same(func(w *ward, _ string) { w.as("well") })},
		visit{name: "SignatureDoesNotMatch", symptom: "signature", step: "identity", cause: "does not belong to the access key", fix: "clock",
			ill: func(w *ward) (string, []string) {
				w.t.Setenv("AWS_SECRET_ACCESS_KEY", keyText("elsewhere"))
				return none(app(w))
			},
			cure: same(func(w *ward, _ string) { w.as("well") })},
		visit{name: "no credentials at all", symptom: "no_identity", step: "identity", cause: "no key, profile", fix: "--profile",
			ill: func(w *ward) (string, []string) {
				w.t.Setenv("AWS_ACCESS_KEY_ID", "")
				w.t.Setenv("AWS_SECRET_ACCESS_KEY", "")
				return none(app(w))
			},
			cure: same(func(w *ward, _ string) { w.as("well") })},
		visit{name: "a role wants an external id", symptom: "role_denied", step: "role", cause: "role/pull", fix: "external id",
			ill: func(w *ward) (string, []string) {
				return none(app(w), "--role", "arn:aws:iam::111111111111:role/pull")
			},
			cure: func(w *ward, _ string) (string, []string) {
				return none(app(w), "--role", "arn:aws:iam::111111111111:role/pull", "--external-id", "org-1")
			}},
		visit{name: "no manifest for the platform", symptom: "platform_missing", step: "manifest", cause: "linux/arm64", fix: "--platform linux/s390x",
			ill: func(w *ward) (string, []string) {
				w.pushIndex("arm64")
				return none(w.host+"/team/app:many", "--platform", "linux/s390x")
			},
			cure: same(func(w *ward, _ string) { w.pushIndex("arm64", "s390x") })},
		visit{name: "a look-alike host", symptom: "reference_invalid", step: "registry", cause: "resembles an Amazon ECR host", fix: "correct the name",
			ill: func(*ward) (string, []string) {
				return none("222222222222.dkr.ecr.eu-west-1.amazonaws.com.evil.example/team/app:1")
			},
			cure: func(w *ward, _ string) (string, []string) { return none(app(w)) }},
		visit{name: "not a reference", symptom: "reference_invalid", step: "parse",
			ill:  func(w *ward) (string, []string) { return none(w.host + "/Team/App:1") },
			cure: func(w *ward, _ string) (string, []string) { return none(app(w)) }},
	)
}

// obey runs the command that a fix names, and returns what it prints.
func (w *ward) obey(fix string) string {
	w.t.Helper()
	command, _, _ := strings.Cut(fix, "\n")
	args := strings.Fields(strings.TrimPrefix(command, "pullpass "))
	// The owner obeys, with the owner's identity; afterwards the patient is back.
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	w.t.Setenv("AWS_ACCESS_KEY_ID", ownerAdminID)
	w.t.Setenv("AWS_SECRET_ACCESS_KEY", ownerAdminKey)
	w.t.Setenv("AWS_ENDPOINT_URL", w.box.Endpoint())
	defer func() {
		w.t.Setenv("AWS_ACCESS_KEY_ID", id)
		w.t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
		w.t.Setenv("AWS_ENDPOINT_URL", "")
	}()
	var out, talk bytes.Buffer
	if code := run(w.t.Context(), args, strings.NewReader(""), &out, &talk); code != exitDone {
		w.t.Fatalf("%s: exit code %d\n%s", command, code, talk.String())
	}
	return out.String()
}

// boundary makes another policy of the boundary.
func (w *ward) boundary(policy string) {
	w.t.Helper()
	_, err := iam.NewFromConfig(w.config(platformAdminID, platformAdminKey, sickHome)).CreatePolicyVersion(w.t.Context(), &iam.CreatePolicyVersionInput{
		PolicyArn: aws.String("arn:aws:iam::111111111111:policy/boundary"), PolicyDocument: aws.String(policy), SetAsDefault: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *ward) pushIndex(architectures ...string) {
	w.t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, a := range architectures {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: onPlatform(w.t, amd64(w.t), a),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: a}}})
	}
	err := w.write("team/app", "many", func(ref name.Reference, options ...remote.Option) error {
		return remote.WriteIndex(ref, index, options...)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// networkVisits are those before the registry says anything.
func networkVisits() []visit {
	plain := func(w *ward) string {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { http.NotFound(rw, nil) }))
		w.t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	return []visit{
		{name: "no such host", symptom: "dns", step: "dns", fix: "resolver",
			ill:  func(*ward) (string, []string) { return none("registry.invalid/team/app:1", "--anonymous") },
			cure: func(w *ward, _ string) (string, []string) { return none(w.host + "/team/app:1") }},
		{name: "connection refused", symptom: "refused", step: "tcp", fix: "port",
			ill:  func(w *ward) (string, []string) { return none(closedPort(w.t)+"/team/app:1", "--anonymous") },
			cure: func(w *ward, _ string) (string, []string) { return none(w.host + "/team/app:1") }},
		{name: "i/o timeout", symptom: "timeout", step: "tcp", cause: "no answer in time", fix: "com.amazonaws.eu-west-1.ecr.dkr",
			ill: func(w *ward) (string, []string) {
				at := silentPort(w.t)
				w.mapping("host=" + at + ",account=222222222222,region=eu-west-1,api=" + w.box.Endpoint() + ",sts=" + w.box.Endpoint())
				return none(at+"/team/app:1", "--timeout", "700ms")
			},
			cure: func(w *ward, _ string) (string, []string) {
				w.mapping(w.mapped(sickOwner, sickHome))
				return none(w.host + "/team/app:1")
			}},
		{name: "AWS cannot be reached", symptom: "timeout", step: "identity", fix: "VPC endpoints",
			ill: func(w *ward) (string, []string) {
				at := silentPort(w.t)
				w.mapping("host=" + w.host + ",account=222222222222,region=eu-west-1,api=http://" + at + ",sts=http://" + at + ",registry=http://" + w.host)
				return none(w.host+"/team/app:1", "--timeout", "1s")
			},
			cure: func(w *ward, _ string) (string, []string) {
				w.mapping(w.mapped(sickOwner, sickHome))
				return none(w.host + "/team/app:1")
			}},
		{name: "an unknown authority", symptom: "tls_untrusted", step: "tls", fix: "CA",
			ill: func(w *ward) (string, []string) {
				server := httptest.NewUnstartedServer(http.NotFoundHandler())
				server.Config.ErrorLog = quiet
				server.StartTLS()
				w.t.Cleanup(server.Close)
				return none(strings.TrimPrefix(server.URL, "https://")+"/team/app:1", "--anonymous")
			}},
		{name: "http where https is wanted", symptom: "tls_not_spoken", step: "tls", fix: "--host host=127.0.0.1:",
			ill: func(w *ward) (string, []string) {
				return "canary-right", []string{basicRegistry(w.t) + "/team/app:1", "--username", "ada"}
			},
			cure: func(w *ward, _ string) (string, []string) {
				at := basicRegistry(w.t)
				return "canary-right", []string{at + "/team/app:1", "--username", "ada", "--host", "host=" + at + ",registry=http://" + at}
			}},
		{name: "a web server", symptom: "not_a_registry", step: "token", cause: "not a registry",
			ill: func(w *ward) (string, []string) {
				at := plain(w)
				return none(at+"/team/app:1", "--anonymous", "--host", "host="+at+",registry=http://"+at)
			}},
		{name: "a clock that is off", symptom: "clock", step: "identity", cause: "clock", fix: "NTP",
			ill: func(w *ward) (string, []string) {
				w.later.Store(int64(time.Hour))
				return none(w.host + "/team/app:1")
			},
			cure: same(func(w *ward, _ string) { w.later.Store(0) })},
		{name: "a wrong password", symptom: "login_refused", step: "v2", fix: "user",
			ill: func(w *ward) (string, []string) {
				at := basicRegistry(w.t)
				return "canary-wrong", []string{at + "/team/app:1", "--username", "ada", "--host", "host=" + at + ",registry=http://" + at}
			},
			cure: func(w *ward, _ string) (string, []string) {
				at := basicRegistry(w.t)
				return "canary-right", []string{at + "/team/app:1", "--username", "ada", "--host", "host=" + at + ",registry=http://" + at}
			}},
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// silentPort drops what wants to connect, as a firewall does: nobody accepts, and
// its queue is full.
func silentPort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // until one more does not get through
		c, err := (&net.Dialer{Timeout: 200 * time.Millisecond}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue of a listener that accepts nothing does not fill up")
	return ""
}
