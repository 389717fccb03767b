package oci_test

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

// openDoor lets everybody in at /v2/ and asks at the repository.
func openDoor(asks, images http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			w.WriteHeader(http.StatusOK)
			return
		}
		asks.ServeHTTP(w, r)
	})
}

// zot with anonymous access, Artifactory and keppel ask at the repository only.
func TestAChallengeAtTheRepositoryIsAnswered(t *testing.T) {
	images, push := storage(t)
	push("team/app:1", randomImage(t))
	basicDoor := serve(t, openDoor(wantBasic(images), images))
	mux := http.NewServeMux()
	bearerDoor := serve(t, mux)
	mux.Handle("/token", tokens(t))
	mux.Handle("/v2/", openDoor(wantBearer(bearerDoor.URL+"/token", images), images))
	wrong := pullpass.Credential{Username: "puller", Secret: pullpass.NewSecret("wrong")}
	for _, test := range []struct {
		name string
		at   *httptest.Server
		with pullpass.Credential
		code string
	}{
		{"basic", basicDoor, login, ""},
		{"basic, wrong password", basicDoor, wrong, "login_refused"},
		{"basic, nobody", basicDoor, pullpass.Credential{}, "login_required"},
		{"bearer", bearerDoor, login, ""},
		{"bearer, wrong password", bearerDoor, wrong, "login_refused"},
	} {
		got, err := clientFor(t, test.at.URL, test.at).Resolve(t.Context(), image(t, "registry.test/team/app:1"), test.with)
		if code := pullpass.CodeOf(err); code != test.code {
			t.Errorf("%s: Resolve = %v, want code %q", test.name, err, test.code)
		}
		if test.code == "" && got.Auth.Password.Empty() == got.Auth.RegistryToken.Empty() {
			t.Errorf("%s: the engine gets %+v, want what the registry asked for", test.name, got.Auth)
		}
	}
}

// A challenge is answered once: a registry that goes on asking gets no second login.
func TestAChallengeIsAnsweredOnce(t *testing.T) {
	var rec recorder
	asked := 0
	s := serve(t, rec.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		asked++
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="door %d"`, asked))
		w.WriteHeader(http.StatusUnauthorized)
	})))
	_, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
	if pullpass.CodeOf(err) != "login_refused" || asked != 2 {
		t.Errorf("Resolve = %v after %d requests, want login_refused after 2", err, asked)
	}
}

func TestAChallengeElsewhereGetsNoLogin(t *testing.T) {
	var rec recorder
	other := serve(t, rec.wrap(wantBasic(http.NotFoundHandler())))
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	_, err := clientFor(t, s.URL, s, other).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "redirected_login" || !strings.Contains(e.Hint, strings.TrimPrefix(other.URL, "https://")) {
		t.Errorf("Resolve = %v, want redirected_login that names the other host", err)
	}
	for _, r := range rec.all() {
		if r.authorization != "" {
			t.Errorf("the other host got %q", r.authorization)
		}
	}
}

func TestLoginTellsWhatIsKnown(t *testing.T) {
	images, push := storage(t)
	push("team/app:1", randomImage(t))
	open, asks := serve(t, images), serve(t, wantBasic(images))
	for _, test := range []struct {
		name         string
		at           *httptest.Server
		asked, taken bool
	}{{"open", open, false, false}, {"basic", asks, true, false}} {
		s, err := clientFor(t, test.at.URL, test.at).Open(t.Context(), image(t, "registry.test/team/app:1"), login)
		if err != nil {
			t.Fatal(err)
		}
		if asked, taken := s.Login(); asked != test.asked || taken != test.taken {
			t.Errorf("%s: Login = %v, %v, want %v, %v", test.name, asked, taken, test.asked, test.taken)
		}
	}
}

// Some registries refuse a wrong password even where nobody has to log in.
func TestCheckShowsThePasswordToAnOpenDoor(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p, ok := r.BasicAuth(); ok && p != password {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	c := clientFor(t, s.URL, s)
	for secret, want := range map[string]string{password: "", "wrong": "login_refused"} {
		session, err := c.Open(t.Context(), image(t, "registry.test/team/app:1"), pullpass.Credential{Username: "puller", Secret: pullpass.NewSecret(secret)})
		if err != nil {
			t.Fatal(err)
		}
		if got := pullpass.CodeOf(session.Check(t.Context())); got != want {
			t.Errorf("Check with %q = %q, want %q", secret, got, want)
		}
	}
}

func TestFrontDoors(t *testing.T) {
	images, push := storage(t)
	push("team/app:1", randomImage(t))
	other := serve(t, images)
	for _, test := range []struct {
		name  string
		front func(w http.ResponseWriter, r *http.Request) bool // whether it has answered
		code  string
		hint  string
	}{
		{"a slash is missing", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v2/" || r.URL.RawQuery != "" {
				return false
			}
			http.Redirect(w, r, "/v2/?", http.StatusMovedPermanently)
			return true
		}, "", ""},
		{"another host", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other.URL+"/v2/?signature=canary", http.StatusMovedPermanently)
			return true
		}, "redirect_refused", "--host " + strings.TrimPrefix(other.URL, "https://")},
		{"nothing at /v2/", func(w http.ResponseWriter, r *http.Request) bool {
			http.NotFound(w, r)
			return true
		}, "registry_answer", "web pages"},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusTeapot)
			return true
		}, "registry_answer", "distribution protocol"},
	} {
		if strings.HasPrefix(test.name, "a slash") {
			test.front = slashFirst()
		}
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !test.front(w, r) {
				images.ServeHTTP(w, r)
			}
		}))
		_, err := clientFor(t, s.URL, s, other).Resolve(t.Context(), image(t, "registry.test/team/app:1"), pullpass.Credential{})
		if pullpass.CodeOf(err) != test.code || (test.hint != "" && !strings.Contains(pullpass.HintOf(err), test.hint)) {
			t.Errorf("%s: Resolve = %v (hint %q), want code %q, hint with %q", test.name, err, pullpass.HintOf(err), test.code, test.hint)
		}
		if err != nil && strings.Contains(err.Error()+pullpass.HintOf(err), "canary") {
			t.Errorf("%s: %v shows the query of a redirect", test.name, err)
		}
	}
}

// slashFirst redirects the first request at the door to the same door.
func slashFirst() func(http.ResponseWriter, *http.Request) bool {
	redirected := false
	return func(w http.ResponseWriter, r *http.Request) bool {
		if redirected || r.URL.Path != "/v2/" {
			return false
		}
		redirected = true
		http.Redirect(w, r, "/v2/", http.StatusMovedPermanently)
		return true
	}
}

func TestAnUnusableBearerBesideBasic(t *testing.T) {
	images, push := storage(t)
	push("team/app:1", randomImage(t))
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p, _ := r.BasicAuth(); p != password {
			w.Header().Add("WWW-Authenticate", `Bearer realm="factory"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="factory"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	}))
	if _, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login); err != nil {
		t.Errorf("Resolve = %v, want the Basic challenge answered", err)
	}
}

func TestUserNamesOutsideASCII(t *testing.T) {
	images, push := storage(t)
	push("team/app:1", randomImage(t))
	for _, user := range []string{"jürgen", "世界", "DOM\\user", "$oauthtoken"} {
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
			if r.Header.Get("Authorization") != want {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			images.ServeHTTP(w, r)
		}))
		if _, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), pullpass.Credential{Username: user, Secret: pullpass.NewSecret(password)}); err != nil {
			t.Errorf("Resolve as %q: %v", user, err)
		}
	}
	c := clientFor(t, "https://127.0.0.1:1")
	_, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:1"), pullpass.Credential{Username: "a:b", Secret: pullpass.NewSecret("x")})
	if pullpass.CodeOf(err) != "login_refused" || pullpass.HintOf(err) == "" {
		t.Errorf("Resolve as a:b = %v, want a refusal with a hint", err)
	}
}

func TestBadRequestsOfECR(t *testing.T) {
	for _, test := range []struct{ code, message, want string }{
		{"UNSUPPORTED", "Invalid parameter at 'registryId'", "request_invalid"},
		{"TAG_INVALID", "Invalid parameter at 'imageTag' failed to satisfy constraint", "request_invalid"},
		{"UNSUPPORTED", "", "wrong_region"},
		{"", "", "wrong_region"},
	} {
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusBadRequest, test.code, test.message)
		}))
		c := clientWith(t, oci.Options{}, []reference.Mapping{{Host: "registry.test", Account: "222222222222", Region: "eu-west-1", RegistryURL: s.URL}}, s)
		_, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:1"), pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret("x")})
		if pullpass.CodeOf(err) != test.want {
			t.Errorf("400 %s %q = %v, want %s", test.code, test.message, err, test.want)
		}
	}
}

func TestRealmOverPlainHTTPNeedsTheOperator(t *testing.T) {
	images, push := storage(t)
	push("team/app:1", randomImage(t))
	service := httptest.NewServer(tokens(t))
	defer service.Close()
	front := httptest.NewServer(wantBearer(service.URL+"/token", images))
	defer front.Close()
	for realm, want := range map[string]string{"": "realm_refused", service.URL: ""} {
		c := clientWith(t, oci.Options{}, []reference.Mapping{{Host: "registry.test", RegistryURL: front.URL, Realm: realm}})
		_, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
		if pullpass.CodeOf(err) != want {
			t.Errorf("with realm %q: Resolve = %v, want %q", realm, err, want)
		}
		if want == "" {
			continue
		}
		_, mapping, _ := strings.Cut(pullpass.HintOf(err), "--host ")
		m, bad := reference.ParseMapping(mapping)
		if bad != nil || m.Realm != service.URL || m.RegistryURL != front.URL {
			t.Errorf("the hint's mapping %q = %+v, %v, want one that allows the realm", mapping, m, bad)
		}
	}
	if _, err := reference.ParseMapping("host=registry.test,registry=https://registry.test,realm=http://registry.test"); err == nil {
		t.Error("a realm over http is accepted for a registry over https")
	}
}

// documents serves manifests and blobs by path.
type documents map[string][]byte

func (d documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := d[r.URL.Path]
	switch {
	case r.URL.Path == "/v2/":
	case !ok:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "unknown")
	default:
		_, _ = w.Write(body)
	}
}

// put adds an image under its digest and returns its descriptor, without a platform.
func (d documents) put(t *testing.T, img v1.Image) map[string]any {
	t.Helper()
	raw, err := img.RawManifest()
	config, err2 := img.RawConfigFile()
	m, err3 := img.Manifest()
	digest, err4 := img.Digest()
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	d["/v2/team/app/manifests/"+digest.String()] = raw
	d["/v2/team/app/blobs/"+m.Config.Digest.String()] = config
	return map[string]any{"mediaType": m.MediaType, "digest": digest.String(), "size": len(raw)}
}

func (d documents) index(t *testing.T, name string, entries ...map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries})
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	d["/v2/team/app/manifests/"+name], d["/v2/team/app/manifests/"+digest.String()] = raw, raw
	return map[string]any{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest.String(), "size": len(raw)}
}

func built(t *testing.T, os, arch, variant string) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: os, Architecture: arch, Variant: variant, Author: os + arch + variant})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func with(entry map[string]any, os, arch, variant string) map[string]any {
	p := map[string]string{"os": os, "architecture": arch}
	if variant != "" {
		p["variant"] = variant
	}
	entry["platform"] = p
	return entry
}

func TestPlatforms(t *testing.T) {
	d := documents{}
	amd, arm64 := d.put(t, built(t, "linux", "amd64", "")), d.put(t, built(t, "linux", "arm64", "v8"))
	armv6, armv7 := d.put(t, built(t, "linux", "arm", "v6")), d.put(t, built(t, "linux", "arm", "v7"))
	attestation := d.put(t, built(t, "unknown", "unknown", ""))
	attestation["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	attestation["platform"] = map[string]string{"os": "unknown", "architecture": "unknown"}
	d.index(t, "bare", amd, arm64)
	inner := d.index(t, "inner", attestation, amd)
	d.index(t, "nested", inner)
	d.index(t, "variant", with(clone(arm64), "linux", "arm64", "v8"))
	d.index(t, "plain", with(clone(arm64), "linux", "arm64", ""))
	d.index(t, "arms", with(clone(armv6), "linux", "arm", "v6"), with(clone(armv7), "linux", "arm", "v7"))
	d.index(t, "armv6", with(clone(armv6), "linux", "arm", "v6"))
	d.index(t, "armv7", with(clone(armv7), "linux", "arm", "v7"))
	d.index(t, "empty")
	s := serve(t, d)
	for _, test := range []struct{ tag, platform, want string }{
		{"bare", "linux/amd64", amd["digest"].(string)},
		{"bare", "linux/arm64", arm64["digest"].(string)},
		{"bare", "linux/arm64/v8", arm64["digest"].(string)},
		{"bare", "linux/s390x", "linux/amd64, linux/arm64/v8"},
		{"nested", "linux/amd64", amd["digest"].(string)},
		{"variant", "linux/arm64", arm64["digest"].(string)},
		{"plain", "linux/arm64/v8", arm64["digest"].(string)},
		{"arms", "linux/arm/v7", armv7["digest"].(string)},
		{"arms", "linux/arm/v6", armv6["digest"].(string)},
		{"arms", "linux/arm", armv7["digest"].(string)},
		{"armv6", "linux/arm/v7", armv6["digest"].(string)},
		{"armv7", "linux/arm/v6", "linux/arm/v7"},
		{"empty", "linux/amd64", "no image at all"},
	} {
		c := clientWith(t, oci.Options{Platform: test.platform}, []reference.Mapping{{Host: "registry.test", RegistryURL: s.URL}}, s)
		got, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:"+test.tag), pullpass.Credential{})
		if strings.HasPrefix(test.want, "sha256:") {
			if err != nil || got.Image != test.want {
				t.Errorf("%s for %s = %s, %v, want %s", test.tag, test.platform, got.Image, err, test.want)
			}
			continue
		}
		if pullpass.CodeOf(err) != "platform_missing" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s = %v, want platform_missing that names %s", test.tag, test.platform, err, test.want)
		}
	}
}

func clone(entry map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range entry {
		out[k] = v
	}
	return out
}

func TestIndexesWithoutEnd(t *testing.T) {
	d := documents{}
	at := d.index(t, "level0", d.put(t, built(t, "linux", "amd64", "")))
	for i := range 8 {
		at = d.index(t, fmt.Sprintf("level%d", i+1), at)
	}
	s := serve(t, d)
	c := clientWith(t, oci.Options{Platform: "linux/amd64"}, []reference.Mapping{{Host: "registry.test", RegistryURL: s.URL}}, s)
	if _, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:level4"), pullpass.Credential{}); err != nil {
		t.Errorf("four levels: %v", err)
	}
	if _, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:level8"), pullpass.Credential{}); pullpass.CodeOf(err) != "content_refused" {
		t.Errorf("eight levels = %v, want content_refused", err)
	}
}

func TestFormsThatEnginesDoNotPull(t *testing.T) {
	d := documents{}
	d["/v2/team/app/manifests/old"] = []byte(`{"schemaVersion":1,"name":"team/app","fsLayers":[]}`)
	config := strings.Repeat("0", 64)
	d["/v2/team/app/manifests/foreign"] = []byte(`{"schemaVersion":2,"config":{"digest":"sha256:` + config + `","size":1},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"sha256:` + config + `","size":1,"urls":["https://example.com/layer"]}]}`)
	s := serve(t, d)
	c := clientFor(t, s.URL, s)
	for tag, cause := range map[string]string{"old": "schema version 1", "foreign": "foreign layer"} {
		_, err := c.Resolve(t.Context(), image(t, "registry.test/team/app:"+tag), pullpass.Credential{})
		if pullpass.CodeOf(err) != "image_unsupported" || !strings.Contains(err.Error(), cause) || pullpass.HintOf(err) == "" {
			t.Errorf("Resolve(%s) = %v, want image_unsupported: %s", tag, err, cause)
		}
	}
}

func TestSHA512(t *testing.T) {
	digest := func(b []byte) string {
		sum := sha512.Sum512(b)
		return "sha512:" + hex.EncodeToString(sum[:])
	}
	layer, config := []byte("a layer"), []byte(`{"os":"linux","architecture":"amd64"}`)
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		digest(config), len(config), digest(layer), len(layer))
	d := documents{
		"/v2/team/app/manifests/" + digest(raw): raw, "/v2/team/app/blobs/" + digest(layer): layer, "/v2/team/app/blobs/" + digest(config): config,
	}
	s := serve(t, d)
	c := clientFor(t, s.URL, s)
	got, err := c.Pull(t.Context(), image(t, "registry.test/team/app@"+digest(raw)), pullpass.Credential{}, filepath.Join(t.TempDir(), "image"), nil)
	if err != nil || got.Digest != digest(raw) || got.Layers != 1 {
		t.Errorf("Pull = %+v, %v, want the image by its sha512 digest", got, err)
	}
	d["/v2/team/app/blobs/"+digest(layer)] = []byte("A layer")
	if _, err := c.Pull(t.Context(), image(t, "registry.test/team/app@"+digest(raw)), pullpass.Credential{}, filepath.Join(t.TempDir(), "image"), nil); pullpass.CodeOf(err) != "content_refused" {
		t.Errorf("Pull of changed bytes = %v, want content_refused", err)
	}
}
