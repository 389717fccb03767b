package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// session makes temporary credentials this machine's identity.
func (w *ward) session(c *types.Credentials, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Setenv("AWS_ACCESS_KEY_ID", awssdk.ToString(c.AccessKeyId))
	w.t.Setenv("AWS_SECRET_ACCESS_KEY", awssdk.ToString(c.SecretAccessKey))
	w.t.Setenv("AWS_SESSION_TOKEN", awssdk.ToString(c.SessionToken))
}

func (w *ward) sts() *sts.Client {
	return sts.NewFromConfig(w.config(keyID("well"), keyText("well"), sickHome), func(o *sts.Options) {
		o.HTTPSignerV4 = clockSigner{v4.NewSigner(), time.Duration(w.later.Load())}
	})
}

// newSession is what aws sts get-session-token leaves in a shell.
func (w *ward) newSession() {
	w.t.Helper()
	out, err := w.sts().GetSessionToken(w.t.Context(), &sts.GetSessionTokenInput{DurationSeconds: awssdk.Int32(900)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.session(out.Credentials, nil)
}

// limited is a session of role/pull that a session policy limits to a repository.
func (w *ward) limited(repository string) {
	w.t.Helper()
	policy := document(`{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/` + repository + `"}`)
	out, err := w.sts().AssumeRole(w.t.Context(), &sts.AssumeRoleInput{RoleArn: awssdk.String(pullRole), RoleSessionName: awssdk.String("ci"),
		ExternalId: awssdk.String("org-1"), Policy: awssdk.String(policy)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.session(out.Credentials, nil)
}

// foreign is a registry that is not ECR, and that can be made to misbehave.
type foreign struct {
	at     string
	images http.Handler
	sick   atomic.Bool
}

// newForeign serves one image through what a test puts in front of it.
func newForeign(t *testing.T, front func(f *foreign, rw http.ResponseWriter, r *http.Request)) *foreign {
	t.Helper()
	f := &foreign{images: registry.New(registry.Logger(quiet))}
	open := httptest.NewServer(f.images)
	defer open.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(open.URL, "http://")+"/team/app:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := remote.Write(ref, amd64(t), remote.WithTransport(transport)); err != nil {
		t.Fatal(err)
	}
	f.sick.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { front(f, rw, r) }))
	t.Cleanup(server.Close)
	f.at = strings.TrimPrefix(server.URL, "http://")
	return f
}

func (f *foreign) mapping() string { return "host=" + f.at + ",registry=http://" + f.at }

// rareVisits are rows that need more than a wrong policy.
func rareVisits() []visit {
	app := func(w *ward) string { return w.host + "/team/app:1" }
	var f *foreign // of the visit at hand: they run one after the other
	calm := same(func(w *ward, _ string) { w.box.ClearFaults() })
	heal := same(func(*ward, string) { f.sick.Store(false) })
	return []visit{
		{name: "a session that has ended", symptom: "session_expired", step: "identity", cause: "expired", fix: "renew",
			ill: func(w *ward) (string, []string) {
				w.later.Store(int64(-2 * time.Hour))
				w.newSession()
				w.later.Store(0)
				return none(app(w))
			},
			cure: same(func(w *ward, _ string) { w.newSession() })},
		{name: "a session for another repository", symptom: "session_denied", step: "manifest", cause: "limited by a session policy", fix: "for the repositories that it was asked for",
			ill:  func(w *ward) (string, []string) { w.limited("team/other"); return none(app(w)) },
			cure: same(func(w *ward, _ string) { w.limited("team/app") })},
		{name: "the region's STS is not enabled", symptom: "key_unknown", step: "identity", cause: "not enabled for this region", fix: "enable the region",
			ill: func(w *ward) (string, []string) {
				w.box.Inject(sandbox.Fault{Action: "sts:*", Status: 403, Code: "RegionDisabledException"})
				return none(app(w))
			}, cure: calm},
		{name: "a token of the global STS in a region that had to be enabled", symptom: "key_unknown", step: "token", cause: "the region has to be enabled first", fix: "region's own STS endpoint",
			ill: func(w *ward) (string, []string) {
				w.box.Inject(sandbox.Fault{Action: "ecr:GetAuthorizationToken", Status: 400, Code: "UnrecognizedClientException"})
				return none(app(w))
			}, cure: calm},
		{name: "an endpoint policy refuses a call", symptom: "aws_denied", step: "identity", fix: "compare",
			ill: func(w *ward) (string, []string) {
				w.box.Inject(sandbox.Fault{Action: "sts:GetCallerIdentity", Status: 403, Code: "AccessDenied"})
				return none(app(w))
			}, cure: calm},
		{name: "AWS fails", symptom: "aws_failed", step: "token", cause: "InternalFailure", fix: "try again",
			ill: func(w *ward) (string, []string) {
				w.box.Inject(sandbox.Fault{Action: "ecr:GetAuthorizationToken", Status: 500, Code: "InternalFailure"})
				return none(app(w))
			}, cure: calm},
		{name: "no route to one of three endpoints", symptom: "timeout", step: "token", fix: "VPC endpoints",
			ill: func(w *ward) (string, []string) {
				w.mapping("host=" + w.host + ",account=222222222222,region=eu-west-1,api=http://" + silentPort(w.t) + ",sts=" + w.box.Endpoint() + ",registry=http://" + w.host)
				return none(app(w), "--timeout", "1s")
			},
			cure: same(func(w *ward, _ string) { w.mapping(w.mapped(sickOwner, sickHome)) })},
		{name: "a credential helper that is not there", symptom: "docker_login", step: "token", cause: "credential helper", fix: "helper by itself",
			ill: func(w *ward) (string, []string) {
				w.dockerConfig(`{"credHelpers":{"` + w.host + `":"does-not-exist"}}`)
				return none(app(w), "--docker")
			},
			cure: same(func(w *ward, _ string) { w.login(w.host, "AWS", w.token(keyID("well"), keyText("well"), sickHome)) })},
		{name: "a login without the right", symptom: "denied", step: "manifest", cause: "requested access", fix: "",
			ill: func(w *ward) (string, []string) {
				f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
					switch {
					case !asksBasic(rw, r):
					case f.sick.Load() && r.URL.Path != "/v2/":
						rw.WriteHeader(http.StatusForbidden)
						_, _ = io.WriteString(rw, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`)
					default:
						f.images.ServeHTTP(rw, r)
					}
				})
				return "canary-right", []string{f.at + "/team/app:1", "--username", "ada", "--host", f.mapping()}
			}, cure: heal},
		{name: "bytes are changed on the way", symptom: "content_refused", step: "config", cause: "", fix: "",
			ill: func(w *ward) (string, []string) {
				f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
					if !f.sick.Load() || !strings.Contains(r.URL.Path, "/blobs/") {
						f.images.ServeHTTP(rw, r)
						return
					}
					kept := httptest.NewRecorder()
					f.images.ServeHTTP(kept, r)
					body := kept.Body.Bytes()
					body[len(body)/2] ^= 1
					_, _ = rw.Write(body)
				})
				return none(f.at+"/team/app:1", "--anonymous", "--host", f.mapping())
			}, cure: heal},
		{name: "a login that nothing asks for", symptom: "login_not_asked", step: "token", cause: "without asking", fix: "--repository",
			ill: func(w *ward) (string, []string) {
				f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
					if f.sick.Load() || asksBasic(rw, r) {
						f.images.ServeHTTP(rw, r)
					}
				})
				return "canary-right", []string{f.at + "/team/app:1", "--username", "ada", "--host", f.mapping()}
			}, cure: heal},
		{name: "a front door that leads to another host", symptom: "redirected", step: "token", cause: "redirects to registry.example.com;", fix: "--host registry.example.com",
			ill: func(w *ward) (string, []string) {
				f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
					if f.sick.Load() {
						http.Redirect(rw, r, "http://registry.example.com/v2/?signature=canary", http.StatusMovedPermanently)
						return
					}
					f.images.ServeHTTP(rw, r)
				})
				return none(f.at+"/team/app:1", "--anonymous", "--host", f.mapping())
			}, cure: heal},
		{name: "an image of schema version 1", symptom: "image_unsupported", step: "manifest", cause: "schema version 1", fix: "current docker",
			ill: func(w *ward) (string, []string) {
				f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
					if f.sick.Load() && strings.Contains(r.URL.Path, "/manifests/") {
						rw.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
						_, _ = io.WriteString(rw, `{"schemaVersion":1,"name":"team/app","tag":"1","fsLayers":[]}`)
						return
					}
					f.images.ServeHTTP(rw, r)
				})
				return none(f.at+"/team/app:1", "--anonymous", "--host", f.mapping())
			}, cure: heal},
		refusing("the session behind the credential was revoked", "credential_revoked", "The security token included in the request is invalid.", "ask anew"),
		refusing("the caller's organization", "organization_denied", notAllowed("no service control policy"), "organization"),
		refusing("the owner's organization", "resource_control_denied", notAllowed("no resource control policy"), "organization"),
		refusing("a VPC endpoint's policy", "endpoint_denied", notAllowed("no VPC endpoint policy"), "endpoint"),
		refusing("the registry behind a pull-through cache", "upstream_denied", "The authentication to the upstream registry failed.", "secret"),
		refusing("the repository's key", "key_denied", "KmsException: The ciphertext refers to a customer master key that does not exist.", "key policy"),
		{name: "a token service on another host", symptom: "realm_refused", step: "token", cause: "another host", fix: "realm",
			ill: func(w *ward) (string, []string) {
				service := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.t.Error("the token service was asked") }))
				w.t.Cleanup(service.Close)
				f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
					realm := "http://" + f.at
					if f.sick.Load() {
						realm = service.URL
					}
					_, password, _ := r.BasicAuth()
					switch {
					case r.URL.Path == "/token" && password == "canary-right":
						_, _ = io.WriteString(rw, `{"token":"canary-bearer"}`)
					case r.Header.Get("Authorization") == "Bearer canary-bearer":
						f.images.ServeHTTP(rw, r)
					default:
						rw.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="registry"`, realm))
						rw.WriteHeader(http.StatusUnauthorized)
					}
				})
				return "canary-right", []string{f.at + "/team/app:1", "--username", "ada", "--host", f.mapping()}
			},
			cure: heal}, // the operator's mapping is another cure: TestPasswordStaysWithTheRegistry
	}
}

// notAllowed is AWS's sentence for want of an Allow in one layer of policies.
func notAllowed(layer string) string {
	return "User: arn:aws:iam::111111111111:user/well is not authorized to perform: ecr:BatchGetImage on resource: " +
		"arn:aws:ecr:eu-west-1:222222222222:repository/team/app because " + layer + " allows the ecr:BatchGetImage action"
}

// refusing is ECR that refuses manifests with a message that no sandbox of ours
// produces, until it is healed.
func refusing(name, symptom, message, fix string) visit {
	var f *foreign
	return visit{name: name, symptom: symptom, step: "manifest", fix: fix,
		ill: func(w *ward) (string, []string) {
			f = newForeign(w.t, func(f *foreign, rw http.ResponseWriter, r *http.Request) {
				if f.sick.Load() && strings.Contains(r.URL.Path, "/manifests/") {
					rw.Header().Set("Content-Type", "application/json")
					rw.WriteHeader(http.StatusForbidden)
					_, _ = fmt.Fprintf(rw, `{"errors":[{"code":"DENIED","message":%q}]}`, message)
					return
				}
				f.images.ServeHTTP(rw, r)
			})
			w.mapping("host=" + f.at + ",account=" + sickOwner + ",region=" + sickHome + ",api=" + w.box.Endpoint() +
				",sts=" + w.box.Endpoint() + ",registry=http://" + f.at)
			return none(f.at + "/team/app:1")
		},
		cure: same(func(*ward, string) { f.sick.Store(false) })}
}

// asksBasic refuses everything but the one login, as a registry with a password does.
func asksBasic(rw http.ResponseWriter, r *http.Request) bool {
	if _, password, _ := r.BasicAuth(); password == "canary-right" {
		return true
	}
	rw.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
	rw.WriteHeader(http.StatusUnauthorized)
	return false
}

// visited are the rows that a visit of any kind produces.
func visited() map[string]bool {
	seen := map[string]bool{}
	for _, v := range append(visits(), rareVisits()...) {
		seen[v.symptom] = true
	}
	for _, c := range consultations() {
		seen[c.symptom] = true
	}
	for _, m := range messages() {
		seen[m.symptom] = true
	}
	return seen
}
