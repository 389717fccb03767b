package sandbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// authority is the sandbox's own CA. It signs for AWS's names only, and its key
// never leaves the process.
type authority struct {
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	der     []byte
	created time.Time

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sandbox: making the CA's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: "Pullpass sandbox CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"amazonaws.com", "amazonaws.com.cn", "on.aws", "api.aws", "ecr.aws", "localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sandbox: making the CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("sandbox: reading the CA: %w", err)
	}
	return &authority{key: key, cert: cert, der: der, created: now, leaves: map[string]*tls.Certificate{}}, nil
}

func serialNumber() *big.Int { return new(big.Int).SetBytes(randomBytes(16)) }

// certificate signs for the name that a client asks for.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	if name == "" {
		name = "localhost"
	}
	if name != "localhost" && routeOf(name).kind == "" {
		return nil, errors.New("sandbox: not one of its host names")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf := a.leaves[name]; leaf != nil {
		return leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sandbox: making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sandbox: signing for %s: %w", name, err)
	}
	leaf := &tls.Certificate{Certificate: [][]byte{der, a.der}, PrivateKey: key}
	a.leaves[name] = leaf
	return leaf, nil
}

// CACertificate is the certificate to trust, in PEM; nil without TLS.
func (b *Sandbox) CACertificate() []byte {
	if b.ca == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.ca.der})
}

// TLSAddress is where the real host names are served, "" without TLS.
func (b *Sandbox) TLSAddress() string {
	for _, l := range b.listeners {
		if l.what == "tls" {
			return l.net.Addr().String()
		}
	}
	return ""
}

func (b *Sandbox) listenTLS(ctx context.Context) error {
	l, err := b.listen(ctx, "tls", b.cfg.TLS.Listen, http.HandlerFunc(b.serveByName))
	if err != nil {
		return err
	}
	l.net = tls.NewListener(l.net, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: b.ca.certificate,
	})
	return nil
}

// route is what a real host name leads to.
type route struct {
	kind    string // registry, public, api, layers
	account string
	region  string
}

var hostPatterns = []struct {
	kind    string
	pattern *regexp.Regexp
}{
	{"registry", regexp.MustCompile(`^(?P<account>[0-9]{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`)},
	{"registry", regexp.MustCompile(`^(?P<account>[0-9]{12})\.dkr-ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.on\.aws$`)},
	{"api", regexp.MustCompile(`^(?:api\.ecr|ecr-fips)\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`)},
	{"api", regexp.MustCompile(`^(?:ecr|sts)(?:-fips)?\.(?P<region>[a-z0-9-]+)\.api\.aws$`)},
	{"api", regexp.MustCompile(`^sts(?:-fips)?\.(?:(?P<region>[a-z0-9-]+)\.)?amazonaws\.com(?:\.cn)?$`)},
	{"api", regexp.MustCompile(`^iam\.amazonaws\.com$`)},
	{"api", regexp.MustCompile(`^api\.ecr-public\.us-east-1\.amazonaws\.com$`)},
	{"public", regexp.MustCompile(`^` + regexp.QuoteMeta(publicHost) + `$`)},
	{"layers", regexp.MustCompile(`^prod-(?P<region>[a-z0-9-]+)-starport-layer-bucket\.s3\.[a-z0-9-]+\.amazonaws\.com$`)},
}

func routeOf(host string) route {
	for _, p := range hostPatterns {
		m := p.pattern.FindStringSubmatch(host)
		if m == nil {
			continue
		}
		r := route{kind: p.kind}
		if i := p.pattern.SubexpIndex("account"); i > 0 {
			r.account = m[i]
		}
		if i := p.pattern.SubexpIndex("region"); i > 0 {
			r.region = m[i]
		}
		return r
	}
	return route{}
}

// serveByName routes by the Host header, which must be the name that the TLS
// handshake was for: one connection cannot wander from a registry to another.
func (b *Sandbox) serveByName(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(hostOnly(r.Host))
	if r.TLS.ServerName != "" && strings.ToLower(r.TLS.ServerName) != host {
		http.Error(w, "the Host header and the TLS name differ", http.StatusMisdirectedRequest)
		return
	}
	to := routeOf(host)
	switch to.kind {
	case "api":
		b.ServeHTTP(w, r)
	case "public":
		b.public.ServeHTTP(w, r)
	case "layers":
		b.layers.ServeHTTP(w, r)
	case "registry":
		a := b.state.accounts[to.account] // the set of accounts never changes after New
		if a == nil || a.registries[to.region] == nil {
			http.Error(w, "the sandbox has no such registry", http.StatusNotFound)
			return
		}
		(&registryHandler{b, a.registries[to.region]}).ServeHTTP(w, r)
	default:
		http.Error(w, "not a host name of the sandbox", http.StatusMisdirectedRequest)
	}
}

func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}
