package egress

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

// Every phase of a request has a deadline of its own below that of the whole: an
// address that takes a connection and says nothing holds nobody for long.
func TestEveryPhaseHasADeadline(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]time.Duration{
		"connecting":      {connectTimeout, 5_000_000_000},
		"the handshake":   {c.transport.TLSHandshakeTimeout, 5_000_000_000},
		"the header":      {c.transport.ResponseHeaderTimeout, 20_000_000_000},
		"the whole":       {c.limits.Total, 30_000_000_000},
		"an idle one":     {c.transport.IdleConnTimeout, 60_000_000_000},
		"another's limit": {c.With(Limits{Total: time.Second}).limits.Total, 1_000_000_000},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s may take %v, want %v", name, pair[0], pair[1])
		}
	}
}

// A host name has letters, digits, hyphens, dots and underscores, and what stands
// beside them in ASCII is refused.
func TestHostNames(t *testing.T) {
	long := strings.Repeat("a.", 126) + "a" // 253 characters
	for _, host := range []string{"a", "z", "a0b.c9d", "a-b_c.example", long} {
		if reason := refuseHost(host); reason != "" {
			t.Errorf("refuseHost(%q) = %q", host, reason)
		}
	}
	for _, host := range []string{"", "a`b", "a{b", "a/b", "a:b", "a@b", "aAb", "aZb", "a b", "a%b", "a\x00b", "aéb", "." + long, "a.", "0", "a.9", "a.0x7f"} {
		if refuseHost(host) == "" {
			t.Errorf("refuseHost(%q) takes it", host)
		}
	}
}

// part is a body that gives its bytes piece by piece.
type part struct {
	pieces []string
	err    error
	closed bool
}

func (p *part) Read(b []byte) (int, error) {
	if len(p.pieces) == 0 {
		return 0, p.err
	}
	n := copy(b, p.pieces[0])
	if p.pieces[0] = p.pieces[0][n:]; p.pieces[0] == "" {
		p.pieces = p.pieces[1:]
	}
	return n, nil
}

func (p *part) Close() error { p.closed = true; return nil }

// A reader never gets more than the limit, whatever it asks for; a body that says
// nothing for once at its limit is no longer one.
func TestBodyEndsAtItsLimit(t *testing.T) {
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example/", nil)
	for _, test := range []struct {
		pieces []string
		want   string
		kind   pullpass.Kind
	}{
		{[]string{"12", "34"}, "1234", ""},
		{[]string{"1234", ""}, "1234", ""},
		{[]string{"123456"}, "1234", pullpass.Invalid},
		{[]string{"1234", "", "5"}, "1234", pullpass.Invalid},
	} {
		for _, size := range []int{1, 3, 4, 5, 100} {
			b := &body{ReadCloser: &part{pieces: append([]string{}, test.pieces...), err: io.EOF}, req: req, left: 4, limit: 4, cancel: func() {}}
			var got []byte
			var err error
			for range 100 {
				piece := make([]byte, size)
				var n int
				n, err = b.Read(piece)
				if got = append(got, piece[:n]...); err != nil {
					break
				}
			}
			if string(got) != test.want || pullpass.KindOf(err) != test.kind && !errors.Is(err, io.EOF) {
				t.Errorf("%q, %d bytes at a time: %q, %v, want %q and %q", test.pieces, size, got, err, test.want, test.kind)
			}
		}
	}
}

// The answer to HEAD has the length of a body that does not come.
func TestHeadMayAnnounceALargeBody(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5000000000") }))
	defer s.Close()
	c, err := New(Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil || resp.ContentLength != 5000000000 {
		t.Fatalf("HEAD = %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

// What a proxy dials is checked as far as the URL says it: an address that is
// allowed, over either scheme; one of the internet over https; and a name.
func TestWhatAProxyMayDial(t *testing.T) {
	c, err := New(Options{Allow: []string{"10.1.0.0/16"}})
	if err != nil {
		t.Fatal(err)
	}
	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
	for address, want := range map[string]bool{
		"http://10.1.2.3/": true, "https://10.1.2.3/": true, "https://10.2.2.3/": false, "http://10.2.2.3/": false,
		"https://8.8.8.8/": true, "http://8.8.8.8/": false, "https://a.example/": true, "http://a.example/": false,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		err := c.checkProxied(req, &dial{plain: req.URL.Scheme == "http", proxy: proxy})
		if (err == nil) != want || err != nil && !pullpass.IsKind(err, pullpass.Denied) {
			t.Errorf("checkProxied(%s) = %v, want allowed %v", address, err, want)
		}
		if err := c.checkProxied(req, &dial{plain: true, named: true, proxy: proxy}); err != nil {
			t.Errorf("checkProxied(%s), named by the operator: %v", address, err)
		}
	}
}

// A connection that could not be made is told from one that broke.
func TestExplainTellsDialsApart(t *testing.T) {
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example/", nil)
	for op, want := range map[string]string{"dial": "connect_failed", "read": "broken", "write": "broken"} {
		var e *pullpass.Error
		if err := explain(req, &net.OpError{Op: op, Err: errors.New("x")}); !errors.As(err, &e) || e.Code != want {
			t.Errorf("a failed %s = %v, want %s", op, err, want)
		}
	}
}
