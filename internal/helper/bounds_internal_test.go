package helper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// What an address may hold, byte by byte, and how long it may be.
func TestAddressesByteByByte(t *testing.T) {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/[]"
	for c := range 256 {
		s := string([]byte{byte(c)})
		if got, want := plain(s, 0), strings.Contains(allowed, s); got != want {
			t.Errorf("plain(%q) = %v, want %v", s, got, want)
		}
		if got, want := plain(s, '*'), strings.Contains(allowed+"*", s); got != want {
			t.Errorf("plain(%q, '*') = %v, want %v", s, got, want)
		}
	}
	for n, want := range map[int]bool{1024: true, 1025: false} {
		if _, err := parseURL("https://a.example/" + strings.Repeat("r", n-18)); (err == nil) != want {
			t.Errorf("an address of %d bytes: %v, want it taken %v", n, err, want)
		}
	}
}

// How long an answer is used without asking: an hour, five minutes for what has no
// end, never when less than fifteen minutes are left or the clock was set back.
func TestFreshToTheInstant(t *testing.T) {
	kept := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		life     time.Duration // 0: without end
		half     bool
		age      time.Duration
		want     bool
		whatever string
	}{
		{0, false, 5*time.Minute - 1, true, "no end"}, {0, false, 5 * time.Minute, false, "no end, too old"}, {0, false, 0, true, "no end, now"}, {0, false, -1, false, "from the future"},
		{12 * time.Hour, false, time.Hour - 1, true, "an hour"}, {12 * time.Hour, false, time.Hour, false, "older"}, {12 * time.Hour, false, 0, true, "now"}, {12 * time.Hour, false, -1, false, "from the future"},
		{30 * time.Minute, false, 15 * time.Minute, true, "fifteen minutes left"}, {30 * time.Minute, false, 15*time.Minute + 1, false, "less left"},
		{12 * time.Hour, true, 6*time.Hour - 1, true, "half of its life"}, {12 * time.Hour, true, 6 * time.Hour, false, "more than half of its life"},
		{time.Hour, true, 45*time.Minute - 1, true, "a short one, to near its end"}, {time.Hour, true, 45 * time.Minute, false, "a short one, at it"},
		{100 * time.Minute, true, time.Hour - 1, true, "between: an hour"}, {100 * time.Minute, true, time.Hour, false, "between: older"},
	} {
		e := entry{Username: "u", Kept: kept, HalfLife: test.half}
		if test.life != 0 {
			e.Expires = kept.Add(test.life)
		}
		c := &Cache{Now: func() time.Time { return kept.Add(test.age) }}
		if got := c.fresh(e); got != test.want {
			t.Errorf("%s: fresh = %v, want %v", test.whatever, got, test.want)
		}
	}
}

// told answers a credential, and remembers what it was told to be refused.
type told struct {
	secret  string
	err     error
	refused []string
	expires time.Time
}

func (a *told) Identity() string { return "told" }

func (a *told) Hosts(context.Context) ([]string, error) { return nil, a.err }

func (a *told) Credential(_ context.Context, ask Ask) (pullpass.Credential, error) {
	a.refused = append(a.refused, ask.Refused)
	return pullpass.Credential{Host: ask.Host, Username: "u", Secret: pullpass.NewSecret(a.secret), Expires: a.expires}, a.err
}

// What a client had erased is told as refused for a quarter of an hour, until
// another one comes; the same one again, or a failure, changes nothing.
func TestErasedIsToldUntilAnotherComes(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	c := &Cache{Dir: filepath.Join(t.TempDir(), "c"), Now: func() time.Time { return now }}
	issuer := &told{secret: "one", expires: now.Add(12 * time.Hour)}
	ask := Ask{Host: "a.example"}
	get := func(want string) {
		t.Helper()
		_, err := c.get(t.Context(), issuer, ask)
		if issuer.err == nil && err != nil {
			t.Error(err)
		}
		if got := issuer.refused[len(issuer.refused)-1]; got != want {
			t.Errorf("it is told of %q, want %q", got, want)
		}
	}
	erase := func() {
		t.Helper()
		if err := c.forget(ask); err != nil {
			t.Fatal(err)
		}
	}
	one := pullpass.Credential{Host: "a.example", Username: "u", Secret: pullpass.NewSecret("one"), Expires: issuer.expires}.Fingerprint()
	get("")
	erase()
	get(one) // the same again
	erase()
	issuer.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "away"}
	get(one)
	issuer.err = nil
	now = now.Add(refusedAge - 1)
	issuer.secret = "two"
	get(one)
	now = now.Add(2 * time.Hour)
	get("") // another one came
	erase()
	now = now.Add(refusedAge)
	get("") // a quarter of an hour is over
}

// Somebody who does not answer is asked again after fifteen seconds, where there is
// something to fall back upon.
func TestSilenceLasts(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	now := start
	c := &Cache{Dir: filepath.Join(t.TempDir(), "c"), Now: func() time.Time { return now }}
	issuer := &told{secret: "one", expires: now.Add(12 * time.Hour)}
	if _, err := c.get(t.Context(), issuer, Ask{Host: "a.example"}); err != nil {
		t.Fatal(err)
	}
	issuer.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "away"}
	silent := start.Add(2 * time.Hour)
	for _, test := range []struct {
		after time.Duration
		asked int
	}{{0, 2}, {1, 2}, {silence - 1, 2}, {silence, 3}} {
		now = silent.Add(test.after)
		if got, err := c.get(t.Context(), issuer, Ask{Host: "a.example"}); err != nil || got.Secret.Reveal() != "one" {
			t.Errorf("%v after the silence began: %v", test.after, err)
		}
		if len(issuer.refused) != test.asked {
			t.Errorf("%v after the silence began: asked %d times, want %d", test.after, len(issuer.refused), test.asked)
		}
	}
}

// A cause that is not written out is that of the error below; one that is stays.
func TestProblemKeepsTheCause(t *testing.T) {
	below := errors.New("below")
	for _, test := range []struct {
		err  error
		want string
	}{
		{&pullpass.Error{Kind: pullpass.Denied, What: "w", Cause: "c", Err: below}, "c"},
		{&pullpass.Error{Kind: pullpass.Denied, What: "w", Err: below}, "below"},
		{&pullpass.Error{Kind: pullpass.Denied, What: "w"}, ""},
		{below, ""},
	} {
		if got := problem(test.err).Cause; got != test.want {
			t.Errorf("problem(%v) has the cause %q, want %q", test.err, got, test.want)
		}
	}
}

// The agent's answers, and everything else that can stand there.
func TestUnderstand(t *testing.T) {
	for _, test := range []struct {
		text string
		user string
		kind pullpass.Kind
		says string
	}{
		{"HTTP/1.0 200 OK\r\nX: y\r\n\r\n{\"username\":\"u\",\"secret\":\"s\"}", "u", "", ""},
		{"HTTP/1.1 200\r\n\r\n{\"username\":\"u\"}", "u", "", ""},
		{"HTTP/1.0 200 OK\r\n\r\n{\"username\":\"\"}", "", pullpass.Internal, "not an agent's answer"},
		{"HTTP/1.0 200 OK\r\n\r\ncanary", "", pullpass.Internal, "not an agent's answer"},
		{"HTTP/1.0 200 OK\n\n{\"username\":\"u\"}", "", pullpass.Internal, "not an agent's answer"},
		{"canary 200 OK\r\n\r\n{\"username\":\"u\"}", "", pullpass.Internal, "not an agent's answer"},
		{"HTTP/1.0 403 Forbidden\r\n\r\n{\"kind\":\"denied\",\"detail\":\"no\"}", "", pullpass.Denied, "no"},
		{"HTTP/1.0 403 Forbidden\r\n\r\n{\"username\":\"u\",\"kind\":\"denied\",\"detail\":\"no\"}", "", pullpass.Denied, "no"},
		{"HTTP/1.0 403 Forbidden\r\n\r\n{\"detail\":\"canary\"}", "", pullpass.Internal, "not an agent's answer"},
		{"HTTP/1.0 403 Forbidden\r\n\r\ncanary", "", pullpass.Internal, "not an agent's answer"},
		{"HTTP/1.0\r\n\r\n{\"kind\":\"denied\",\"detail\":\"no\"}", "", pullpass.Denied, "no"},
		{"", "", pullpass.Internal, "not an agent's answer"},
	} {
		c, err := understand(test.text)
		if c.Username != test.user || (err == nil) != (test.user != "") || err != nil && (pullpass.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("understand(%q) = %q, %v, want %q %s", test.text, c.Username, err, test.user, test.kind)
		}
		if err != nil && strings.Contains(pullpass.Explain(err), "canary") {
			t.Errorf("understand(%q) repeats it: %v", test.text, err)
		}
	}
}

// The socket is asked with what is wanted; one that is gone, or hangs, is told from
// a refusal, and the caller's end is the caller's.
func TestSocketIsAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	asked := make(chan string, 10)
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			size, _ := c.Read(b)
			asked <- string(b[:size])
			if n == 0 {
				_, _ = fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\n{\"username\":\"u\",\"secret\":\"s\"}")
			} else {
				<-hang
			}
			_ = c.Close()
		}
	}()
	s := &Socket{Path: path}
	got, err := s.Credential(t.Context(), Ask{Host: "a.example", Repository: "team/app", Action: pullpass.ActionPush, Refused: "f"})
	if err != nil || got.Username != "u" || got.Secret.Reveal() != "s" {
		t.Errorf("Credential = %+v, %v", got, err)
	}
	question := <-asked
	for _, part := range []string{"POST " + api.PathAgentCredentials + " HTTP/1.0\r\n", `"host":"a.example"`, `"repository":"team/app"`, `"action":"push"`, `"refused":"f"`} {
		if !strings.Contains(question, part) {
			t.Errorf("it is asked %q, want %q in it", question, part)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := s.Credential(ctx, Ask{Host: "a.example"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who leaves gets %v", err)
	}
	close(hang)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var e *pullpass.Error
	if _, err := s.Credential(t.Context(), Ask{Host: "a.example"}); !errors.As(err, &e) || e.Code != "agent_unreachable" || e.Hint == "" {
		t.Errorf("without its runner: %v, want agent_unreachable", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := s.Credential(ended, Ask{Host: "a.example"}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// The program is asked with the question on its standard input; what it answers is
// believed as far as it can be read, and never repeated.
func TestProgramIsAsked(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pullpass")
	script := func(text string) {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := &Command{Path: program, Login: Login{Server: "https://s.example", Project: "prj_1"}}
	script(`cat > "$0.in"; echo '{"credential":{"username":"u","secret":"s"},"hosts":["h"]}'`)
	if got, err := c.Credential(t.Context(), Ask{Host: "a.example", Refused: "f"}); err != nil || got.Username != "u" {
		t.Errorf("Credential = %+v, %v", got, err)
	}
	if in, err := os.ReadFile(program + ".in"); err != nil || !strings.Contains(string(in), `"verb":"credential","host":"a.example","refused":"f","project":"prj_1"`) {
		t.Errorf("it is asked %s, %v", in, err)
	}
	if hosts, err := c.Hosts(t.Context()); err != nil || len(hosts) != 1 || hosts[0] != "h" {
		t.Errorf("Hosts = %v, %v", hosts, err)
	}
	for answer, says := range map[string]string{
		`echo '{}'`: "without a credential", `echo canary`: "cannot be read", `echo 'one line
two' >&2; exit 3`: "failed: one line", `echo '{"problem":{"kind":"denied","detail":"no"}}'`: "no",
	} {
		script(answer)
		_, err := c.Credential(t.Context(), Ask{Host: "a.example"})
		if text := pullpass.Explain(err); err == nil || !strings.Contains(text, says) || strings.Contains(text, "canary") || strings.Contains(text, "two") {
			t.Errorf("it answers with %s: %v, want %q", answer, err, says)
		}
	}
	script("sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Credential(ctx, Ask{Host: "a.example"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has left gets %v", err)
	}
}

// The program stands beside the helper or on the PATH; without it the error says
// from where it comes.
func TestNewCommand(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("PATH", dir)
	for _, v := range []string{EnvServer, EnvToken, EnvProject} {
		t.Setenv(v, "")
	}
	if _, err := NewCommand(); !pullpass.IsKind(err, pullpass.Unauthenticated) {
		t.Errorf("without a login: %v", err)
	}
	if err := SaveLogin(Login{Server: "https://s.example/", Token: pullpass.NewSecret("t")}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCommand(); !strings.Contains(pullpass.HintOf(err), "https://s.example/downloads/") {
		t.Errorf("without the program: %v", err)
	}
	program := filepath.Join(dir, "pullpass")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if c, err := NewCommand(); err != nil || c.Path != program || c.Login.Server != "https://s.example/" {
		t.Errorf("NewCommand = %+v, %v", c, err)
	}
	for range 2 {
		if err := ForgetLogin(); err != nil {
			t.Errorf("ForgetLogin: %v", err)
		}
	}
	if _, err := CurrentLogin(); !pullpass.IsKind(err, pullpass.Unauthenticated) {
		t.Errorf("after ForgetLogin: %v", err)
	}
	path, err := LoginPath()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ForgetLogin(); err == nil {
		t.Error("ForgetLogin of what it cannot remove succeeds")
	}
}

// What nobody needs goes after an hour; what is good stays, and of that at most 2000.
func TestSweep(t *testing.T) {
	now := time.Now()
	c := &Cache{Dir: t.TempDir(), Now: func() time.Time { return now }}
	put := func(name string, e any, age time.Duration) {
		t.Helper()
		path := filepath.Join(c.Dir, name)
		if err := saveJSON(path, e); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	good := entry{Username: "u", Kept: now, Expires: now.Add(time.Minute)}
	over := entry{Username: "u", Kept: now, Expires: now}
	put("good.json", good, 2*time.Hour)
	put("over.json", over, 2*time.Hour)
	put("at.json", over, maxAge)
	put("young.json", over, maxAge-time.Second)
	put("a.lock", nil, 2*time.Hour)
	put("b.lock", nil, 0)
	put("a.erased", nil, 2*time.Hour)
	put("b.erased", nil, 0)
	c.sweep()
	left := func() (names []string) {
		files, err := os.ReadDir(c.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names = append(names, f.Name())
		}
		return names
	}
	if got := strings.Join(left(), " "); got != "b.erased b.lock good.json young.json" {
		t.Errorf("left: %s", got)
	}
	for i := range mostFiles {
		put(fmt.Sprintf("%04d.json", i), good, time.Duration(i)*time.Second)
	}
	c.sweep()
	names := left()
	if len(names) != mostFiles+2 { // the two that are no entries stay
		t.Errorf("%d files are left, want %d", len(names), mostFiles+2)
	}
	for _, name := range names {
		if name == "good.json" || name == "young.json" {
			t.Errorf("%s, older than the others, is left", name)
		}
	}
	(&Cache{Dir: filepath.Join(c.Dir, "absent"), Now: c.Now}).sweep()
}
