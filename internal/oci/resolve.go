package oci

import (
	"context"
	"io"

	"github.com/pullpass/pullpass"
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

// Resolve asks the registry for the image with this credential. What it returns
// proves that the credential may pull exactly this digest.
func (c *Client) Resolve(ctx context.Context, image reference.Image, cred pullpass.Credential) (Resolved, error) {
	s, err := c.Open(ctx, image, cred)
	if err != nil {
		return Resolved{}, err
	}
	top, err := s.Manifest(ctx, image.Reference())
	if err != nil {
		return Resolved{}, err
	}
	d, m, err := s.imageOf(ctx, top)
	if err != nil {
		return Resolved{}, err
	}
	r := Resolved{
		Digest: top.Digest, MediaType: top.MediaType, Size: int64(len(top.Raw)),
		Reference: forEngine(s.on.host, image.WithDigest(top.Digest)),
		Image:     d.Digest, Config: m.Config.Digest, Layers: len(m.Layers), Auth: s.EngineAuth(), session: s,
	}
	for _, l := range m.Layers {
		r.Bytes += l.Size
		if l.Size > r.largest.Size {
			r.largest = Part{l.Digest, l.Size}
		}
	}
	return r, nil
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
