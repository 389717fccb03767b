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
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass/internal/awsname"
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
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: append(awsname.Domains(), "localhost"),
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
	b.listening.Lock()
	defer b.listening.Unlock()
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

func routeOf(host string) route {
	if r, ok := awsname.ParseRegistry(host); ok {
		return route{kind: "registry", account: r.Account, region: r.Region}
	}
	if e, ok := awsname.ParseEndpoint(host); ok {
		return route{kind: "api", region: e.Region}
	}
	if region, ok := awsname.LayerRegion(host); ok {
		return route{kind: "layers", region: region}
	}
	if host == awsname.PublicRegistry {
		return route{kind: "public"}
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
		b.registryHandlerOf(to.account, to.region).ServeHTTP(w, r)
	default:
		http.Error(w, "not a host name of the sandbox", http.StatusMisdirectedRequest)
	}
}

// registryHandlerOf serves an account's registry in a region as it is at each
// request: a reset makes another one.
func (b *Sandbox) registryHandlerOf(account, region string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg := b.registryAt(account, region)
		if reg == nil {
			http.Error(w, "the sandbox has no such registry", http.StatusNotFound)
			return
		}
		(&registryHandler{b, reg}).ServeHTTP(w, r)
	})
}

// registryAt finds the registry of a host name, nil where there is none.
func (b *Sandbox) registryAt(account, region string) *registry {
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	a := b.state.accounts[account]
	if a == nil {
		return nil
	}
	reg, err := b.registryOf(a, region)
	if err != nil {
		b.log.Warn("cannot open a registry", "account", account, "region", region, "error", err)
	}
	return reg
}

func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}
