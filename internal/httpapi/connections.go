package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

// What callers that are not authenticated yet may hold. One of them costs the
// server at most its header, its body and a stack, whatever it declares.
const (
	maxConnections   = 20_000   // of everybody
	maxStrangers     = 2048     // connections on which nobody has authenticated yet
	maxPerAddress    = 128      // of these, by one address
	maxStrangerBytes = 16 << 20 // of bodies on public routes, together
)

// Limit bounds the connections of l: where there are too many, the oldest one on
// which nobody has authenticated yet is closed. Honest requests are answered
// within moments, so new ones always find a place. TLS belongs around what Limit
// returns, not below it.
func Limit(l net.Listener, trusted Proxies) net.Listener {
	return &limitedListener{l, &connections{trusted: trusted, strangers: list.New(), byAddress: map[netip.Addr]*list.List{}}}
}

type limitedListener struct {
	net.Listener
	all *connections
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if limited := l.all.admit(c); limited != nil {
			return limited, nil
		}
		_ = c.Close() // everybody is authenticated, and there is no more room
	}
}

// connections are those that are open. Strangers are those on which nobody has
// authenticated yet, the oldest first.
type connections struct {
	trusted Proxies

	mu        sync.Mutex
	open      int
	bytes     int // of bodies that strangers' requests have in memory
	strangers *list.List
	byAddress map[netip.Addr]*list.List
}

// connection is one of them. A stranger is in two lists.
type connection struct {
	net.Conn
	all     *connections
	address netip.Addr

	// Guarded by all.mu.
	closed        bool
	oldest, local *list.Element // nil: not a stranger, or not bounded by its address
}

func (s *connections) admit(raw net.Conn) *connection {
	c := &connection{Conn: raw, all: s, address: network(raw.RemoteAddr())}
	s.mu.Lock()
	victim := s.victim(c)
	full := victim == nil && s.open >= maxConnections
	if !full {
		s.open++
		c.oldest = s.strangers.PushBack(c)
		if !s.trusted.has(c.address) {
			of := s.byAddress[c.address]
			if of == nil {
				of = list.New()
				s.byAddress[c.address] = of
			}
			c.local = of.PushBack(c)
		}
	}
	s.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
	if full {
		return nil
	}
	return c
}

// victim is whose place c takes, if there is none for it.
func (s *connections) victim(c *connection) *connection {
	of := s.byAddress[c.address]
	switch {
	case of != nil && of.Len() >= maxPerAddress:
		return of.Front().Value.(*connection)
	case s.strangers.Len() >= maxStrangers, s.open >= maxConnections && s.strangers.Len() > 0:
		return s.strangers.Front().Value.(*connection)
	}
	return nil
}

// Close closes the connection and makes room.
func (c *connection) Close() error {
	c.all.mu.Lock()
	if !c.closed {
		c.closed = true
		c.all.open--
		c.forget()
	}
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// forget takes c out of the strangers; all.mu is held.
func (c *connection) forget() {
	if c.oldest != nil {
		c.all.strangers.Remove(c.oldest)
	}
	if c.local != nil {
		of := c.all.byAddress[c.address]
		of.Remove(c.local)
		if of.Len() == 0 {
			delete(c.all.byAddress, c.address)
		}
	}
	c.oldest, c.local = nil, nil
}

// take counts n bytes of a body that somebody unknown sends; false: there is no
// room for them, and nobody else who could give way.
func (c *connection) take(n int) bool {
	if c == nil {
		return true // no listener of ours: tests
	}
	s := c.all
	s.mu.Lock()
	s.bytes += n
	var victim *connection
	if s.bytes > maxStrangerBytes {
		if front := s.strangers.Front(); front != nil {
			victim = front.Value.(*connection)
		}
	}
	ok := s.bytes <= maxStrangerBytes || victim != nil && victim != c
	s.mu.Unlock()
	if victim != nil {
		_ = victim.Close() // its request ends, and gives its bytes back
	}
	return ok
}

func (c *connection) giveBack(n int) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	c.all.bytes -= n
	c.all.mu.Unlock()
}

type connectionKey struct{}

// withConnection lets a request find its connection, below TLS if there is TLS.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if limited, ok := c.(*connection); ok {
		return context.WithValue(ctx, connectionKey{}, limited)
	}
	return ctx
}

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// noLongerStranger: somebody has authenticated on this request's connection.
func noLongerStranger(ctx context.Context) {
	c := connectionOf(ctx)
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.forget()
}

// network is what counts as one address: an IPv6 client has 2^64 of its own.
func network(a net.Addr) netip.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return subnet(t.AddrPort().Addr())
}

func subnet(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	const own = 64
	p, err := a.Prefix(own)
	if err != nil {
		return a
	}
	return p.Addr()
}
