package client_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// TestReadEndsWithOneBound: a server that takes requests and never answers keeps a
// read for one bound, not for one of each attempt, and the person hears of it first.
func TestReadEndsWithOneBound(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	c, err := client.New(server.URL, client.WithReadWithin(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	var slow atomic.Int32
	ctx := client.WithTrace(t.Context(), &client.Trace{SlowAfter: time.Millisecond, Slow: func() { slow.Add(1) }})
	_, err = c.Self(ctx)
	if pullpass.CodeOf(err) != "server_unreachable" {
		t.Errorf("Self of a silent server = %v, want server_unreachable", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("a silent server was asked %d times, want once", n)
	}
	if slow.Load() == 0 {
		t.Error("nobody was told that the server is slow")
	}
}
