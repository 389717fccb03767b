package oci_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "canary-pass-word"

var login = pullpass.Credential{Username: "puller", Secret: pullpass.NewSecret(password)}

// seen is one request that a server got.
type seen struct{ host, path, query, authorization string }

// recorder keeps what a server was asked, in order.
type recorder struct {
	mu   sync.Mutex
	list []seen
}

func (r *recorder) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.list = append(r.list, seen{req.Host, req.URL.Path, req.URL.RawQuery, req.Header.Get("Authorization")})
		r.mu.Unlock()
		next.ServeHTTP(w, req)
	})
}

func (r *recorder) all() []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]seen(nil), r.list...)
}

// storage is a registry without any login, and what was pushed to it.
func storage(t *testing.T) (http.Handler, func(repository string, img v1.Image) string) {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	push := httptest.NewServer(handler)
	t.Cleanup(push.Close)
	return handler, func(repository string, img v1.Image) string {
		t.Helper()
		ref, err := name.ParseReference(strings.TrimPrefix(push.URL, "http://")+"/"+repository, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		if err := remote.Write(ref, img, remote.WithTransport(transport)); err != nil {
			t.Fatal(err)
		}
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(64<<10, 3)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// wantBasic asks for the password on each request.
func wantBasic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != login.Username || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
		next.ServeHTTP(w, r)
	})
}

const bearer = "canary-bearer-token"

// wantBearer asks for a token of the realm.
func wantBearer(realm string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+bearer {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="reg, istry",scope="repository:other:push"`, realm))
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tokens issues the one token to the one login.
func tokens(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != login.Username || p != password {
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "bad login")
			return
		}
		if got := r.URL.Query(); got.Get("scope") != "repository:team/app:pull" || got.Get("service") != "reg, istry" {
			t.Errorf("the token service was asked for %v", got)
		}
		_, _ = io.WriteString(w, `{"access_token":"`+bearer+`","expires_in":300}`)
	})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that a test gives up
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// clientFor reaches servers on loopback; registry.test is mapped to the address.
func clientFor(t *testing.T, address string, trust ...*httptest.Server) *oci.Client {
	t.Helper()
	return clientWith(t, oci.Options{}, []reference.Mapping{{Host: "registry.test", RegistryURL: address}}, trust...)
}

func clientWith(t *testing.T, o oci.Options, mappings []reference.Mapping, trust ...*httptest.Server) *oci.Client {
	t.Helper()
	hosts, err := reference.NewHosts(mappings...)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, s := range trust {
		if s.Certificate() != nil {
			roots.AddCert(s.Certificate())
		}
	}
	e, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, RootCAs: roots, Resolver: everythingIsLoopback(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	o.Egress, o.Hosts = e, hosts
	c, err := oci.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// everythingIsLoopback resolves every name to 127.0.0.1.
func everythingIsLoopback(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			out := append([]byte{}, buf[:n]...)
			end := 12
			for out[end] != 0 {
				end += int(out[end]) + 1
			}
			out = out[:end+5]
			out[2], out[3] = 0x84, 0
			clear(out[6:12])
			if binary.BigEndian.Uint16(out[end+1:]) == 1 { // A
				out[7] = 1
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
			}
			_, _ = conn.WriteTo(out, from)
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	address := conn.LocalAddr().String()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", address)
	}}
}

func image(t *testing.T, s string) reference.Image {
	t.Helper()
	img, err := reference.ParseImage(s)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// carries reports whether a header gives any of the secrets away.
func carries(authorization string) bool {
	return authorization != "" && (strings.Contains(authorization, bearer) ||
		strings.Contains(authorization, base64.StdEncoding.EncodeToString([]byte(login.Username+":"+password))))
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
