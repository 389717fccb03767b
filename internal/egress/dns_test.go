package egress_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"
)

// dnsServer answers every question for an IPv4 address with the next of its
// answers, the last one for good.
type dnsServer struct {
	conn    net.PacketConn
	list    []net.IP // empty: there is no such name
	answers atomic.Int64
}

func serveDNS(t *testing.T, list ...net.IP) *dnsServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dnsServer{conn: conn, list: list}
	done := make(chan struct{})
	go func() { defer close(done); s.serve(t) }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return s
}

func (s *dnsServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *dnsServer) serve(t *testing.T) {
	buf := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 17 {
			t.Errorf("reading a question: %d bytes, %v", n, err)
			return
		}
		if _, err := s.conn.WriteTo(s.answer(buf[:n]), from); err != nil {
			t.Errorf("answering: %v", err)
		}
	}
}

func (s *dnsServer) answer(q []byte) []byte {
	end := 12
	for q[end] != 0 { // labels, each behind its length
		end += int(q[end]) + 1
	}
	end += 5 // the root label, type and class
	kind := binary.BigEndian.Uint16(q[end-4:])
	out := append([]byte{}, q[:end]...)
	out[2], out[3] = 0x84, 0 // an authoritative answer, no error
	clear(out[6:12])
	if len(s.list) == 0 {
		out[3] = 3
		return out
	}
	if kind != 1 { // AAAA: there is none
		return out
	}
	i := min(int(s.answers.Add(1)), len(s.list)) - 1
	out[7] = 1
	out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name asked for, A, IN, TTL 0
	return append(out, s.list[i].To4()...)
}
