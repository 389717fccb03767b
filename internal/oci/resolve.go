package oci

import (
	"context"
	"io"

	"github.com/pullpass/pullpass/internal/reference"
)

// Resolved is an image that the registry has shown to this credential.
type Resolved struct {
	Digest    string // of what the reference names: an image, or an index of them
	MediaType string
	Size      int64  // of the manifest document
	Reference string // the image pinned to Digest, for the engine
	Image     string // digest of the image for the client's platform
	Config    string // digest of its configuration: the image id in engines
	Layers    int
	Bytes     int64 // of all layers, compressed
	Auth      EngineAuth

	session *Session
	largest Part
}

// forEngine names the image as the engine reaches it.
func forEngine(host reference.Host, image reference.Image) string {
	image.Host = host.EngineName()
	return image.String()
}

// probeBytes of its largest layer show that a registry sends what it has.
const probeBytes = 64 << 10

// Probe downloads the beginning of the image's largest layer and throws it away.
func (r Resolved) Probe(ctx context.Context) error {
	s := r.session
	if s == nil || r.largest.Size == 0 {
		return nil
	}
	resp, err := s.fetch(ctx, s.client.blobs, s.on.host.URL()+"/v2/"+s.image.Repository+"/blobs/"+r.largest.Digest, "")
	if err != nil {
		return wrap(s.on.what, err)
	}
	defer func() { _ = resp.Body.Close() }() // the rest is not read
	if _, err := io.CopyN(io.Discard, resp.Body, min(probeBytes, r.largest.Size)); err != nil {
		return wrap(s.on.what, err)
	}
	return nil
}
