package docker

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/moby/api/types/jsonstream"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

const canary = "canary-password"

// known checks that err is an error with a code, and says all three parts.
func known(t *testing.T, what string, err error, code, hint string) {
	t.Helper()
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != code || e.What == "" || e.Cause == "" || !strings.Contains(e.Hint, hint) {
		t.Errorf("%s: %#v, want code %s and a hint with %q", what, err, code, hint)
	}
}

func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ppd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "docker.sock")
}

func at(t *testing.T, socket string) *Engine {
	t.Helper()
	e, err := New(Options{Host: "unix://" + socket, Runner: "run_1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestRemoteEnginesAreRefused(t *testing.T) {
	for _, host := range []string{"tcp://10.0.0.1:2375", "ssh://ada:" + canary + "@build-1", "https://build-1", "npipe:////./pipe/docker_engine", "10.0.0.1"} {
		_, err := New(Options{Host: host, Runner: "run_1"})
		known(t, host, err, runner.CodeEngineRemote, "DOCKER_HOST=unix://")
		if err != nil && strings.Contains(pullpass.Explain(err), canary) {
			t.Errorf("%s is repeated: %v", host, err)
		}
	}
}

func TestNoEngine(t *testing.T) {
	socket := socketDir(t)
	_, err := at(t, socket).Info(t.Context())
	known(t, "no socket", err, runner.CodeEngineMissing, "apt-get install docker.io")

	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func(*Engine) error{
		"Info": func(e *Engine) error { _, err := e.Info(t.Context()); return err },
		"List": func(e *Engine) error { _, err := e.List(t.Context(), ""); return err },
		"Pull": func(e *Engine) error {
			return e.Pull(t.Context(), runner.PullRequest{Reference: "127.0.0.1:1/a@sha256:" + strings.Repeat("1", 64)})
		},
		"Start": func(e *Engine) error { _, err := e.Start(t.Context(), runner.StartRequest{}); return err },
	} {
		known(t, what+" with nobody listening", call(at(t, socket)), runner.CodeEngineMissing, "systemctl start docker")
	}
}

// Permission is asked of the thread: root takes on another user's for file systems.
func TestPermissionDenied(t *testing.T) {
	socket := socketDir(t)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := os.Chmod(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	e := at(t, socket)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		done <- e.unreachable(context.Background(), errors.New("refused"))
	}()
	err = <-done
	known(t, "a socket that may not be used", err, runner.CodeEnginePermission, "usermod -aG docker")
	if !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("its kind is %s", pullpass.KindOf(err))
	}
}

// answering is an engine that answers what it is told to.
func answering(t *testing.T, handler http.HandlerFunc) *Engine {
	t.Helper()
	socket := socketDir(t)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler} //nolint:gosec // for one test
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return at(t, socket)
}

func TestOldAndForeignEngines(t *testing.T) {
	old := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.30") })
	_, err := old.Info(t.Context())
	known(t, "an old engine", err, runner.CodeEngineTooOld, "upgrade")

	windows := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if strings.HasSuffix(r.URL.Path, "/version") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"Version":"20.10","Os":"windows","Arch":"amd64"}`))
		}
	})
	_, err = windows.Info(t.Context())
	known(t, "an engine of Windows", err, runner.CodeEngineMissing, "Linux containers")
}

// Errors can come in the middle of an answer that began well; the engine gives only
// text.
func TestErrorsWithinThePullStream(t *testing.T) {
	for _, test := range []struct{ text, code string }{
		{"unauthorized: authentication required", runner.CodePullDenied},
		{"pull access denied for a, repository does not exist or may require 'docker login': denied: no", runner.CodePullDenied},
		{"denied: Your authorization token has expired. Reauthenticate and try again.", runner.CodePullDenied},
		{"no basic auth credentials", runner.CodePullDenied},
		{"manifest unknown: Requested image not found", runner.CodeImageNotFound},
		{"manifest for a@sha256:1 not found: manifest unknown", runner.CodeImageNotFound},
		{"name unknown: The repository with name 'a' does not exist", runner.CodeImageNotFound},
		{"no matching manifest for linux/arm64/v8 in the manifest list entries", runner.CodeImageInvalid},
		{"failed to resolve reference: unexpected status from HEAD request to http://a: 401 Unauthorized", runner.CodePullDenied},
		{"failed to resolve reference: unexpected status from HEAD request to http://a: 403 Forbidden", runner.CodePullDenied},
		{"failed to resolve reference a@sha256:1: a@sha256:1: not found", runner.CodeImageNotFound},
		{"toomanyrequests: Rate exceeded", runner.CodePullFailed},
		{"failed to register layer: no space left on device", runner.CodePullFailed},
		{"Get https://a/v2/: x509: certificate signed by unknown authority", runner.CodePullFailed},
		{"dial tcp: lookup a: no such host", runner.CodePullFailed},
		{"dial tcp 10.0.0.1:443: i/o timeout", runner.CodePullFailed},
		{"http: server gave HTTP response to HTTPS client", runner.CodePullFailed},
	} {
		e := answering(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			if strings.HasSuffix(r.URL.Path, "/images/create") {
				_, _ = w.Write([]byte(`{"status":"Pulling from a","id":"1"}` + "\n"))
				_, _ = w.Write([]byte(`{"errorDetail":{"message":"` + test.text + `"},"error":"` + test.text + `"}` + "\n"))
			}
		})
		err := e.Pull(t.Context(), runner.PullRequest{
			Reference: "127.0.0.1:1/a@sha256:" + strings.Repeat("1", 64),
			Auth:      runner.RegistryAuth{Username: "u", Password: pullpass.NewSecret(canary)},
		})
		known(t, test.text, err, test.code, "")
		if err != nil && strings.Contains(pullpass.Explain(err), canary) {
			t.Errorf("%s: shows the password: %v", test.text, err)
		}
	}
}

// What the two image stores say while they pull, and what is made of it.
func TestProgressOfBothStores(t *testing.T) {
	layer := func(status, id string, current, total int64) jsonstream.Message {
		return jsonstream.Message{Status: status, ID: id, Progress: &jsonstream.Progress{Current: current, Total: total}}
	}
	own := []jsonstream.Message{
		{Status: "Pulling from team/app", ID: "1.4"},
		{Status: "Already exists", ID: "l1"}, {Status: "Pulling fs layer", ID: "l2"}, {Status: "Waiting", ID: "l2"},
		layer("Downloading", "l2", 40, 100),
	}
	containerd := []jsonstream.Message{
		{Status: "Pulling from team/app", ID: "1.4"}, {Status: "Download complete", ID: "manifest"},
		{Status: "Pulling fs layer", ID: "l1"}, {Status: "Pulling fs layer", ID: "l2"},
		layer("Downloading", "config", 1, 2), {Status: "Download complete", ID: "config"},
		{Status: "Download complete", ID: "l1"}, {Status: "Pull complete", ID: "l1"},
		layer("Downloading", "l2", 40, 100),
	}
	for name, messages := range map[string][]jsonstream.Message{"docker's": own, "containerd's": containerd} {
		l := layers{}
		for _, m := range messages {
			l.note(m)
		}
		want := pullpass.Progress{LayersDone: 1, LayersTotal: 2, BytesDone: 40, BytesTotal: 100}
		if got := l.sum(); got != want {
			t.Errorf("%s store: %+v, want %+v", name, got, want)
		}
		want = pullpass.Progress{LayersDone: 2, LayersTotal: 2, BytesDone: 100, BytesTotal: 100}
		if got := l.finish(); got != want {
			t.Errorf("%s store, finished: %+v, want %+v", name, got, want)
		}
	}
}

// The credential is in the header of the pull, and in no other request.
func TestCredentialIsOnThePullOnly(t *testing.T) {
	seen := map[string]bool{}
	e := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if r.Header.Get("X-Registry-Auth") != "" {
			seen[r.URL.Path] = true
		}
		if strings.HasSuffix(r.URL.Path, "/json") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{}`))
		}
	})
	for name, auth := range map[string]runner.RegistryAuth{
		"basic":  {Username: "u", Password: pullpass.NewSecret(canary)},
		"bearer": {Token: pullpass.NewSecret(canary)},
		"none":   {},
	} {
		clear(seen)
		if err := e.Pull(t.Context(), runner.PullRequest{Reference: "127.0.0.1:1/a@sha256:" + strings.Repeat("1", 64), Auth: auth}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want := 1
		if name == "none" {
			want = 0
		}
		if len(seen) != want || (want == 1 && !seen["/v1.41/images/create"]) {
			t.Errorf("%s: the credential was in %v", name, seen)
		}
	}
}

// An engine that ends between two messages ends the stream without an error: that is
// no pull.
func TestStreamThatEndsEarlyIsNoPull(t *testing.T) {
	e := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if strings.HasSuffix(r.URL.Path, "/images/create") {
			_, _ = w.Write([]byte(`{"status":"Pulling fs layer","id":"l1"}` + "\n"))
			return
		}
		if strings.HasSuffix(r.URL.Path, "/tag") {
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"No such image: a"}`))
	})
	if err := e.Pull(t.Context(), runner.PullRequest{Reference: "127.0.0.1:1/a@sha256:" + strings.Repeat("1", 64)}); err == nil {
		t.Error("a pull that the engine did not finish counts as done")
	}
}
