package oci_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

func TestResolveBasic(t *testing.T) {
	handler, push := storage(t)
	digest := push("team/app:1", randomImage(t))
	s := serve(t, wantBasic(handler))
	c := clientFor(t, s.URL, s)
	got, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
	if err != nil {
		t.Fatal(err)
	}
	pinned := strings.TrimPrefix(s.URL, "https://") + "/team/app@" + digest // where the mapping has it: engines know no mappings
	if got.Digest != digest || got.Image != digest || got.Layers != 3 || got.Bytes == 0 || got.Size == 0 || got.Reference != pinned {
		t.Errorf("Resolve = %+v, want digest %s and 3 layers", got, digest)
	}
	if got.Auth.Username != "puller" || got.Auth.Password.Reveal() != password || !got.Auth.RegistryToken.Empty() || got.Auth.ServerAddress != "registry.test" {
		t.Errorf("Auth = %+v, want the password, the registry takes nothing else", got.Auth)
	}
	if _, err := c.Resolve(t.Context(), image(t, "registry.test/team/app@"+digest), login); err != nil {
		t.Errorf("Resolve by digest: %v", err)
	}
}

func TestResolveBearerGivesTheEngineATokenOnly(t *testing.T) {
	handler, push := storage(t)
	digest := push("team/app:1", randomImage(t))
	mux := http.NewServeMux()
	s := httptest.NewUnstartedServer(mux)
	s.StartTLS()
	defer s.Close()
	mux.Handle("/token", tokens(t))
	var rec recorder
	mux.Handle("/v2/", rec.wrap(wantBearer(s.URL+"/token?account=x", handler)))
	got, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
	if err != nil || got.Digest != digest {
		t.Fatalf("Resolve = %+v, %v", got, err)
	}
	if got.Auth.RegistryToken.Reveal() != bearer || got.Auth.Username != "" || !got.Auth.Password.Empty() {
		t.Errorf("Auth = %+v, want the token and no password", got.Auth)
	}
	for _, r := range rec.all() {
		if strings.HasPrefix(r.authorization, "Basic") {
			t.Errorf("%s got the password", r.path)
		}
	}
}

func TestPasswordStaysWithTheRegistry(t *testing.T) {
	handler, push := storage(t)
	push("team/app:1", randomImage(t))
	var rec recorder
	thief := serve(t, rec.wrap(tokens(t)))
	plain := httptest.NewServer(rec.wrap(tokens(t)))
	defer plain.Close()
	for _, test := range []struct {
		name, realm string
		allow       string
		want        bool
	}{
		{"another port", thief.URL + "/token", "", false},
		{"another host", "https://auth.other.test:" + portOf(t, thief.URL) + "/token", "", false},
		{"plain http", plain.URL + "/token", strings.Replace(plain.URL, "http:", "https:", 1), false},
		{"user name in the realm", strings.Replace(thief.URL, "https://", "https://user@", 1), "", false},
		{"no scheme", "//" + strings.TrimPrefix(thief.URL, "https://"), "", false},
		{"another scheme", "ftp://127.0.0.1/token", "", false},
		{"not an address", "https://%zz", "", false},
		{"an allowance for another", thief.URL + "/token", "https://auth.other.test", false},
		{"the operator's allowance", thief.URL + "/token", thief.URL, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(rec.all())
			s := serve(t, wantBearer(test.realm, handler))
			c := clientWith(t, oci.Options{},
				[]reference.Mapping{{Host: "registry.test", RegistryURL: s.URL, Realm: test.allow}}, s, thief)
			_, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
			if test.want {
				if err != nil {
					t.Errorf("Resolve = %v, want success", err)
				}
				return
			}
			if err == nil {
				t.Error("Resolve succeeded, want a refusal")
			}
			if n := len(rec.all()) - before; n != 0 {
				t.Errorf("the token service was asked %d times, want 0", n)
			}
		})
	}
}

func TestAnonymousTokensNeedNoPassword(t *testing.T) {
	handler, push := storage(t)
	push("team/app:1", randomImage(t))
	var rec recorder
	service := serve(t, rec.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"token":"`+bearer+`"}`) })))
	s := serve(t, wantBearer(service.URL+"/token", handler))
	if _, err := clientFor(t, s.URL, s, service).Resolve(t.Context(), image(t, "registry.test/team/app:1"), pullpass.Credential{}); err != nil {
		t.Errorf("Resolve without a credential = %v, want success", err)
	}
	if got := rec.all(); len(got) != 1 || got[0].authorization != "" {
		t.Errorf("the token service saw %v, want one request without authorization", got)
	}
}

func TestTokenServiceRedirectIsNotFollowed(t *testing.T) {
	handler, _ := storage(t)
	var rec recorder
	thief := serve(t, rec.wrap(tokens(t)))
	mux := http.NewServeMux()
	s := serve(t, mux)
	mux.Handle("/token", http.RedirectHandler(thief.URL+"/token", http.StatusTemporaryRedirect))
	mux.Handle("/v2/", wantBearer(s.URL+"/token", handler))
	if _, err := clientFor(t, s.URL, s, thief).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login); err == nil {
		t.Error("Resolve succeeded, want a refusal")
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("the redirect's target was asked %d times, want 0", n)
	}
}

func TestCredentialOfAnotherHostIsNotUsed(t *testing.T) {
	var rec recorder
	s := serve(t, rec.wrap(http.NotFoundHandler()))
	cred := login
	cred.Host = "ghcr.io"
	if _, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), cred); err == nil {
		t.Error("Resolve with another registry's credential succeeded")
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d requests were made, want 0", n)
	}
}

func TestPull(t *testing.T) {
	handler, push := storage(t)
	digest := push("team/app:1", randomImage(t))
	s := serve(t, wantBasic(handler))
	c := clientFor(t, s.URL, s)
	dir := filepath.Join(t.TempDir(), "image")
	var last pullpass.Progress
	calls := 0
	got, err := c.Pull(t.Context(), image(t, "registry.test/team/app:1"), login, dir, func(p pullpass.Progress) {
		calls++
		if p.BytesDone < last.BytesDone || p.LayersDone < last.LayersDone {
			t.Errorf("progress went back from %+v to %+v", last, p)
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != digest || got.Layers != 3 || got.Bytes != last.BytesTotal || last.BytesDone != last.BytesTotal || last.LayersDone != 3 || calls < 4 {
		t.Errorf("Pull = %+v after %d calls, the last %+v", got, calls, last)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	hash, _ := v1.NewHash(digest)
	img, err := index.Image(hash)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Errorf("the layout's image: %v", err)
	}
	if _, err := c.Pull(t.Context(), image(t, "registry.test/team/app:1"), login, dir, nil); !pullpass.IsKind(err, pullpass.Conflict) {
		t.Errorf("a second Pull into the same directory = %v, want Conflict", err)
	}
}

func TestPullRefusesChangedBytes(t *testing.T) {
	handler, push := storage(t)
	img := randomImage(t)
	digest := push("team/app:1", img)
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(path string, body []byte) []byte{
		"a layer's byte": func(path string, b []byte) []byte {
			if strings.HasSuffix(path, manifest.Layers[1].Digest.String()) {
				b[len(b)/2] ^= 1
			}
			return b
		},
		"a layer cut short": func(path string, b []byte) []byte {
			if strings.HasSuffix(path, manifest.Layers[2].Digest.String()) {
				return b[:len(b)-1]
			}
			return b
		},
		"a layer made longer": func(path string, b []byte) []byte {
			if strings.HasSuffix(path, manifest.Layers[0].Digest.String()) {
				return append(b, 'x')
			}
			return b
		},
		"the configuration": func(path string, b []byte) []byte {
			if strings.HasSuffix(path, manifest.Config.Digest.String()) {
				b[1] ^= 1
			}
			return b
		},
		"the manifest": func(path string, b []byte) []byte {
			if strings.HasSuffix(path, "/manifests/"+digest) {
				return append(b, ' ')
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner := httptest.NewRecorder()
				handler.ServeHTTP(inner, r)
				w.WriteHeader(inner.Code)
				_, _ = w.Write(change(r.URL.Path, inner.Body.Bytes()))
			}))
			dir := t.TempDir()
			_, err := clientFor(t, s.URL, s).Pull(t.Context(), image(t, "registry.test/team/app@"+digest), login, dir, nil)
			var e *pullpass.Error
			if !errors.As(err, &e) || e.Code != "content_refused" {
				t.Errorf("Pull = %v, want content_refused", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "index.json")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a layout was left behind: %v", err)
			}
		})
	}
}
