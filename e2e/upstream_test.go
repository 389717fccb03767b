package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// upstream stands in front of the sandbox and sees each call to AWS.
type upstream struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string][]time.Time // by operation
	hold  func(operation string) // called before a call goes on
}

// watchUpstream returns it, and the arguments that send a server's AWS calls through
// it.
func watchUpstream(t *testing.T, box *sandbox.Sandbox) (*upstream, []string) {
	t.Helper()
	target, err := url.Parse(box.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}, ErrorLog: log.New(io.Discard, "", 0)} // a killed server's calls are cut
	u := &upstream{calls: map[string][]time.Time{}}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := u.see(r); err != nil {
			t.Errorf("reading a call: %v", err)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(u.Close)
	args := []string{"--allow-egress=127.0.0.1"}
	for _, r := range box.Registries() {
		args = append(args, fmt.Sprintf("--host=host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s",
			r.Address, r.Account, r.Region, u.URL, u.URL, r.Address))
	}
	return u, args
}

// see notes a call: ECR names the operation in a header, STS in a form.
func (u *upstream) see(r *http.Request) error {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return err
		}
		operation = form.Get("Action")
	}
	u.mu.Lock()
	u.calls[operation] = append(u.calls[operation], time.Now())
	hold := u.hold
	u.mu.Unlock()
	if hold != nil {
		hold(operation)
	}
	return nil
}

func (u *upstream) of(operation string) []time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.calls[operation]
}

// forget begins to count anew.
func (u *upstream) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.calls)
}
