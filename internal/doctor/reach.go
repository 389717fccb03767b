package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// clockWarning is how far a clock may be off: AWS refuses from five minutes on.
const clockWarning = 4 * time.Minute

// reach makes one request without any credential and tells its phases apart:
// name, connection, TLS. It reports whether the registry answered at all.
func (d *Doctor) reach(ctx context.Context, r *report, host reference.Host) bool {
	at, err := url.Parse(host.URL())
	if err != nil {
		r.fail(StepDNS, 0, "", &pullpass.Error{Kind: pullpass.Invalid, Code: "reference_invalid", Cause: "the registry's address cannot be read"})
		return false
	}
	w := &watch{}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, w.hooks()), http.MethodGet, host.URL()+"/v2/", nil)
	if err != nil {
		r.fail(StepDNS, 0, "", &pullpass.Error{Kind: pullpass.Invalid, Code: "reference_invalid", Cause: "the registry's address cannot be read"})
		return false
	}
	resp, err := d.o.HTTP.Do(req)
	p := w.phases()
	if err != nil {
		d.broken(r, at, p, host, err)
		return false
	}
	defer func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
		_ = resp.Body.Close()
	}()
	d.resolved(r, at, p)
	r.ok(StepTCP, p.connect, "connected to "+at.Host)
	d.secured(r, at, p)
	d.clock(r, resp)
	return true
}

// broken finds out in which phase the request ended.
func (d *Doctor) broken(r *report, at *url.URL, p phases, host reference.Host, err error) {
	err = d.explainPlain(host, explainTimeout(host, err))
	code := pullpass.CodeOf(err)
	switch {
	case code == "name_not_public":
		r.fail(StepDNS, 0, at.Hostname(), err) // without the time: it could tell whether there is one
		r.skip("there is no address to connect to", StepTCP, StepTLS)
	case code == "dns_not_found" || code == "dns_failed" || (p.resolving && !p.resolvedOnce && !p.connecting):
		r.fail(StepDNS, p.resolve, at.Hostname(), err)
		r.skip("the name did not resolve", StepTCP, StepTLS)
	case code == "egress_forbidden" || code == "connect_failed" || !p.connected:
		d.resolved(r, at, p)
		r.fail(StepTCP, p.connect, at.Host, err)
		r.skip("there is no connection", StepTLS)
	case strings.HasPrefix(code, "tls_") || (p.shaking && !p.secured):
		d.resolved(r, at, p)
		r.ok(StepTCP, p.connect, "connected to "+at.Host)
		r.fail(StepTLS, p.shake, at.Host, err)
	default:
		d.resolved(r, at, p)
		r.ok(StepTCP, p.connect, "connected to "+at.Host)
		d.secured(r, at, p)
		r.fail(StepV2, 0, at.Host+" was reached and gave no answer", err)
	}
}

func (d *Doctor) resolved(r *report, at *url.URL, p phases) {
	switch _, err := netip.ParseAddr(at.Hostname()); {
	case err == nil:
		r.ok(StepDNS, 0, at.Hostname()+" is an address: nothing to look up")
	case d.o.HideAddresses:
		r.ok(StepDNS, p.resolve, at.Hostname()+" resolves")
	default:
		r.ok(StepDNS, p.resolve, at.Hostname()+" is "+strings.Join(p.addresses, ", "))
	}
}

func (d *Doctor) secured(r *report, at *url.URL, p phases) {
	if at.Scheme == "http" {
		r.skip("plain http, as the host mapping says", StepTLS)
		return
	}
	r.ok(StepTLS, p.shake, p.version+", certificate trusted for "+at.Hostname())
}

// clock compares this machine's time with the registry's.
func (d *Doctor) clock(r *report, resp *http.Response) {
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return // not every registry says
	}
	off := d.o.Now().Sub(theirs).Round(time.Second)
	if off.Abs() <= clockWarning {
		return
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	r.warn(StepClock, 0, "clock", "", fmt.Sprintf("this machine's clock is %s %s the registry's", off.Abs(), way), "")
}

// explainTimeout names the endpoints that a VPC needs for this very host.
func explainTimeout(host reference.Host, err error) error {
	var e *pullpass.Error
	if host.ECR == nil || !errors.As(err, &e) || e.Code != "timeout" {
		return err
	}
	named := *e
	region := "com.amazonaws." + host.ECR.Region
	named.Hint = "check the route and the firewall; in a VPC without internet access it needs the endpoints " +
		region + ".ecr.dkr, " + region + ".ecr.api and " + region + ".s3"
	return &named
}

// explainPlain prints the mapping of a registry that speaks plain http.
func (d *Doctor) explainPlain(host reference.Host, err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != pullpass.CodeTLSNotSpoken {
		return err
	}
	named := *e
	named.Hint = "use the registry's https port; or, if plain http is meant, map it on the server and its runners: --host " + d.o.Hosts.OverHTTP(host)
	return &named
}

// phases is what was seen of one request.
type phases struct {
	resolving, resolvedOnce, connecting, connected, shaking, secured bool

	addresses               []string
	resolve, connect, shake time.Duration
	version                 string
}

// watch collects phases: the transport calls its hooks from several goroutines.
type watch struct {
	mu                       sync.Mutex
	seen                     phases
	resolving, dialing, hand time.Time
}

func (w *watch) phases() phases {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func (w *watch) locked(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *watch) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) {
			w.locked(func() { w.seen.resolving, w.resolving = true, time.Now() })
		},
		DNSDone: func(i httptrace.DNSDoneInfo) {
			w.locked(func() {
				w.seen.resolve, w.seen.resolvedOnce = time.Since(w.resolving), i.Err == nil
				for _, a := range i.Addrs {
					w.seen.addresses = append(w.seen.addresses, a.String())
				}
			})
		},
		ConnectStart: func(string, string) {
			w.locked(func() {
				w.seen.connecting = true
				if w.dialing.IsZero() {
					w.dialing = time.Now()
				}
			})
		},
		ConnectDone: func(_, _ string, err error) {
			w.locked(func() { w.seen.connect, w.seen.connected = time.Since(w.dialing), w.seen.connected || err == nil })
		},
		GotConn: func(httptrace.GotConnInfo) { w.locked(func() { w.seen.connected = true }) },
		TLSHandshakeStart: func() {
			w.locked(func() { w.seen.shaking, w.hand = true, time.Now() })
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			w.locked(func() {
				w.seen.shake, w.seen.secured, w.seen.version = time.Since(w.hand), err == nil, tls.VersionName(s.Version)
			})
		},
	}
}
