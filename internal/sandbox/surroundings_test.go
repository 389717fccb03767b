package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// Under the real names everything works without any endpoint setting: only
// the resolver and the CA are the sandbox's.
func TestRealHostNames(t *testing.T) {
	cfg := defaultConfig()
	cfg.TLS = &sandbox.TLSListener{}
	b := start(t, cfg)
	b.push(t, "team/app:1")
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b.CACertificate()) {
		t.Fatal("the CA certificate is not PEM")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, b.TLSAddress())
		},
	}
	defer transport.CloseIdleConnections()
	who := b.owner()
	who.BaseEndpoint, who.HTTPClient = nil, &http.Client{Transport: transport}
	if _, err := stsOf(who).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("sts.eu-west-1.amazonaws.com: %v", err)
	}
	if _, err := iamOf(who).ListRoles(t.Context(), &iam.ListRolesInput{}); err != nil {
		t.Errorf("iam.amazonaws.com: %v", err)
	}
	auth := b.login(t, who)
	ref := must[name.Reference](t)(name.ParseReference("222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1"))
	img := must[v1.Image](t)(remote.Image(ref, remote.WithAuth(auth), remote.WithTransport(transport)))
	for _, l := range must[[]v1.Layer](t)(img.Layers()) {
		rc, err := l.Compressed()
		if err != nil {
			t.Fatalf("layer: %v", err)
		}
		if err := rc.Close(); err != nil {
			t.Errorf("closing a layer: %v", err)
		}
	}
	get := func(url, host string) int {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody))
		r.Host = host
		answer, err := who.HTTPClient.Do(r)
		if err != nil {
			return 0 // the handshake failed
		}
		defer func() { _ = answer.Body.Close() }()
		return answer.StatusCode
	}
	for _, test := range []struct {
		url, host string
		want      int
	}{
		{"https://222222222222.dkr.ecr.eu-west-1.amazonaws.com/v2/", "", 401},
		{"https://333333333333.dkr.ecr.eu-west-1.amazonaws.com/v2/", "", 404},
		{"https://222222222222.dkr.ecr.eu-west-1.amazonaws.com/v2/", "111111111111.dkr.ecr.eu-west-1.amazonaws.com", 421},
		{"https://example.org/", "", 0},
		{"https://222222222222.dkr.ecr.eu-west-1.amazonaws.com.evil.example/v2/", "", 0},
	} {
		if got := get(test.url, test.host); got != test.want {
			t.Errorf("%s (Host %q): status %d, want %d", test.url, test.host, got, test.want)
		}
	}
}

func TestInstanceMetadata(t *testing.T) {
	cfg := defaultConfig()
	cfg.InstanceMetadata = []sandbox.InstanceMetadata{metadataOf("runner")}
	cfg.Accounts[1].Roles = []sandbox.Role{{Name: "runner", TrustPolicy: ec2Trust}}
	cfg.Accounts[1].InstanceProfiles = []sandbox.InstanceProfile{{Name: "runner", Role: "runner"}}
	b := start(t, cfg)
	base := b.MetadataEndpoints()[0] + "latest/"
	ask := func(method, path string, headers ...string) (int, string) {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, base+path, http.NoBody))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return b.do(t, r)
	}
	const ttl, tokenHeader = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
	for name, headers := range map[string][]string{"none": {}, "too long": {ttl, "21601"}, "zero": {ttl, "0"}, "text": {ttl, "x"}} {
		if status, _ := ask(http.MethodPut, "api/token", headers...); status != 400 {
			t.Errorf("token with life %s: %d, want 400", name, status)
		}
	}
	if status, _ := ask(http.MethodPut, "api/token", ttl, "60", "X-Forwarded-For", "10.0.0.1"); status != 403 {
		t.Errorf("token through a proxy: %d, want 403", status)
	}
	_, token := ask(http.MethodPut, "api/token", ttl, "21600")
	if status, _ := ask(http.MethodGet, "meta-data/iam/security-credentials/"); status != 401 {
		t.Errorf("without a token: %d, want 401", status)
	}
	if _, role := ask(http.MethodGet, "meta-data/iam/security-credentials/", tokenHeader, token); role != "runner" {
		t.Errorf("role is %q, want runner", role)
	}
	type credentials struct{ Code, AccessKeyId, SecretAccessKey, Token, Expiration string }
	read := func() credentials {
		t.Helper()
		status, body := ask(http.MethodGet, "meta-data/iam/security-credentials/runner", tokenHeader, token)
		var c credentials
		if err := json.Unmarshal([]byte(body), &c); err != nil || status != 200 {
			t.Fatalf("credentials: %d %v", status, err)
		}
		return c
	}
	firstKey := read()
	who := must[*callerIdentity](t)(identity(t, b.with(firstKey.AccessKeyId, firstKey.SecretAccessKey, firstKey.Token)))
	if !strings.HasPrefix(who.arn, "arn:aws:sts::222222222222:assumed-role/runner/i-") {
		t.Errorf("the instance is %s", who.arn)
	}
	if again := read(); again.AccessKeyId != firstKey.AccessKeyId {
		t.Error("the credentials changed although they had hours left")
	}
	b.clock.set(5*time.Hour + 50*time.Minute)
	if later := read(); later.AccessKeyId == firstKey.AccessKeyId {
		t.Error("the credentials were not renewed before their end")
	}
	b.clock.set(6*time.Hour + time.Minute)
	if status, _ := ask(http.MethodGet, "meta-data/instance-id", tokenHeader, token); status != 401 {
		t.Errorf("with an old token: %d, want 401", status)
	}
	b.clock.set(0)
	// A hop too many: no answer at all, as when the packet dies on its way.
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPut, base+"api/token", http.NoBody))
	r.Header.Set(ttl, "60")
	r.Header.Set("Via", "1.1 bridge")
	if answer, err := b.http.Do(r); err == nil {
		_ = answer.Body.Close()
		t.Errorf("a hop too many was answered with %d", answer.StatusCode)
	}
}

type callerIdentity struct{ arn string }

func identity(t *testing.T, c aws.Config) (*callerIdentity, error) {
	t.Helper()
	out, err := stsOf(c).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		return nil, err
	}
	return &callerIdentity{aws.ToString(out.Arn)}, nil
}

func TestRateLimits(t *testing.T) {
	cfg := defaultConfig()
	cfg.RateLimits = []sandbox.RateLimit{{Action: "ecr:GetAuthorizationToken", PerSecond: 0.0001, Burst: 2}, {Action: "ecr:BatchGetImage", PerSecond: 0.0001, Burst: 1}}
	b := start(t, cfg)
	token := func(c aws.Config) error {
		_, err := ecrOf(c).GetAuthorizationToken(t.Context(), nil)
		return err
	}
	for range 2 {
		if err := token(b.pullpass()); err != nil {
			t.Errorf("within the burst: %v", err)
		}
	}
	wantCode(t, "beyond it", token(b.pullpass()), "ThrottlingException", "Rate exceeded")
	auth := b.login(t, b.owner()) // another account has its own
	wantStatus(t, "first manifest", b.pull(t, auth, "team/app:none"), http.StatusNotFound, "")
	wantStatus(t, "second manifest", b.pull(t, auth, "team/app:none"), http.StatusTooManyRequests, "TOOMANYREQUESTS")
}

func TestFaults(t *testing.T) {
	b := start(t, defaultConfig())
	token := func() error {
		_, err := ecrOf(b.owner()).GetAuthorizationToken(t.Context(), nil)
		return err
	}
	b.Inject(sandbox.Fault{Action: "ecr:*", Times: 1, Status: 500, Code: "ServerException"})
	wantCode(t, "status", token(), "ServerException", "told to fail")
	if err := token(); err != nil {
		t.Errorf("after one time: %v", err)
	}
	b.Inject(sandbox.Fault{Action: "ecr:GetAuthorizationToken", Reset: true})
	for range 2 {
		if err := token(); err == nil || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("reset: %v, want EOF", err)
		}
	}
	b.ClearFaults()
	b.push(t, "team/app:1")
	b.Inject(sandbox.Fault{Action: "s3:GetObject", Times: 1, Status: 403})
	if err := b.pull(t, b.login(t, b.owner()), "team/app:1"); err == nil {
		t.Error("a pull whose layer fails succeeded")
	}
	b.Inject(sandbox.Fault{Action: "sts:GetCallerIdentity", Delay: sandbox.Duration(time.Hour)})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := stsOf(b.owner()).GetCallerIdentity(ctx, nil); err == nil {
		t.Error("a call that is delayed by an hour was answered at once")
	}
}

func TestExplain(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	wantStatus(t, "pull", b.pull(t, b.login(t, b.pullpass()), "team/app:1"), http.StatusForbidden, "")
	denials := b.Explain(1)
	if len(denials) != 1 {
		t.Fatalf("%d denials, want 1", len(denials))
	}
	d := denials[0]
	wantEqual(t, "principal", d.Principal, "arn:aws:iam::111111111111:user/pullpass")
	wantEqual(t, "action", d.Action, "ecr:BatchGetImage")
	if d.Decision.Missing == nil || len(d.Decision.Missing.Additions) != 1 || d.Decision.Missing.Additions[0].Account != owner {
		t.Fatalf("missing is %+v, want one statement in account %s", d.Decision.Missing, owner)
	}
	// What is said to be missing is what helps.
	for range 2 { // BatchGetImage, then GetDownloadUrlForLayer
		document := must[[]byte](t)(json.Marshal(b.Explain(1)[0].Decision.Missing.Additions[0].Document()))
		current, err := ecrOf(b.owner()).GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("team/app")})
		if err == nil {
			document = mergePolicies(t, aws.ToString(current.PolicyText), string(document))
		}
		must[*ecr.SetRepositoryPolicyOutput](t)(ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/app"), PolicyText: aws.String(string(document))}))
		if err := b.pull(t, b.login(t, b.pullpass()), "team/app:1"); err == nil {
			break
		}
	}
	if err := b.pull(t, b.login(t, b.pullpass()), "team/app:1"); err != nil {
		t.Errorf("with the missing statements: %v", err)
	}

	get := func(path string, change func(*http.Request)) (int, string) {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, b.Endpoint()+"/_pullpass/"+path, http.NoBody))
		change(r)
		return b.do(t, r)
	}
	// Another process reads the same: statements and all.
	status, body := get("denials?n=2", noChange)
	var read []sandbox.Denial
	if err := json.Unmarshal([]byte(body), &read); err != nil || status != 200 {
		t.Fatalf("denials: %d %v", status, err)
	}
	again := must[[]byte](t)(json.Marshal(read))
	wantEqual(t, "denials", string(again), string(must[[]byte](t)(json.Marshal(b.Explain(2)))))
	if status, body := get("registries", noChange); status != 200 || !strings.Contains(body, "222222222222.dkr.ecr.eu-west-1.amazonaws.com") {
		t.Errorf("registries: %d %s", status, body)
	}
	if status, _ := get("denials", func(r *http.Request) { r.Host = "rebound.example" }); status != 403 {
		t.Errorf("under a foreign name: %d, want 403", status)
	}
	if status, _ := get("ca.pem", noChange); status != 404 {
		t.Errorf("CA without TLS: %d, want 404", status)
	}
}

func mergePolicies(t *testing.T, a, b string) []byte {
	t.Helper()
	type document struct {
		Version   string
		Statement []json.RawMessage
	}
	var merged, more document
	for text, into := range map[string]*document{a: &merged, b: &more} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("policy: %v", err)
		}
	}
	merged.Statement = append(merged.Statement, more.Statement...)
	return must[[]byte](t)(json.Marshal(merged))
}

func TestLayersOnDisk(t *testing.T) {
	cfg := defaultConfig()
	cfg.BlobDirectory = t.TempDir()
	b := start(t, cfg)
	b.push(t, "team/app:1")
	files := must[[]string](t)(filepath.Glob(filepath.Join(cfg.BlobDirectory, owner, region, "team", "app", "_layers", "*")))
	wantEqual(t, "files: three layers and the config", len(files), 4)
	if err := b.pull(t, b.login(t, b.owner()), "team/app:1"); err != nil {
		t.Errorf("pull: %v", err)
	}
	must[*ecr.DeleteRepositoryOutput](t)(ecrOf(b.owner()).DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("team/app"), Force: true}))
	if _, err := os.Stat(filepath.Dir(files[0])); !os.IsNotExist(err) {
		t.Errorf("the layers are still there: %v", err)
	}
}
