package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass/client"
)

// TestStrangersHoldNoMemory opens ten thousand connections that authenticate
// nobody and hold on to what they can: they declare bodies and send none, stop
// within a header, send half a body. The server's memory stays where it is, and
// it answers an honest caller meanwhile.
func TestStrangersHoldNoMemory(t *testing.T) {
	const connections, mostMiB = 10_000, 64
	for _, test := range []struct{ name, text string }{
		{"declared", "POST /api/v1/setup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16384\r\n\r\n"},
		{"too much declared", "POST /api/v1/setup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"},
		{"join", "POST /api/v1/runners/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65536\r\n\r\n"},
		{"half a header", "GET /api/v1/self HTTP/1.1\r\nHost: x\r\nX-Filler: " + strings.Repeat("x", 8<<10)},
		{"half a body", "POST /api/v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 16000\r\n\r\n" + strings.Repeat("x", 15_000)},
		{"an invalid token", "POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 1048576\r\n\r\n"},
		{"a body where none is read", "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := within(t, 3*time.Minute)
			s := startServer(t, ctx, "--log-level=error")
			// Somebody else, at another address, with a new connection for each request.
			elsewhere := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			honest, err := client.New(s.URL, client.WithToken(s.Token),
				client.WithTransport(&http.Transport{DialContext: elsewhere.DialContext, DisableKeepAlives: true}))
			if err != nil {
				t.Fatal(err)
			}
			before := resident(t, s.PID())
			most := before
			meanwhile := measure(ctx, func() error { _, err := honest.Self(ctx); return err })
			var held []net.Conn
			defer func() {
				for _, c := range held {
					_ = c.Close()
				}
			}()
			for len(held) < connections {
				held = append(held, hold(ctx, t, strings.TrimPrefix(s.URL, "http://"), test.text, 500)...)
				most = max(most, resident(t, s.PID()))
			}
			took, err := meanwhile()
			if err != nil {
				t.Errorf("an honest caller beside %d connections: %v", len(held), err)
			}
			t.Logf("%d connections: resident memory %d MiB before, %d MiB at most; %d honest answers: half of them within %s, 95 %% within %s, the slowest took %s",
				len(held), before>>20, most>>20, len(took), share(took, 50), share(took, 95), share(took, 100))
			if grown := (most - before) >> 20; grown > mostMiB {
				t.Errorf("%d connections raised resident memory by %d MiB, want at most %d", len(held), grown, mostMiB)
			}
		})
	}
}

// measure calls f again and again, until the function that it returns is called: that
// one tells how long the calls took, and the first error.
func measure(ctx context.Context, f func() error) func() ([]time.Duration, error) {
	measuring, stop := context.WithCancel(ctx)
	var took []time.Duration
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for measuring.Err() == nil {
			began := time.Now()
			if err := f(); err != nil {
				failed = err
				return
			}
			took = append(took, time.Since(began))
		}
	}()
	return func() ([]time.Duration, error) {
		stop()
		<-done
		slices.Sort(took)
		return took, failed
	}
}

// share is within what so many per cent of the sorted times are.
func share(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*percent/100].Round(time.Microsecond)
}

// hold opens n connections and sends text on each.
func hold(ctx context.Context, t *testing.T, address, text string, n int) []net.Conn {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var held []net.Conn
	const dialers = 25
	for range dialers {
		wg.Go(func() {
			for range n / dialers {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
				if err != nil {
					t.Errorf("dial: %v", err)
					return
				}
				_, _ = c.Write([]byte(text)) // a server that has closed it already holds nothing
				mu.Lock()
				held = append(held, c)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(held) != n {
		t.Fatalf("%d of %d connections were opened", len(held), n)
	}
	return held
}

// resident is the memory of a process that is in RAM now, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
