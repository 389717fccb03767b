package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page/*.html
var templates embed.FS

//go:embed static
var static embed.FS

// policy lets a page use this server's own style and scripts, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// asset is a file, ready to be served.
type asset struct {
	contentType string
	etag        string
	content     []byte
}

// New renders the pages; document is the OpenAPI document as JSON.
func New(document []byte) (http.Handler, error) {
	assets, err := files()
	if err != nil {
		return nil, err
	}
	description, err := parse(document)
	if err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	for address, page := range map[string]struct {
		name string
		data any
	}{
		"/":      {"home.html", description},
		"/docs":  {"docs.html", description},
		"/setup": {"setup.html", nil},
	} {
		if assets[address], err = render(page.name, page.data); err != nil {
			return nil, err
		}
	}
	return handler(assets), nil
}

func render(name string, data any) (asset, error) {
	t, err := template.ParseFS(templates, "page/layout.html", "page/"+name)
	if err != nil {
		return asset{}, fmt.Errorf("reading the page %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout.html", data); err != nil {
		return asset{}, fmt.Errorf("writing the page %s: %w", name, err)
	}
	return newAsset("text/html; charset=utf-8", b.Bytes()), nil
}

// files reads what lies under static.
func files() (map[string]asset, error) {
	types := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
	assets := make(map[string]asset)
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := static.ReadFile(name)
		assets["/"+name] = newAsset(types[path.Ext(name)], content)
		return err
	})
	return assets, err
}

func newAsset(contentType string, content []byte) asset {
	sum := sha256.Sum256(content)
	return asset{contentType: contentType, etag: `"` + hex.EncodeToString(sum[:8]) + `"`, content: content}
}

func handler(assets map[string]asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("ETag", a.etag)
		h.Set("Cache-Control", "no-cache") // ask again: a new server has new pages
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if strings.HasPrefix(a.contentType, "text/html") {
			h.Set("Content-Security-Policy", policy)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	})
}
