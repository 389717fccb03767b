package helper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/helper"
)

const canary = "canary-secret"

// fakeIssuer answers what it is told to, and remembers what it was asked.
type fakeIssuer struct {
	id    string
	err   error
	cred  pullpass.Credential
	hosts []string

	mu    sync.Mutex
	asked []helper.Ask
}

func (f *fakeIssuer) Identity() string { return f.id }

func (f *fakeIssuer) Credential(ctx context.Context, a helper.Ask) (pullpass.Credential, error) {
	f.mu.Lock()
	f.asked = append(f.asked, a)
	f.mu.Unlock()
	if errors.Is(f.err, errSilent) {
		<-ctx.Done()
		return pullpass.Credential{}, ctx.Err()
	}
	return f.cred, f.err
}

func (f *fakeIssuer) Hosts(context.Context) ([]string, error) { return f.hosts, f.err }

// errSilent makes the issuer wait for ever.
var errSilent = errors.New("silent")

type bench struct {
	*helper.Helper
	issuer *fakeIssuer
	config helper.Config
	now    time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b.issuer = &fakeIssuer{id: "one", cred: pullpass.Credential{
		Username: "AWS", Secret: pullpass.NewSecret(canary), Expires: b.now.Add(12 * time.Hour),
	}}
	b.Helper = &helper.Helper{
		Version: "1.2",
		Config:  func() (*helper.Config, error) { return &b.config, nil },
		Sources: []helper.Source{{Name: helper.SourceServer, Find: func(helper.Ask, *helper.Rule) (helper.Issuer, error) { return b.issuer, nil }}},
		Cache:   &helper.Cache{Dir: filepath.Join(dir, "cache"), Now: func() time.Time { return b.now }},
		Logins:  &helper.Logins{Path: filepath.Join(dir, "config", "docker-logins.json")},
	}
	return b
}

// run returns exit code, standard output and standard error.
func (b *bench) run(ctx context.Context, verb, in string) (code int, out, explain string) {
	var o, e bytes.Buffer
	code = b.Run(ctx, []string{verb}, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

func (b *bench) secret(t *testing.T, url string) string {
	t.Helper()
	code, out, explain := b.run(t.Context(), "get", url)
	if code != 0 {
		t.Fatalf("get %q = %d: %s%s", url, code, out, explain)
	}
	var a struct{ ServerURL, Username, Secret string }
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatalf("get %q = %q: %v", url, out, err)
	}
	if a.ServerURL != url {
		t.Errorf("get %q: ServerURL = %q", url, a.ServerURL)
	}
	return a.Username + ":" + a.Secret
}

func TestAsks(t *testing.T) {
	for _, test := range []struct {
		url  string
		want helper.Ask
	}{
		{"registry.example", helper.Ask{Host: "registry.example"}},
		{"registry.example\n", helper.Ask{Host: "registry.example"}},
		{"https://registry.example", helper.Ask{Host: "registry.example"}},
		{"https://registry.example/", helper.Ask{Host: "registry.example"}},
		{"https://registry.example/v2/", helper.Ask{Host: "registry.example"}},
		{"http://127.0.0.1:5000", helper.Ask{Host: "127.0.0.1:5000"}},
		{"registry.example/team/app", helper.Ask{Host: "registry.example", Repository: "team/app"}},
		{"https://index.docker.io/v1/", helper.Ask{Host: "docker.io"}},
		{"https://index.docker.io", helper.Ask{Host: "docker.io"}},
		{"docker.io", helper.Ask{Host: "docker.io"}},
		{"index.docker.io/library/debian", helper.Ask{Host: "docker.io", Repository: "library/debian"}},
	} {
		b := newBench(t)
		test.want.Action = pullpass.ActionPull
		if code, out, explain := b.run(t.Context(), "get", test.url); code != 0 {
			t.Errorf("get %q: %s%s", test.url, out, explain)
			continue
		}
		if len(b.issuer.asked) != 1 || b.issuer.asked[0] != test.want {
			t.Errorf("get %q asked for %+v, want %+v", test.url, b.issuer.asked, test.want)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	for _, url := range []string{
		"https://user:" + canary + "@registry.example", "registry.example\x00.evil", "registry example",
		"registry.example?x=y", "registry.example#x", "https://", "//registry.example", "rég.example",
		"registry.example\r\nx", strings.Repeat("a", 2000),
	} {
		b := newBench(t)
		code, out, explain := b.run(t.Context(), "get", url)
		if code != 1 || len(b.issuer.asked) != 0 {
			t.Errorf("get %q = %d, asked %+v; want it refused", url, code, b.issuer.asked)
		}
		if strings.Contains(out+explain, canary) {
			t.Errorf("get %q repeats what it was given: %s%s", url, out, explain)
		}
	}
}

// A client that names a registry by http:// sends what it is given in clear text: it
// gets nothing, from the server or from a login of before, unless that stays on this
// machine.
func TestNothingForPlainHTTP(t *testing.T) {
	b := newBench(t)
	if code, out, explain := b.run(t.Context(), "store", `{"ServerURL":"registry.example","Username":"me","Secret":"`+canary+`"}`); code != 0 {
		t.Fatalf("store: %s%s", out, explain)
	}
	for _, url := range []string{
		"http://registry.example", "HTTP://registry.example", "http://registry.example/v2/", "http://registry.example:80/team/app",
		"http://10.0.0.1:5000", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.1.:5000", "http://[2001:db8::1]:5000",
	} {
		code, out, explain := b.run(t.Context(), "get", url)
		if code != 1 || out != "credentials not found in native keychain\n" && !strings.Contains(explain, "cannot read") || len(b.issuer.asked) != 0 {
			t.Errorf("get %q = %d, %q, asked for %+v; want nothing", url, code, out, b.issuer.asked)
		}
		code, out, _ = b.run(t.Context(), "store", `{"ServerURL":"`+url+`","Username":"me","Secret":"`+canary+`"}`)
		if code != 1 || strings.Contains(out, canary) {
			t.Errorf("store %q = %d, %q, want it refused", url, code, out)
		}
	}
	for _, url := range []string{"http://127.0.0.1:5000", "http://127.1.2.3", "http://localhost:5000/team/app", "http://[::1]:5000", "http://registry.localhost"} {
		if code, out, explain := newBench(t).run(t.Context(), "get", url); code != 0 {
			t.Errorf("get %q: %s%s", url, out, explain)
		}
	}
}

// Clients recognise these texts, and no others.
func TestFixedTexts(t *testing.T) {
	noRegistry := &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "no registry"}
	for _, test := range []struct {
		verb, in string
		err      error
		want     string
	}{
		{"get", "", nil, "no credentials server URL\n"},
		{"get", " \n", nil, "no credentials server URL\n"},
		{"get", "registry.example", noRegistry, "credentials not found in native keychain\n"},
		{"erase", "", nil, "no credentials server URL\n"},
		{"store", `{"Username":"u","Secret":"s"}`, nil, "no credentials server URL\n"},
		{"store", `{"ServerURL":"https://registry.example","Secret":"s"}`, nil, "no credentials username\n"},
		{"reset", "", nil, helper.Usage + "\n"},
	} {
		b := newBench(t)
		b.issuer.err = test.err
		code, out, _ := b.run(t.Context(), test.verb, test.in)
		if code != 1 || out != test.want {
			t.Errorf("%s %q = %d, %q, want 1, %q", test.verb, test.in, code, out, test.want)
		}
	}
}

// Every failure but the one is an error, with its cause where people see it.
func TestFailuresAreNotAnonymous(t *testing.T) {
	for _, err := range []error{
		&pullpass.Error{Kind: pullpass.NotFound, What: "w", Cause: "the cause", Hint: "the fix"},
		&pullpass.Error{Kind: pullpass.Denied, What: "w", Cause: "the cause", Hint: "the fix"},
		&pullpass.Error{Kind: pullpass.Unavailable, What: "w", Cause: "the cause", Hint: "the fix"},
		errors.New("the cause"),
	} {
		b := newBench(t)
		b.issuer.err = err
		code, out, explain := b.run(t.Context(), "get", "registry.example")
		if code != 1 || strings.Contains(out, "not found in native keychain") || strings.Count(out, "\n") != 1 {
			t.Errorf("%v: %d, %q", err, code, out)
		}
		if !strings.Contains(explain, "the cause") || (pullpass.HintOf(err) != "" && !strings.Contains(explain, "the fix")) {
			t.Errorf("%v: standard error is %q", err, explain)
		}
	}
	b := newBench(t)
	b.Sources[0].Find = func(helper.Ask, *helper.Rule) (helper.Issuer, error) {
		return nil, &pullpass.Error{Kind: pullpass.Unauthenticated, What: "not logged in"}
	}
	if code, out, _ := b.run(t.Context(), "get", "registry.example"); code != 1 || !strings.Contains(out, "not logged in") {
		t.Errorf("without a login: %d, %q", code, out)
	}
}

func TestSilentServerEnds(t *testing.T) {
	b := newBench(t)
	b.issuer.err = errSilent
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // stands for the timeout
	defer cancel()
	code, out, explain := b.run(ctx, "get", "registry.example")
	if code != 1 || !strings.Contains(out, "no answer") || !strings.Contains(explain, "check the route") {
		t.Errorf("get = %d, %q, %q", code, out, explain)
	}
}

func TestLoginsOfOtherRegistries(t *testing.T) {
	b := newBench(t)
	b.issuer.hosts = []string{"registry.example"}
	do := func(verb, in string) string {
		t.Helper()
		code, out, explain := b.run(t.Context(), verb, in)
		if code != 0 {
			t.Fatalf("%s: %d, %s%s", verb, code, out, explain)
		}
		return out
	}
	do("store", `{"ServerURL":"https://index.docker.io/v1/","Username":"ada","Secret":"hub"}`)
	do("store", `{"ServerURL":"quay.io","Username":"ada","Secret":"quay"}`)
	do("store", `{"ServerURL":"quay.io","Username":"ada","Secret":"quay2"}`)
	for url, want := range map[string]string{
		"https://index.docker.io/v1/": "ada:hub", "docker.io": "ada:hub", "quay.io": "ada:quay2",
		"quay.io/team/app": "ada:quay2", "https://quay.io": "ada:quay2", "registry.example": "AWS:" + canary,
	} {
		if got := b.secret(t, url); got != want {
			t.Errorf("get %q = %q, want %q", url, got, want)
		}
	}
	var listed map[string]string
	if err := json.Unmarshal([]byte(do("list", "unused")), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 3 || listed["quay.io"] != "ada" || listed["https://index.docker.io/v1/"] != "ada" || listed["registry.example"] == "" {
		t.Errorf("list = %v", listed)
	}
	if info, err := os.Stat(b.Logins.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("logins: %v, %v", info, err)
	}
	do("erase", "https://quay.io")
	if got := b.secret(t, "quay.io"); got != "AWS:"+canary {
		t.Errorf("after erase get quay.io = %q", got)
	}
}

func TestVersion(t *testing.T) {
	b := newBench(t)
	if code, out, _ := b.run(t.Context(), "version", ""); code != 0 || !strings.Contains(out, "docker-credential-pullpass") || !strings.Contains(out, "1.2") {
		t.Errorf("version = %d, %q", code, out)
	}
}

// A server that hangs or fails says nothing of what it gave before: only a refusal
// takes a kept credential away, and the fallback has time.
func TestOnlyARefusalRemovesAKeptCredential(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		kept bool
	}{
		{"hangs", errSilent, true},
		{"unavailable", &pullpass.Error{Kind: pullpass.Unavailable, What: "away"}, true},
		{"internal", &pullpass.Error{Kind: pullpass.Internal, What: "broken"}, true},
		{"limited", &pullpass.Error{Kind: pullpass.Limited, What: "too often"}, true},
		{"without a kind", errors.New("the answer cannot be read"), true},
		{"denied", &pullpass.Error{Kind: pullpass.Denied, What: "no"}, false},
		{"no registry", &pullpass.Error{Kind: pullpass.NotFound, Code: pullpass.CodeNoRegistry, What: "no"}, false},
		{"token gone", &pullpass.Error{Kind: pullpass.Unauthenticated, What: "who?"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.secret(t, "registry.example")
				b.now = b.now.Add(8 * time.Hour)
				b.issuer.err = test.err
				began := time.Now()
				code, out, _ := b.run(t.Context(), "get", "registry.example")
				if kept := code == 0 && strings.Contains(out, canary); kept != test.kept {
					t.Errorf("the kept credential was given: %v, want %v (%s)", kept, test.kept, out)
				}
				if took := time.Since(began); took >= helper.DefaultTimeout {
					t.Errorf("the fallback came after %s, when the client's time was over", took)
				}
				asked := len(b.issuer.asked)
				b.now = b.now.Add(time.Second)
				code, out, _ = b.run(t.Context(), "get", "registry.example")
				if kept := code == 0 && strings.Contains(out, canary); kept != test.kept {
					t.Errorf("a second time the kept credential was given: %v, want %v (%s)", kept, test.kept, out)
				}
				if test.kept && len(b.issuer.asked) != asked {
					t.Error("a server that has just not answered was asked again at once")
				}
			})
		})
	}
}

// Clients have an answer erased that a registry did not take: the next question says so.
func TestErasedAnswerIsToldAsRefused(t *testing.T) {
	b := newBench(t)
	b.secret(t, "registry.example/team/app")
	if code, out, explain := b.run(t.Context(), "erase", "registry.example/team/app"); code != 0 {
		t.Fatalf("erase: %s%s", out, explain)
	}
	refused := b.issuer.cred.Fingerprint()
	b.secret(t, "registry.example/team/app") // the same once more: the server has none that is new
	b.issuer.cred.Secret = pullpass.NewSecret("new-secret")
	if got := b.secret(t, "registry.example/other"); got != "AWS:new-secret" {
		t.Errorf("another repository: %s", got)
	}
	want := []helper.Ask{
		{Host: "registry.example", Repository: "team/app", Action: pullpass.ActionPull},
		{Host: "registry.example", Repository: "team/app", Action: pullpass.ActionPull, Refused: refused},
		{Host: "registry.example", Repository: "other", Action: pullpass.ActionPull},
	}
	if !slices.Equal(b.issuer.asked, want) {
		t.Errorf("asked %+v, want %+v", b.issuer.asked, want)
	}
	files, err := os.ReadDir(b.Cache.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(b.Cache.Dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name(), ".erased") && bytes.Contains(text, []byte(canary)) {
			t.Errorf("%s keeps the secret of what was erased", f.Name())
		}
	}
}

// Containers that share a home directory have their sockets at the same path: what one
// environment was given is not another one's.
func TestSocketsOfDifferentContainersAreDifferent(t *testing.T) {
	dir := t.TempDir()
	identity := func() string {
		t.Helper()
		path := filepath.Join(dir, "agent.sock")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		t.Setenv(helper.EnvSocket, path)
		s, err := helper.FindSocket()
		if err != nil || s == nil {
			t.Fatalf("FindSocket = %v, %v", s, err)
		}
		again, err := helper.FindSocket()
		if err != nil || again.Identity() != s.Identity() {
			t.Errorf("the same socket is %q and %q", s.Identity(), again.Identity())
		}
		return s.Identity()
	}
	first := identity()
	if err := os.Rename(filepath.Join(dir, "agent.sock"), filepath.Join(dir, "elsewhere.sock")); err != nil { // its number stays taken
		t.Fatal(err)
	}
	if second := identity(); first == second {
		t.Errorf("two sockets at one path are both %q", first)
	}
}

// A login for one repository opens that one; its host's others are Pullpass's to open.
func TestLoginOfAnotherRepositoryIsNotUsed(t *testing.T) {
	b := newBench(t)
	if code, out, explain := b.run(t.Context(), "store", `{"ServerURL":"registry.example/team/other","Username":"me","Secret":"mine"}`); code != 0 {
		t.Fatalf("store: %s%s", out, explain)
	}
	for url, want := range map[string]string{
		"registry.example/team/other": "me:mine", "registry.example/team/app": "AWS:" + canary, "registry.example": "AWS:" + canary,
	} {
		if got := b.secret(t, url); got != want {
			t.Errorf("get %s = %s, want %s", url, got, want)
		}
	}
}

// Who pushes says so: what is kept for pulling is not given out for a push, nor the
// other way round, and what cannot be understood is refused.
func TestPushIsAskedForByName(t *testing.T) {
	b := newBench(t)
	b.secret(t, "registry.example")
	t.Setenv(helper.EnvAction, "push")
	b.issuer.cred.Secret = pullpass.NewSecret("may-push")
	if got := b.secret(t, "registry.example"); got != "AWS:may-push" {
		t.Errorf("for a push after a pull: %s, want another credential", got)
	}
	t.Setenv(helper.EnvAction, "pull")
	if got := b.secret(t, "registry.example"); got != "AWS:"+canary {
		t.Errorf("for a pull after a push: %s, want the one for pulling", got)
	}
	want := []helper.Ask{{Host: "registry.example", Action: pullpass.ActionPull}, {Host: "registry.example", Action: pullpass.ActionPush}}
	if !slices.Equal(b.issuer.asked, want) {
		t.Errorf("asked %+v, want %+v", b.issuer.asked, want)
	}
	t.Setenv(helper.EnvAction, "admin")
	if code, out, explain := b.run(t.Context(), "get", "registry.example"); code == 0 || !strings.Contains(explain, helper.EnvAction) {
		t.Errorf("for an unknown action: %d %s%s, want a refusal that names the variable", code, out, explain)
	}
	if code, out, explain := b.run(t.Context(), "erase", "registry.example"); code != 0 {
		t.Errorf("erase: %s%s", out, explain)
	}
	t.Setenv(helper.EnvAction, "")
	b.secret(t, "registry.example")
	if last := b.issuer.asked[len(b.issuer.asked)-1]; len(b.issuer.asked) != 3 || last.Refused == "" {
		t.Errorf("after erase asked %+v, want both to be forgotten", b.issuer.asked)
	}
}
