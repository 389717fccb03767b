package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/api"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const golden = "../../docs/openapi.yaml"

func TestOpenAPIDocument(t *testing.T) {
	w := newWorld(t)
	want := regexp.MustCompile(`(?m)^  version: .*$`).ReplaceAll(w.OpenAPIYAML(), []byte("  version: current"))
	if *update {
		must(t, os.WriteFile(golden, want, 0o644))
	}
	got, err := os.ReadFile(golden)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.yaml is not what the code says: run go test ./internal/httpapi -run TestOpenAPIDocument -update")
	}
	served := w.raw("GET", api.PathOpenAPIJSON, "", "")
	var doc struct {
		OpenAPI    string `json:"openapi"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Format    string `json:"format"`
					WriteOnly bool   `json:"writeOnly"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	must(t, json.Unmarshal([]byte(served.body), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("openapi: %q, want 3.1", doc.OpenAPI)
	}
	for _, secret := range []struct{ schema, field string }{
		{"NewRegistry", "password"}, {"RegistryChange", "password"}, {"NewIntegration", "secret_access_key"},
		{"IntegrationChange", "secret_access_key"}, {"Setup", "token"}, {"Join", "token"},
	} {
		f, ok := doc.Components.Schemas[secret.schema].Properties[secret.field]
		if !ok || f.Format != "password" || !f.WriteOnly {
			t.Errorf("%s.%s in the document: %+v, want a write-only password", secret.schema, secret.field, f)
		}
	}
	for _, answer := range []string{"Registry", "Integration", "Token"} {
		for field, f := range doc.Components.Schemas[answer].Properties {
			if f.Format == "password" {
				t.Errorf("%s.%s is a secret in an answer", answer, field)
			}
		}
	}
}

// The page tells of every operation of the document.
func TestDocsTellEverything(t *testing.T) {
	w := newWorld(t)
	page := w.raw("GET", api.PathDocs, "", "")
	if page.status != 200 || page.header.Get("Content-Security-Policy") == "" {
		t.Fatalf("GET %s = %d, policy %q", api.PathDocs, page.status, page.header.Get("Content-Security-Policy"))
	}
	for _, op := range operations(t, w.OpenAPI()) {
		if !strings.Contains(page.body, `id="`+op.ID+`"`) {
			t.Errorf("%s lacks %s %s", api.PathDocs, op.method, op.path)
		}
	}
	for _, path := range []string{"/", api.PathSetupPage, "/static/setup.js", "/static/pullpass.css"} {
		if got := w.raw("GET", path, "", ""); got.status != 200 {
			t.Errorf("GET %s = %d", path, got.status)
		}
	}
}

// There is one way to register an operation, and it demands a permission.
func TestOneWayToRegister(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	count := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		must(t, err)
		count += len(regexp.MustCompile(`huma\.(Register|AutoRegister|Get|Post|Put|Patch|Delete|Head)\(`).FindAll(b, -1))
	}
	if count != 1 {
		t.Errorf("%d calls register operations with huma, want the one in add", count)
	}
}
