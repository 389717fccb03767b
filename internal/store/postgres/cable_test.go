package postgres_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cable is a connection to the database that can be pulled out and put back.
type cable struct {
	t      *testing.T
	target string
	addr   string
	mu     sync.Mutex
	out    bool
	ends   map[net.Conn]bool
	thaw   chan struct{} // of the connections that were there when it froze; nil: none is frozen
	frozen map[net.Conn]bool
	lose   int  // of the answer to the next commit this many bytes arrive; -1: all
	losing bool // the commit has passed
}

// plug puts a cable between the test and the database at address, and returns
// the address of its near end.
func plug(t *testing.T, address string) (*cable, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("the address of the database is not a URL")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, target: u.Host, addr: l.Addr().String(), ends: map[net.Conn]bool{}, frozen: map[net.Conn]bool{}, lose: -1}
	go c.serve(l)
	t.Cleanup(func() { _ = l.Close(); c.pull(true); c.unfreeze() })
	u.Host = c.addr
	return c, u.String()
}

func (c *cable) serve(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.target)
		c.mu.Lock()
		if c.out || err != nil {
			_ = near.Close()
			if far != nil {
				_ = far.Close()
			}
			c.mu.Unlock()
			continue
		}
		c.ends[near], c.ends[far] = true, true
		c.mu.Unlock()
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			go func() {
				c.carry(pair[0], pair[1])
				_ = pair[0].Close()
			}()
		}
	}
}

// pull cuts every connection and, while out, every new one.
func (c *cable) pull(out bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = out
	if !out {
		return
	}
	for end := range c.ends {
		_ = end.Close()
		delete(c.ends, end)
	}
}

// carry copies what arrives, as long as the connection is not frozen.
func (c *cable) carry(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		c.mu.Lock()
		thaw := c.thaw
		if !c.frozen[from] {
			thaw = nil
		}
		c.mu.Unlock()
		if thaw != nil {
			<-thaw
		}
		if kept, cut := c.answer(buffer[:n]); cut {
			_, _ = to.Write(buffer[:kept])
			c.pull(true)
			c.pull(false)
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// loseAnswer cuts the connections when the database answers the next commit, after
// some bytes of the answer.
func (c *cable) loseAnswer(after int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose, c.losing = after, false
}

// answer looks at what passes: a commit, then the answer to it.
func (c *cable) answer(data []byte) (kept int, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.lose < 0 || len(data) == 0:
	case c.losing:
		kept = min(c.lose, len(data))
		c.lose, c.losing = -1, false
		return kept, true
	case bytes.Contains(data, []byte("COMMIT")):
		c.losing = true
	}
	return 0, false
}

// freeze forgets every connection that there is, as a firewall does: nobody is
// told, and new ones work.
func (c *cable) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thaw = make(chan struct{})
	for end := range c.ends {
		c.frozen[end] = true
	}
}

// unfreeze delivers what was sent meanwhile.
func (c *cable) unfreeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thaw != nil {
		close(c.thaw)
		c.thaw, c.frozen = nil, map[net.Conn]bool{}
	}
}
