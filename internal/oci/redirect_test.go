package oci_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

// hop is one address that a chain of redirects leads to.
type hop struct {
	at   string // "https://a", "https://sub.a", "https://b", "https://a2": another port
	auth bool   // whether the login may be seen there
}

func TestRedirectsCarryNothingOffOrigin(t *testing.T) {
	for _, test := range []struct {
		name    string
		hops    []hop
		refused bool
	}{
		{"stays", []hop{{"https://a", true}, {"https://a", true}}, false},
		{"a to b", []hop{{"https://a", true}, {"https://b", false}}, false},
		{"a to b to b", []hop{{"https://a", true}, {"https://b", false}, {"https://b", false}}, false},
		{"a to b to a", []hop{{"https://a", true}, {"https://b", false}, {"https://a", false}}, false},
		{"subdomain", []hop{{"https://a", true}, {"https://sub.a", false}}, false},
		{"another port", []hop{{"https://a", true}, {"https://a2", false}}, false},
		{"down to http", []hop{{"https://a", true}, {"http://a", false}}, true},
		{"down to http elsewhere", []hop{{"https://a", true}, {"https://b", false}, {"http://b", false}}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler, push := storage(t)
			push("team/app:1", randomImage(t))
			var rec recorder
			var base map[string]string
			step := func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.Path, "/blobs/") {
					wantBasic(handler).ServeHTTP(w, r)
					return
				}
				next := r.URL.Query().Get("hop")
				i := len(next) + 1 // one x for each hop so far
				if i < len(test.hops) {
					http.Redirect(w, r, base[test.hops[i].at]+r.URL.Path+"?hop="+strings.Repeat("x", i), http.StatusTemporaryRedirect)
					return
				}
				handler.ServeHTTP(w, r)
			}
			first := serve(t, rec.wrap(http.HandlerFunc(step)))
			second := serve(t, rec.wrap(http.HandlerFunc(step)))
			plain := httptest.NewServer(rec.wrap(http.HandlerFunc(step)))
			defer plain.Close()
			p1, p2, p3 := portOf(t, first.URL), portOf(t, second.URL), portOf(t, plain.URL)
			// The test servers' certificate is for example.com and all below it.
			base = map[string]string{
				"https://a": "https://example.com:" + p1, "https://sub.a": "https://sub.example.com:" + p1,
				"https://a2": "https://example.com:" + p2, "https://b": "https://b.example.com:" + p2,
				"http://a": "http://example.com:" + p3, "http://b": "http://b.example.com:" + p3,
			}
			c := clientWith(t, oci.Options{}, []reference.Mapping{{Host: "registry.test", RegistryURL: base["https://a"]}}, first, second)
			_, err := c.Pull(t.Context(), image(t, "registry.test/team/app:1"), login, t.TempDir(), nil)
			if (err != nil) != test.refused {
				t.Errorf("Pull = %v, refused should be %v", err, test.refused)
			}
			reached := 0
			for _, r := range rec.all() {
				if !strings.Contains(r.path, "/blobs/") {
					continue
				}
				i := strings.Count(r.query, "x")
				reached = max(reached, i)
				if h := test.hops[i]; carries(r.authorization) != h.auth || (r.authorization != "") != h.auth {
					t.Errorf("hop %d at %s: authorization %v, want %v", i, r.host, r.authorization != "", h.auth)
				}
				if "https://"+r.host != base[test.hops[i].at] {
					t.Errorf("hop %d came to %s, want %s", i, r.host, base[test.hops[i].at])
				}
			}
			if want := len(test.hops) - 1; !test.refused && reached != want {
				t.Errorf("the chain ended at hop %d, want %d", reached, want)
			}
		})
	}
}

// TestReturningRedirectGetsNothing looks at the third request alone: it is at
// the registry's own origin again, on a path that another host chose.
func TestReturningRedirectGetsNothing(t *testing.T) {
	handler, push := storage(t)
	push("team/app:1", randomImage(t))
	var back recorder
	mux := http.NewServeMux()
	a := serve(t, mux)
	b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, a.URL+"/chosen-by-b"+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	mux.Handle("/chosen-by-b/", back.wrap(http.StripPrefix("/chosen-by-b", handler)))
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, b.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		wantBasic(handler).ServeHTTP(w, r)
	})
	if _, err := clientFor(t, a.URL, a, b).Pull(t.Context(), image(t, "registry.test/team/app:1"), login, t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	got := back.all()
	if len(got) == 0 {
		t.Fatal("the redirect did not lead back: the test proves nothing")
	}
	for _, r := range got {
		if r.authorization != "" {
			t.Errorf("%s got an Authorization header after the redirect left the registry", r.path)
		}
	}
}

func TestRedirectCircleEnds(t *testing.T) {
	var rec recorder
	s := serve(t, rec.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	})))
	if _, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login); err == nil {
		t.Error("Resolve = nil, want an error")
	}
	if n := len(rec.all()); n > 8 {
		t.Errorf("%d requests in a circle, want a handful", n)
	}
}
