package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/web"
)

const document = `{
 "info": {"title": "Pullpass", "version": "1<2", "description": "First.\n\nSecond."},
 "tags": [{"name": "projects", "description": "Repositories."}],
 "paths": {"/api/v1/projects/{project}": {
  "get": {"operationId": "get-project", "tags": ["projects"], "summary": "Get a project", "x-permission": "project.read",
   "parameters": [{"name": "project", "in": "path", "required": true, "description": "Its id.", "schema": {"type": "string"}}],
   "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Project"}}}}, "default": {}}},
  "delete": {"operationId": "delete-project", "tags": ["projects"], "summary": "Delete <it>", "x-permission": "project.delete", "responses": {"204": {}}}}},
 "components": {"schemas": {"Project": {"type": "object", "required": ["name"], "properties": {
  "name": {"type": "string", "description": "Its name."},
  "kind": {"type": "string", "enum": ["a", "b"]},
  "runners": {"type": ["array", "null"], "items": {"type": "string"}},
  "password": {"type": "string", "format": "password"}}}}}}`

func serve(t *testing.T, address string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	pages, err := web.New([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	return w
}

func TestDocs(t *testing.T) {
	body := serve(t, "/docs").Body.String()
	for _, want := range []string{
		"<p>First.</p>", "<p>Second.</p>", "1&lt;2", "Delete &lt;it&gt;", "project.read", "Its id.",
		`href="#schema-Project"`, `id="schema-Project"`, "a | b", "list of string", "secret", "Answers 204",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/docs lacks %q", want)
		}
	}
}

// Nothing on a page comes from elsewhere, and nothing is inline: the policy would
// refuse it.
func TestPagesKeepTheirPolicy(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?:src|href)="(?:https?:)?//`)
	inline := regexp.MustCompile(`<style|<script>| style="| on[a-z]+="`)
	for _, address := range []string{"/", "/docs", "/setup"} {
		w := serve(t, address)
		if w.Code != http.StatusOK {
			t.Errorf("GET %s = %d", address, w.Code)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("GET %s: policy %q", address, policy)
		}
		if found := elsewhere.FindString(w.Body.String()); found != "" {
			t.Errorf("GET %s names another host: %s", address, found)
		}
		if found := inline.FindString(w.Body.String()); found != "" {
			t.Errorf("GET %s has something inline: %s", address, found)
		}
		for _, used := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
			if got := serve(t, used[1]); got.Code != http.StatusOK || got.Header().Get("Content-Type") == "" {
				t.Errorf("GET %s uses %s, which is answered %d %s", address, used[1], got.Code, got.Header().Get("Content-Type"))
			}
		}
		if again := serve(t, address, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("GET %s with its ETag = %d, want 304", address, again.Code)
		}
	}
}

func TestUnknownPages(t *testing.T) {
	for _, address := range []string{"/nothing", "/static/", "/static/nothing.css", "/page/docs.html", "/static/../page/docs.html"} {
		if got := serve(t, address); got.Code != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", address, got.Code)
		}
	}
}

func TestNewRefusesWhatIsNoDocument(t *testing.T) {
	if _, err := web.New([]byte("{")); err == nil {
		t.Error("New of half a document succeeded")
	}
	if !json.Valid([]byte(document)) {
		t.Fatal("the test's own document is not JSON")
	}
}
