package oci_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/reference"
)

// TestRealRegistry pulls from Debian's docker-registry with htpasswd.
func TestRealRegistry(t *testing.T) {
	r := parts.Registry(t)
	img := randomImage(t)
	ref, err := name.ParseReference(r.Host+"/oci-test/"+strings.ToLower(t.Name())+":1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := remote.Write(ref, img, remote.WithTransport(transport), remote.WithAuth(&authn.Basic{Username: r.Username, Password: r.Password})); err != nil {
		t.Fatal(err)
	}
	c := clientWith(t, oci.Options{}, []reference.Mapping{{Host: r.Host, RegistryURL: "http://" + r.Host}})
	good := pullpass.Credential{Host: r.Host, Username: r.Username, Secret: pullpass.NewSecret(r.Password)}
	pulled, err := c.Pull(t.Context(), image(t, ref.String()), good, t.TempDir(), nil)
	want, _ := img.Digest()
	if err != nil || pulled.Digest != want.String() {
		t.Errorf("Pull = %+v, %v, want %s", pulled, err, want)
	}
	bad := good
	bad.Secret = pullpass.NewSecret("wrong")
	for _, cred := range []pullpass.Credential{bad, {}} {
		if _, err := c.Resolve(t.Context(), image(t, ref.String()), cred); !pullpass.IsKind(err, pullpass.Denied) {
			t.Errorf("Resolve as %q = %v, want Denied", cred.Username, err)
		}
	}
	if _, err := c.Resolve(t.Context(), image(t, ref.Context().String()+":no-such-tag"), good); !pullpass.IsKind(err, pullpass.NotFound) {
		t.Errorf("Resolve of a missing tag = %v, want NotFound", err)
	}
}

func ecrClient(t *testing.T, url string, trust ...*httptest.Server) *oci.Client {
	t.Helper()
	return clientWith(t, oci.Options{}, []reference.Mapping{{Host: ecrHost, RegistryURL: url}}, trust...)
}

func jsonText(s string) string {
	b, _ := json.Marshal(s) // text always marshals
	return string(b)
}

// pushIndex pushes an index with one image for linux/amd64.
func pushIndex(t *testing.T, handler http.Handler, repository string, amd v1.Image) string {
	t.Helper()
	push := httptest.NewServer(handler)
	defer push.Close()
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, err := name.ParseReference(strings.TrimPrefix(push.URL, "http://")+"/"+repository, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := remote.WriteIndex(ref, index, remote.WithTransport(transport)); err != nil {
		t.Fatal(err)
	}
	d, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}
