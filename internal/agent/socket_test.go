package agent_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

// kept is a connection that is used again and again, as docker keeps its own.
type kept struct {
	net.Conn
	reader *bufio.Reader
}

func keep(t *testing.T, path string) *kept {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &kept{c, bufio.NewReader(c)}
}

// self asks over the kept connection and says whether it was answered.
func (k *kept) self() error {
	_ = k.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprint(k, "GET /v1/self HTTP/1.1\r\nHost: pullpass\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(k.reader, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // reads it to its end
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A runner opens its environments' sockets at every turn: one that stands is left
// alone, with the connections that it has.
func TestOpenLeavesWhatStands(t *testing.T) {
	a, e := sockets(t, shortDir(t), &server{}), environment()
	path := open(t, a, e)
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	c := keep(t, path)
	if err := c.self(); err != nil {
		t.Fatal(err)
	}
	open(t, a, e)
	after, err := os.Lstat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("Open made another socket (%v)", err)
	}
	if err := c.self(); err != nil {
		t.Errorf("Open ended a connection: %v", err)
	}
}

// Close ends the connections, too: whoever holds one is no longer the environment.
// An environment that was never opened has nothing to close.
func TestCloseEndsConnections(t *testing.T) {
	a, e := sockets(t, shortDir(t), &server{}), environment()
	c := keep(t, open(t, a, e))
	if err := c.self(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.self(); err == nil {
		t.Error("a connection of before answers after Close")
	}
	if err := a.Close(t.Context(), pullpass.NewEnvironmentID()); err != nil {
		t.Errorf("Close of an environment that was never opened: %v", err)
	}
}

// What a runner left that died while it made a socket is in nobody's way.
func TestOpenAfterDyingHalfway(t *testing.T) {
	a, e := sockets(t, shortDir(t), &server{}), environment()
	path := open(t, a, e)
	shutdown(t, a)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "agent.new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := sockets(t, filepath.Dir(filepath.Dir(filepath.Dir(path))), &server{})
	if status, text := call(t, open(t, b, e), http.MethodGet, "/v1/self", ""); status != http.StatusOK {
		t.Errorf("the successor answers %d %s", status, text)
	}
}

// The longest names are taken, one byte more is not, and does not reach the server.
func TestLongestRequests(t *testing.T) {
	s := &server{}
	path := open(t, sockets(t, shortDir(t), s), environment())
	for field, longest := range map[string]int{"host": 512, "repository": 255, "refused": 64} {
		for extra, want := range []int{http.StatusOK, http.StatusUnprocessableEntity} {
			asked := len(s.asked)
			value := strings.Repeat("h", longest+extra)
			body := fmt.Sprintf(`{"host":"h",%q:%q}`, field, value)
			if field == "host" {
				body = fmt.Sprintf(`{"host":%q}`, value)
			}
			if status, text := call(t, path, http.MethodPost, "/v1/credentials", body); status != want {
				t.Errorf("%s of %d bytes = %d %s, want %d", field, len(value), status, text, want)
			}
			if got := len(s.asked) - asked; got != 1-extra {
				t.Errorf("%s of %d bytes: the server was asked %d times", field, len(value), got)
			}
		}
	}
}
