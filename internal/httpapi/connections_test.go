package httpapi_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/httpapi"
)

// served is the world behind Serve and Limit, as the server runs it.
func (w *world) served() string {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	must(w.t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpapi.Serve(ctx, httpapi.Limit(l, nil), w.Server) }()
	w.t.Cleanup(func() { stop(); must(w.t, <-done) })
	return l.Addr().String()
}

// wire is a connection on which a test says what no client would.
type wire struct {
	net.Conn
	t *testing.T
}

func dial(t *testing.T, address string) wire {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return wire{c, t}
}

// status sends text and returns the status of the answer; 0: the connection was
// closed. It waits for a bounded time.
func (c wire) status(text string, within time.Duration) int {
	c.t.Helper()
	_, _ = io.WriteString(c, text) // the server may have closed the connection already
	must(c.t, c.SetReadDeadline(time.Now().Add(within)))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		var timeout net.Error
		if ok := asTimeout(err, &timeout); ok {
			c.t.Fatalf("no answer within %s", within)
		}
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	must(c.t, resp.Body.Close())
	return resp.StatusCode
}

func asTimeout(err error, target *net.Error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // what a connection returns is not wrapped
	*target = timeout
	return ok && timeout.Timeout()
}

// The connections of somebody unknown make room for newer ones; one on which
// somebody has authenticated stays.
func TestOldestStrangerMakesRoom(t *testing.T) {
	w := newWorld(t)
	owner := w.first()
	address := w.served()
	const self = "GET " + api.PathSelf + " HTTP/1.1\r\nHost: x\r\n"
	authenticated := self + "Authorization: Bearer "
	known := dial(t, address)
	if got := known.status(authenticated+owner.token.Reveal()+"\r\n\r\n", 10*time.Second); got != http.StatusOK {
		t.Fatalf("an honest request: %d", got)
	}
	first := dial(t, address)
	if got := first.status(self+"\r\n", 10*time.Second); got != http.StatusUnauthorized {
		t.Fatalf("a request without a token: %d", got)
	}
	const many = 300
	for range many {
		if got := dial(t, address).status(self+"\r\n", 10*time.Second); got != http.StatusUnauthorized {
			t.Fatalf("a newer request without a token: %d, want an answer", got)
		}
	}
	if got := first.status(self+"\r\n", 10*time.Second); got != 0 {
		t.Errorf("the oldest connection of %d without a caller answers %d, want it closed", many+1, got)
	}
	if got := known.status(authenticated+owner.token.Reveal()+"\r\n\r\n", 10*time.Second); got != http.StatusOK {
		t.Errorf("the connection of a caller that authenticated: %d, want it kept", got)
	}
}

// A body that does not come holds no answer back: not where it was refused
// before it was read, and not where it was waited for.
func TestBodiesThatDoNotCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := w.served()
	const missing = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
	for _, test := range []struct {
		name, head string
		want       int
	}{
		{"an unknown token", "POST " + api.PathProjects + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ppat_x\r\n", http.StatusUnauthorized},
		{"a path that is not there", "POST /api/v1/nothing HTTP/1.1\r\nHost: x\r\n", http.StatusNotFound},
		{"a public route", "POST " + api.PathSetup + " HTTP/1.1\r\nHost: x\r\n", http.StatusRequestTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := dial(t, address).status(test.head+missing, 40*time.Second); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

// What need not authenticate takes small bodies only.
func TestPublicRoutesTakeSmallBodies(t *testing.T) {
	w := newWorld(t)
	for path, limit := range map[string]int{api.PathSetup: 16 << 10, api.PathExchange: 24 << 10, api.PathSignInDevice: 16 << 10,
		api.PathSignInSession: 16 << 10, api.PathRunnerJoin: 64 << 10} {
		if got := w.raw(http.MethodPost, path, "", strings.Repeat("x", limit+1)); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d bytes to %s: %d %s, want 413", limit+1, path, got.status, got.body)
		}
	}
}

// Only the proxies that the operator names say where a request came from.
func TestTrustedProxies(t *testing.T) {
	w := newWorld(t)
	owner := w.first()
	proxies, err := httpapi.ParseProxies([]string{"127.0.0.1", "10.0.0.0/8"})
	must(t, err)
	for _, test := range []struct {
		name    string
		proxies httpapi.Proxies
		header  []string
		want    string
	}{
		{"nobody is trusted", nil, []string{"203.0.113.9"}, "127.0.0.1"},
		{"a trusted proxy", proxies, []string{"203.0.113.9"}, "203.0.113.9"},
		{"what the caller wrote before", proxies, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"in a header of its own", proxies, []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"two proxies", proxies, []string{"198.51.100.1, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{"no header", proxies, nil, "127.0.0.1"},
		{"no address", proxies, []string{"203.0.113.9, unknown"}, "127.0.0.1"},
		{"version 6", proxies, []string{"2001:db8::7"}, "2001:db8::7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := httpapi.New(httpapi.Options{Store: w.db, Issuer: w.issuer, Auditor: w.door, Now: w.clock.now, Proxies: test.proxies})
			must(t, err)
			behind := *w
			behind.Server = s
			address := behind.served()
			head := "POST " + api.PathProjects + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + owner.token.Reveal() + "\r\n"
			for _, value := range test.header {
				head += "X-Forwarded-For: " + value + "\r\n"
			}
			name := "p-" + strings.ReplaceAll(test.name, " ", "-")
			body := `{"name":"` + name + `"}`
			if got := dial(t, address).status(head+"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body, 10*time.Second); got != http.StatusCreated {
				t.Fatalf("creating a project: %d", got)
			}
			got := ""
			for e, err := range owner.AllEvents(t.Context(), pullpass.EventFilter{Action: "project.create"}) {
				must(t, err)
				got = e.Caller.Address // the newest is the last
			}
			if got != test.want {
				t.Errorf("the audit record says %q, want %q", got, test.want)
			}
		})
	}
	if _, err := httpapi.ParseProxies([]string{"proxy.example.com"}); err == nil {
		t.Error("a name was taken for a proxy's address")
	}
}
