package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Program is a binary to give out that is open already.
type Program struct {
	File    string // <os>-<arch>/<name>
	Content io.ReaderAt
	Size    int64
}

// binary is a file to give out, and how it is opened.
type binary struct {
	api.Download
	open func() (io.ReadSeekCloser, error)
}

const downloadWithin = 10 * time.Minute

// offer reads the binaries once: <os>-<arch>/<name>. What they are does not change
// while the server runs.
func (s *Server) offer(programs []Program, tree fs.FS) error {
	taken := map[string]bool{}
	for _, p := range programs {
		taken[p.File] = true
		err := s.offerFile(p.File, func() (io.ReadSeekCloser, error) {
			return unclosed{io.NewSectionReader(p.Content, 0, p.Size)}, nil
		})
		if err != nil {
			return err
		}
	}
	if tree == nil {
		return nil
	}
	err := fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || taken[file] {
			return err
		}
		return s.offerFile(file, func() (io.ReadSeekCloser, error) { return openFile(tree, file) })
	})
	if err != nil {
		return fmt.Errorf("reading the binaries to give out: %w", err)
	}
	return nil
}

func (s *Server) offerFile(file string, open func() (io.ReadSeekCloser, error)) error {
	b, ok, err := describeBinary(file, open)
	if err != nil || !ok {
		return err
	}
	s.binaries = append(s.binaries, b)
	s.mux.HandleFunc("GET "+b.Path, s.download(b))
	s.mux.HandleFunc("GET "+b.Path+".sha256", serve("text/plain; charset=utf-8", []byte(b.SHA256+"  "+b.Name+"\n")))
	return nil
}

// unclosed reads what others read as well.
type unclosed struct{ *io.SectionReader }

func (unclosed) Close() error { return nil }

func openFile(tree fs.FS, file string) (io.ReadSeekCloser, error) {
	f, err := tree.Open(file)
	if err != nil {
		return nil, err
	}
	if content, ok := f.(io.ReadSeekCloser); ok {
		return content, nil
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return unclosed{io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))}, nil
}

func describeBinary(file string, open func() (io.ReadSeekCloser, error)) (binary, bool, error) {
	dir, name := path.Split(file)
	system, arch, ok := strings.Cut(strings.TrimSuffix(dir, "/"), "-")
	if !ok || strings.ContainsAny(arch, "/-") || !pullpass.ValidName(system) || !pullpass.ValidName(arch) || !pullpass.ValidName(name) {
		return binary{}, false, nil
	}
	f, err := open()
	if err != nil {
		return binary{}, false, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return binary{}, false, err
	}
	return binary{open: open, Download: api.Download{
		Name: name, OS: system, Arch: arch, Size: size, SHA256: hex.EncodeToString(h.Sum(nil)),
		Path: api.PathDownloads + system + "-" + arch + "/" + name,
	}}, true, nil
}

func (s *Server) downloadRoutes() {
	s.mux.HandleFunc("GET "+api.PathDownloads+"{$}", s.index)
}

func (s *Server) download(b binary) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		content, err := b.open()
		if err != nil {
			s.refuse(w, req, fmt.Errorf("opening a binary: %w", err))
			return
		}
		defer func() { _ = content.Close() }()
		allow(w, downloadWithin) // as long as slow lines need
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("ETag", `"`+b.SHA256+`"`)
		http.ServeContent(w, req, "", time.Time{}, content)
	}
}

// index lists the binaries, as HTML for people and as JSON for who asks so.
func (s *Server) index(w http.ResponseWriter, req *http.Request) {
	if strings.Contains(req.Header.Get("Accept"), api.ContentType) {
		items := make([]api.Download, len(s.binaries))
		for i, b := range s.binaries {
			items[i] = b.Download
		}
		w.Header().Set("Content-Type", api.ContentType)
		_ = json.NewEncoder(w).Encode(api.List[api.Download]{Items: items})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	_ = indexPage.Execute(w, offered{Base: s.addressFor(req), Files: s.binaries})
}

// offered is what the page of downloads shows.
type offered struct {
	Base  string
	Files []binary
}

// addressFor is the server's configured address, else the one that the browser used.
func (s *Server) addressFor(req *http.Request) string {
	if s.url != "" {
		return strings.TrimRight(s.url, "/")
	}
	scheme := "http"
	if req.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + req.Host
}

var indexPage = template.Must(template.New("downloads").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Pullpass: downloads</title><link rel="stylesheet" href="/static/pullpass.css"></head>
<body><main>
<h1>Downloads</h1>
{{if .Files}}<table><thead><tr><th>file</th><th>for</th><th>bytes</th><th>SHA-256</th></tr></thead><tbody>
{{$base := .Base}}{{range .Files}}<tr><td><a href="{{.Path}}">{{.Name}}</a></td><td>{{.OS}}/{{.Arch}}</td><td>{{.Size}}</td><td><a href="{{.Path}}.sha256"><code>{{.SHA256}}</code></a></td></tr>
{{end}}</tbody></table>
<p>To paste into a terminal: it fetches the file, compares its sum, and makes it a program.</p>
{{range .Files}}<h2>{{.Name}} for {{.OS}}/{{.Arch}}</h2>
<pre>curl -fsSO {{$base}}{{.Path}} &amp;&amp; echo "{{.SHA256}}  {{.Name}}" | {{if eq .OS "darwin"}}shasum -a 256 -c{{else}}sha256sum -c{{end}}{{if ne .OS "windows"}} &amp;&amp; chmod +x {{.Name}}{{end}}</pre>
{{end}}{{else}}<p>This server gives out no binaries.</p>{{end}}
</main></body></html>
`))
