package source_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/cgi" //nolint:gosec // Httpoxy was closed in Go 1.6.3
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/source"
)

// host is git's own http-backend over https.
type host struct {
	*httptest.Server
	t    *testing.T
	root string
	// elsewhere is another host, which counts who comes.
	elsewhere *httptest.Server
	strayed   atomic.Int32
}

// guarded lets the token "read" read and "write" push as well, whoever brings them.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		push := strings.Contains(r.URL.RawQuery, "git-receive-pack")
		switch {
		case password != "read" && password != "write":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
		case push && password != "write":
			w.WriteHeader(http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func newHost(t *testing.T) (*host, *source.Source) {
	t.Helper()
	h := &host{t: t, root: t.TempDir()}
	backend := &cgi.Handler{Path: "/usr/lib/git-core/git-http-backend", Env: []string{
		"GIT_PROJECT_ROOT=" + h.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=http.receivepack", "GIT_CONFIG_VALUE_1=true"}}
	mux := http.NewServeMux()
	mux.Handle("/", backend)
	mux.Handle("/private/", guarded(backend))
	mux.HandleFunc("/gitlab/app/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/gitlab/app.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.HandleFunc("/moved/app/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/acme/app/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.HandleFunc("/lost/app/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, h.elsewhere.URL+"/acme/app/info/refs?"+r.URL.RawQuery, http.StatusFound)
	})
	h.elsewhere = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.strayed.Add(1)
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(h.elsewhere.Close)
	mux.HandleFunc("/closed/app/info/refs", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("/web/app/info/refs", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	h.Server = httptest.NewTLSServer(mux)
	t.Cleanup(h.Close)
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	out, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return h, source.New(out)
}

func (h *host) sh(dir string, args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	text, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, text)
	}
	return strings.TrimSpace(string(text))
}

// repository has a branch main with a small and a large file, a branch feature/x,
// a plain and an annotated tag.
func (h *host) repository(path string, filter bool) string {
	h.t.Helper()
	bare, work := filepath.Join(h.root, path), h.t.TempDir()
	h.sh(work, "init", "-q", "--bare", "-b", "main", bare)
	if filter {
		h.sh(bare, "config", "uploadpack.allowFilter", "true")
	}
	h.sh(work, "init", "-q", "-b", "main")
	for name, text := range map[string]string{".pullpass-challenge": "hello\n", "large": strings.Repeat("x", 8<<10), "dir/file": "deep"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o750), os.WriteFile(filepath.Join(work, name), []byte(text), 0o600)); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := os.Symlink("dir/file", filepath.Join(work, "link")); err != nil {
		h.t.Fatal(err)
	}
	h.sh(work, "add", "-A")
	h.sh(work, "commit", "-q", "-m", "one")
	h.sh(work, "tag", "v1")
	h.sh(work, "tag", "-a", "-m", "two", "v2")
	h.sh(work, "checkout", "-q", "-b", "feature/x")
	h.sh(work, "commit", "-q", "--allow-empty", "-m", "three")
	h.sh(work, "push", "-q", bare, "main", "feature/x", "v1", "v2")
	return bare
}

func TestResolve(t *testing.T) {
	h, s := newHost(t)
	bare := h.repository("acme/app", true)
	for ref, want := range map[string][2]string{
		"": {"main", "main"}, "main": {"main", "main"}, "feature/x": {"feature/x", "feature/x"}, "v1": {"v1", "v1"}, "v2": {"v2", "v2^{commit}"},
	} {
		name, commit, err := s.Resolve(t.Context(), h.URL+"/acme/app", pullpass.GitLogin{}, ref)
		if err != nil || name != want[0] || commit != h.sh(bare, "rev-parse", want[1]) {
			t.Errorf("Resolve(%q) = %q, %q, %v, want %s", ref, name, commit, err, want[0])
		}
	}
	for _, ref := range []string{"nowhere", "refs/heads/main", "HEAD", "../main", "main\n", "mai"} {
		if _, _, err := s.Resolve(t.Context(), h.URL+"/acme/app", pullpass.GitLogin{}, ref); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("Resolve(%q) = %v, want invalid", ref, err)
		}
	}
}

func TestFile(t *testing.T) {
	h, s := newHost(t)
	h.repository("acme/app", true)
	h.repository("acme/plain", false)
	h.repository("gitlab/app.git", true)
	for _, path := range []string{"/acme/app", "/acme/plain", "/gitlab/app"} {
		if text, err := s.File(t.Context(), h.URL+path, pullpass.GitLogin{}, ".pullpass-challenge"); err != nil || text != "hello\n" {
			t.Errorf("File(%s) = %q, %v, want the file", path, text, err)
		}
		for _, name := range []string{"missing", "large", "link", "dir", "dir/file", "../app", ""} {
			if text, err := s.File(t.Context(), h.URL+path, pullpass.GitLogin{}, name); !pullpass.IsKind(err, pullpass.NotFound) {
				t.Errorf("File(%s, %q) = %q, %v, want not found", path, name, text, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	h, s := newHost(t)
	h.repository("acme/app", true)
	h.sh(h.root, "init", "-q", "--bare", "-b", "main", filepath.Join(h.root, "acme/empty"))
	for address, want := range map[string]pullpass.Kind{
		h.URL + "/acme/none":         pullpass.Invalid,
		h.URL + "/acme/empty":        pullpass.Invalid,
		h.URL + "/closed/app":        pullpass.Invalid,
		h.URL + "/moved/app":         pullpass.Invalid, // to a repository that is there
		h.URL + "/web/app":           pullpass.Unavailable,
		"https://127.0.0.1:1/a/b":    pullpass.Unavailable,
		"https://169.254.169.254/a":  pullpass.Denied,
		"https://10.0.0.1/acme/app":  pullpass.Denied,
		h.URL + "/x/../acme/app":     pullpass.Invalid,
		h.URL + "//acme/app":         pullpass.Invalid,
		h.URL + "/acme/app/":         pullpass.Invalid,
		h.URL + "/acme%2Fapp":        pullpass.Invalid,
		h.URL + "/acme/app?x":        pullpass.Invalid,
		h.URL + "/acme/app#x":        pullpass.Invalid,
		h.URL + "/.git":              pullpass.Invalid,
		h.URL:                        pullpass.Invalid,
		"https://u:p@host.example/a": pullpass.Invalid,
		"https://HOST.example/a":     pullpass.Invalid,
		"https://host.example./a":    pullpass.Invalid,
		"http://host.example/a":      pullpass.Invalid,
		"ssh://git@host.example/a":   pullpass.Invalid,
		"git@host.example:a/b":       pullpass.Invalid,
		"file://" + h.root + "/acme": pullpass.Invalid,
		h.root + "/acme/app":         pullpass.Invalid,
		"":                           pullpass.Invalid,
	} {
		_, _, err := s.Resolve(t.Context(), address, pullpass.GitLogin{}, "main")
		if !pullpass.IsKind(err, want) {
			t.Errorf("Resolve(%q) = %v (%s), want %s", address, err, pullpass.KindOf(err), want)
		}
		if _, err := s.File(t.Context(), address, pullpass.GitLogin{}, ".pullpass-challenge"); !pullpass.IsKind(err, want) {
			t.Errorf("File(%q) = %v (%s), want %s", address, err, pullpass.KindOf(err), want)
		}
	}
}

// A login opens what is private; only one that may push shows whose it is.
func TestLogin(t *testing.T) {
	h, s := newHost(t)
	h.repository("private/app", true)
	h.repository("acme/app", true) // anybody may push here
	login := func(token string) pullpass.GitLogin {
		return pullpass.GitLogin{Username: "x-access-token", Password: pullpass.NewSecret(token)}
	}
	for _, c := range []struct {
		path, token string
		read, push  bool
	}{
		{"/private/app", "", false, false},
		{"/private/app", "wrong", false, false},
		{"/private/app", "read", true, false},
		{"/private/app", "write", true, true},
		{"/private/none", "write", false, false},
		{"/acme/app", "", true, false},
		{"/acme/app", "write", true, false}, // shows nothing where everybody may
		{"/closed/app", "write", false, false},
		{"/lost/app", "write", false, false},
	} {
		_, commit, err := s.Resolve(t.Context(), h.URL+c.path, login(c.token), "main")
		if (err == nil) != c.read || (commit != "") != c.read {
			t.Errorf("Resolve(%s) with %q = %q, %v, want it read: %t", c.path, c.token, commit, err, c.read)
		}
		text, err := s.File(t.Context(), h.URL+c.path, login(c.token), ".pullpass-challenge")
		if (err == nil && text == "hello\n") != c.read {
			t.Errorf("File(%s) with %q = %q, %v, want it read: %t", c.path, c.token, text, err, c.read)
		}
		if may, err := s.MayPush(t.Context(), h.URL+c.path, login(c.token)); may != c.push || (err != nil && c.path != "/lost/app") {
			t.Errorf("MayPush(%s) with %q = %t, %v, want %t", c.path, c.token, may, err, c.push)
		}
	}
	if n := h.strayed.Load(); n != 0 {
		t.Errorf("%d requests went to another host, want none", n)
	}
	if may, err := s.MayPush(t.Context(), "https://u:p@host.example/a", login("write")); may || !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("MayPush to an address with a password in it = %t, %v", may, err)
	}
}

// A pack of a few kilobytes that unpacks to more than is kept is not unpacked.
func TestBombs(t *testing.T) {
	h, s := newHost(t)
	h.repository("acme/bomb", false) // without filters: everything comes over
	work := t.TempDir()
	h.sh(work, "clone", "-q", filepath.Join(h.root, "acme/bomb"), work)
	if err := os.WriteFile(filepath.Join(work, "zeros"), make([]byte, 65<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	h.sh(work, "add", "-A")
	h.sh(work, "commit", "-q", "-m", "bomb")
	h.sh(work, "push", "-q", "origin", "HEAD:main")
	var e *pullpass.Error
	if _, err := s.File(t.Context(), h.URL+"/acme/bomb", pullpass.GitLogin{}, ".pullpass-challenge"); !errors.As(err, &e) || e.Code != "repository_too_large" {
		t.Errorf("File = %v, want repository_too_large", err)
	}
}
