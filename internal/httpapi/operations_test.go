package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/httpapi"
)

func TestDownloads(t *testing.T) {
	w := newWorld(t)
	list, err := w.anonymous().Downloads(t.Context())
	must(t, err)
	var names []string
	for _, d := range list {
		names = append(names, d.OS+"-"+d.Arch+"/"+d.Name)
	}
	if got := strings.Join(names, " "); got != "linux-amd64/docker-credential-abc linux-amd64/pullpass linux-arm64/pullpass" {
		t.Errorf("Downloads() = %s", got)
	}
	sum := sha256.Sum256([]byte("a binary"))
	d := list[1]
	got := w.raw("GET", d.Path, "", "")
	if got.status != 200 || got.body != "a binary" || d.Size != 8 || d.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("GET %s = %d %q, listed as %+v", d.Path, got.status, got.body, d)
	}
	if again := w.raw("GET", d.Path, "", "", "If-None-Match", got.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("GET %s with its ETag = %d, want 304", d.Path, again.status)
	}
	if part := w.raw("GET", d.Path, "", "", "Range", "bytes=2-"); part.status != http.StatusPartialContent || part.body != "binary" {
		t.Errorf("GET %s from byte 2 = %d %q", d.Path, part.status, part.body)
	}
	if line := w.raw("GET", d.Path+".sha256", "", ""); line.body != d.SHA256+"  pullpass\n" {
		t.Errorf("GET %s.sha256 = %q, want what sha256sum -c reads", d.Path, line.body)
	}
	page := w.raw("GET", api.PathDownloads, "", "", "Accept", "text/html")
	if !strings.Contains(page.body, d.SHA256) || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("GET %s = %q, want a page with sums and a policy", api.PathDownloads, page.body)
	}
}

// TestDownloadsPageCanBePasted: each line has the server's own address and the sum.
func TestDownloadsPageCanBePasted(t *testing.T) {
	w := newWorld(t)
	list, err := w.anonymous().Downloads(t.Context())
	must(t, err)
	page := html.UnescapeString(w.raw("GET", api.PathDownloads, "", "", "Accept", "text/html").body)
	for _, d := range list {
		want := w.url + d.Path + ` && echo "` + d.SHA256 + "  " + d.Name + `" | sha256sum -c && chmod +x ` + d.Name
		if !strings.Contains(page, "curl -fsSO "+want) {
			t.Errorf("the page of downloads lacks %q:\n%s", want, page)
		}
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	must(t, w.anonymous().Ready(t.Context()))
	w.raw("GET", "/api/v1/"+canary, "", "")
	w.raw("GET", api.PathSelf, canary, "")
	metrics := w.raw("GET", api.PathMetrics, "", "").body
	for _, want := range []string{
		`pullpass_http_requests_total{route="unmatched",status="404"} 1`,
		`pullpass_http_requests_total{route="GET /api/v1/self",status="401"} 1`,
		"pullpass_audit_record_seconds_count", "pullpass_http_request_seconds_bucket", "go_goroutines",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(metrics, canary) {
		t.Error("the metrics repeat what was sent")
	}
	w.Drain()
	wantKind(t, "ready while stopping", w.anonymous().Ready(t.Context()), pullpass.Unavailable)
	if got := w.raw("GET", api.PathLive, "", ""); got.status != 200 {
		t.Errorf("livez while stopping = %d, want 200", got.status)
	}
}

// A stop lets long polls answer, and requests that run finish.
func TestServeStopsGracefully(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	r, _ := o.joined("one")
	e := o.environment(p.ID, r.ID, "dev")
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, l, w.Server) }()
	c, err := client.New("http://"+l.Addr().String(), client.WithToken(o.token), client.WithAttempts(1))
	must(t, err)
	_, err = c.Self(t.Context())
	must(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := c.WaitEnvironment(t.Context(), e.ID, e.Revision, 30*time.Second)
		answered <- err
	}()
	w.waitFor("pullpass_long_polls 1")
	stop()
	must(t, <-answered)
	must(t, <-served)
}

// waitFor polls the metrics until they hold a line.
func (w *world) waitFor(line string) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(w.raw("GET", api.PathMetrics, "", "").body, line+"\n") {
		if time.Now().After(deadline) {
			w.t.Fatalf("the metrics never said %q", line)
		}
	}
}

// A panic is answered without a detail, and logged with where it was.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	w.issuer.panics = "a " + canary
	got := w.raw("POST", api.PathCredentials, o.token.Reveal(), `{"project":"`+string(p.ID)+`","host":"`+ecrHost+`"}`)
	problem := wantProblem(t, "a panic", got, http.StatusInternalServerError, pullpass.Internal)
	if problem.Instance == "" || !strings.Contains(w.log.String(), problem.Instance) || !strings.Contains(w.log.String(), "credentials.go") {
		t.Errorf("the panic is not found in the log by %q", problem.Instance)
	}
	if strings.Contains(w.log.String(), canary) {
		t.Error("the log holds what the panic said")
	}
}

// An error without a kind is ours, and its text stays here.
func TestInternalErrorsStayInside(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	body := `{"project":"` + string(p.ID) + `","host":"` + ecrHost + `"}`
	w.issuer.err = errPlain("dial tcp 10.0.0.1: secret topology")
	got := w.raw("POST", api.PathCredentials, o.token.Reveal(), body)
	wantProblem(t, "an error without a kind", got, http.StatusInternalServerError, pullpass.Internal, "topology")
	w.issuer.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "AWS does not answer", Err: errPlain("10.0.0.1")}
	got = w.raw("POST", api.PathCredentials, o.token.Reveal(), body)
	wantProblem(t, "an error with one inside", got, http.StatusServiceUnavailable, pullpass.Unavailable, "10.0.0.1")
	w.issuer.err = &pullpass.Error{Kind: pullpass.Limited, What: "too many", Err: &pullpass.Error{Kind: pullpass.Limited, What: "AWS throttles", Hint: "wait"}}
	got = w.raw("POST", api.PathCredentials, o.token.Reveal(), body)
	if p := wantProblem(t, "too many", got, http.StatusTooManyRequests, pullpass.Limited); p.Cause != "AWS throttles" || p.Hint != "wait" {
		t.Errorf("the cause inside was lost: %+v", p)
	}
}

type errPlain string

func (e errPlain) Error() string { return string(e) }

func TestAccessLog(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	_, _ = o.Self(t.Context())
	var line struct {
		Msg, Route, Organization, Caller, Request string
		Status                                    int
	}
	for text := range strings.Lines(w.log.String()) {
		must(t, json.Unmarshal([]byte(text), &line))
	}
	if line.Msg != "request" || line.Route != "GET /api/v1/self" || line.Status != 200 || line.Organization != string(o.org) || line.Caller == "" || line.Request == "" {
		t.Errorf("the last log line = %+v, want who asked what", line)
	}
}
