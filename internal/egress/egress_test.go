package egress_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, o egress.Options) *egress.Client {
	t.Helper()
	c, err := egress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, c *egress.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// counted is a server that must not be reached, and says if it was.
func counted(t *testing.T, body string) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, &n
}

func TestForbiddenAddresses(t *testing.T) {
	server, dialled := counted(t, "reached")
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	c := client(t, egress.Options{})
	for _, host := range []string{
		"127.0.0.1:" + port, "127.9.9.9:" + port, "localhost:" + port, "[::1]:" + port, "0.0.0.0:" + port, "[::]:" + port,
		"169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]", "100.100.100.200", "168.63.129.16",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.0.192", "198.18.0.1", "203.0.113.7", "240.0.0.1", "255.255.255.255",
		"224.0.0.1", "[ff02::1]", "[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]", "[::7f00:1]",
		// the same addresses in other writings
		"[::ffff:127.0.0.1]:" + port, "[::ffff:7f00:1]:" + port, "[::ffff:169.254.169.254]", "2130706433:" + port, "0x7f000001:" + port, "0x7f.0.0.1:" + port,
		"0177.0.0.1:" + port, "127.1:" + port, "127.0.0.01:" + port, "0:" + port, "2852039166", "127.0.0.1.:" + port, "localhost.:" + port, "[0:0:0:0:0:0:0:1]:" + port,
		"LOCALHOST:" + port, "user:pw@127.0.0.1:" + port,
	} {
		for _, scheme := range []string{"http://", "https://"} {
			_, err := get(t, c, scheme+host+"/")
			if !pullpass.IsKind(err, pullpass.Denied) {
				t.Errorf("Do(%q) = %v, want Denied", scheme+host, err)
			}
		}
	}
	if n := dialled.Load(); n != 0 {
		t.Errorf("%d connections reached a forbidden address, want 0", n)
	}
}

func TestAllowances(t *testing.T) {
	server, _ := counted(t, "reached")
	address := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	for _, test := range []struct {
		allow []string
		host  string
		want  bool
	}{
		{[]string{"127.0.0.0/8"}, address, true},
		{[]string{"127.0.0.1"}, address, true},
		{[]string{address}, address, true},
		{[]string{"localhost:" + port}, "localhost:" + port, true},
		{[]string{"0.0.0.0/0"}, address, true},
		{[]string{"127.0.0.0/8"}, "localhost:" + port, true},
		{[]string{"127.0.0.2"}, address, false},
		{[]string{"localhost:" + port}, address, false}, // host:port is what the URL says, not where it leads
		{[]string{address}, "localhost:" + port, false},
		{[]string{"127.0.0.1:1"}, address, false},
		{[]string{"127.0.0.0/8"}, "[::ffff:127.0.0.1]:" + port, false},
		{[]string{"0.0.0.0/0"}, "169.254.169.254", false}, // metadata has to be named
		{[]string{"169.254.0.0/16"}, "169.254.169.254", false},
	} {
		c := client(t, egress.Options{Allow: test.allow})
		_, err := get(t, c, "http://"+test.host+"/")
		if test.want && err != nil {
			t.Errorf("allow %q: Do(%q) = %v, want an answer", test.allow, test.host, err)
		}
		if !test.want && !pullpass.IsKind(err, pullpass.Denied) {
			t.Errorf("allow %q: Do(%q) = %v, want Denied", test.allow, test.host, err)
		}
	}
	for _, bad := range []string{"", "nonsense", "10.0.0.1/8", "::ffff:10.0.0.1", "http://a:1", "a:b", "A.example:1", "127.1:80"} {
		if _, err := egress.New(egress.Options{Allow: []string{bad}}); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("New(Allow %q) = %v, want Invalid", bad, err)
		}
	}
}

// TestRebinding gives a name a public address first and loopback afterwards. A
// check before the dial would have passed; what is dialled is refused.
func TestRebinding(t *testing.T) {
	server, dialled := counted(t, "reached")
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	names := serveDNS(t, net.IPv4(192, 88, 98, 7), net.IPv4(127, 0, 0, 1))
	resolver := names.resolver()
	first, err := resolver.LookupHost(t.Context(), "rebind.example")
	if err != nil || len(first) != 1 || first[0] != "192.88.98.7" {
		t.Fatalf("first answer = %v, %v, want the public address", first, err)
	}
	c := client(t, egress.Options{Resolver: resolver})
	if _, err := get(t, c, "https://rebind.example:"+port+"/"); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("Do after rebinding = %v, want Denied", err)
	}
	if names.answers.Load() < 2 {
		t.Errorf("the name was asked for %d times: the test did not see the second answer used", names.answers.Load())
	}
	if n := dialled.Load(); n != 0 {
		t.Errorf("%d connections reached loopback, want 0", n)
	}
	allowed := client(t, egress.Options{Resolver: resolver, Allow: []string{"127.0.0.1"}})
	if body, err := get(t, allowed, "http://rebind.example:"+port+"/"); err != nil || body != "reached" {
		t.Errorf("with an allowance = %q, %v, want the answer: the fake resolver must lead there", body, err)
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	target, dialled := counted(t, "reached")
	s := httptest.NewServer(http.RedirectHandler(target.URL+"/?X-Amz-Signature=canary", http.StatusTemporaryRedirect))
	defer s.Close()
	c := client(t, egress.Options{Allow: []string{"127.0.0.1"}})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	resp, err := c.Do(req)
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect || resp.Header.Get("Location") == "" {
		t.Fatalf("Do = %v, %v, want the redirect itself", resp, err)
	}
	_ = resp.Body.Close() // only the header matters
	if dialled.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestLimits(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { // chunked: no length in advance
		for range 64 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1024))
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/announced", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1025)) })
	mux.HandleFunc("/exact", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1024)) })
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 128<<10)) })
	mux.HandleFunc("/stall", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
		w.(http.Flusher).Flush()
		<-release
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Accept-Encoding"))
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(release)
	c := client(t, egress.Options{Allow: []string{"127.0.0.1"}, Limits: egress.Limits{Body: 1024}})
	if body, err := get(t, c, s.URL+"/exact"); err != nil || len(body) != 1024 {
		t.Errorf("an answer of exactly the limit = %d bytes, %v, want all", len(body), err)
	}
	for _, path := range []string{"/long", "/announced"} {
		if _, err := get(t, c, s.URL+path); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("%s = %v, want Invalid", path, err)
		}
	}
	if body, err := get(t, c.With(egress.Limits{Body: 1 << 20}), s.URL+"/long"); err != nil || len(body) != 64<<10 {
		t.Errorf("/long with room for it = %d bytes, %v, want all", len(body), err)
	}
	if _, err := get(t, c, s.URL+"/header"); err == nil {
		t.Error("128 KiB of header passed, want an error")
	}
	if _, err := get(t, c.With(egress.Limits{Total: 50 * time.Millisecond}), s.URL+"/stall"); !pullpass.IsKind(err, pullpass.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stalled body = %v, want Unavailable after the deadline", err)
	}
	if body, err := get(t, c, s.URL+"/gzip"); err != nil || body != "" {
		t.Errorf("Accept-Encoding = %q, %v, want none", body, err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} // the server that must be refused
	old.StartTLS()
	defer old.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := client(t, egress.Options{Allow: []string{"127.0.0.1"}, RootCAs: roots})
	if body, err := get(t, trusting, s.URL); err != nil || body != "ok" {
		t.Errorf("https = %q, %v, want ok", body, err)
	}
	if _, err := get(t, trusting, old.URL); !pullpass.IsKind(err, pullpass.Unavailable) {
		t.Errorf("TLS 1.1 = %v, want Unavailable", err)
	}
	_, err := get(t, client(t, egress.Options{Allow: []string{"127.0.0.1"}}), s.URL)
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "tls_untrusted" || e.Hint == "" {
		t.Errorf("an unknown CA = %v, want tls_untrusted with a hint", err)
	}
	_, err = get(t, trusting, "https://"+strings.TrimPrefix(httptestPlain(t), "http://"))
	if !errors.As(err, &e) || e.Code != "tls_not_spoken" {
		t.Errorf("https to a plain server = %v, want tls_not_spoken", err)
	}
}

func httptestPlain(t *testing.T) string {
	s, _ := counted(t, "")
	return s.URL
}

func TestPlainHTTPNeedsAllowance(t *testing.T) {
	// 192.88.98.7 is public and leads nowhere: the refusal comes before a packet.
	names := serveDNS(t, net.IPv4(192, 88, 98, 7))
	c := client(t, egress.Options{Resolver: names.resolver()})
	_, err := get(t, c, "http://plain.example/")
	if !pullpass.IsKind(err, pullpass.Denied) || !strings.Contains(err.Error(), "plain http") {
		t.Errorf("plain http = %v, want Denied", err)
	}
}

func TestProxyOnlyFromTheOperator(t *testing.T) {
	proxy, dialled := counted(t, "from the proxy")
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	names := serveDNS(t, net.IPv4(127, 0, 0, 1))
	if _, err := get(t, client(t, egress.Options{Resolver: names.resolver()}), "https://a.example/"); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("Do = %v, want Denied by the dialled address", err)
	}
	if dialled.Load() != 0 {
		t.Error("the environment's proxy was used")
	}
	u, _ := url.Parse(proxy.URL)
	c := client(t, egress.Options{Proxy: http.ProxyURL(u), Allow: []string{"a.example:80"}})
	if body, err := get(t, c, "http://a.example/"); err != nil || body != "from the proxy" {
		t.Errorf("through the operator's proxy = %q, %v", body, err)
	}
	for _, url := range []string{"https://169.254.169.254/", "http://b.example/", proxy.URL} {
		if _, err := get(t, c, url); !pullpass.IsKind(err, pullpass.Denied) {
			t.Errorf("Do(%q) through the proxy = %v, want Denied", url, err)
		}
	}
}

func TestErrorsHoldNoURL(t *testing.T) {
	c := client(t, egress.Options{Allow: []string{"127.0.0.1"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := l.Addr().String()
	_ = l.Close() // the port answers nobody now
	for _, u := range []string{"http://" + refused + "/canary?X-Amz-Signature=canary", "http://user:canary@" + refused + "/", "http://10.0.0.1/canary"} {
		_, err := get(t, c, u)
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Cause == "" {
			t.Errorf("Do(%q) = %v, want an error in parts", u, err)
			continue
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("Do(%q): %q shows the URL", u, err)
			}
		}
	}
}

func TestCallerCancels(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(started); <-release }))
	defer s.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	resp, err := client(t, egress.Options{Allow: []string{"127.0.0.1"}}).Do(req)
	if err == nil {
		_ = resp.Body.Close() // the test has failed already
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want Canceled", err)
	}
}
