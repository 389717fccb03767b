package oci

import (
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pullpass/pullpass"
)

// Pulled is an image whose every byte matched its digest.
type Pulled struct {
	Digest string // of the image for the client's platform
	Config string
	Layers int
	Bytes  int64 // of all layers, compressed
}

const parallelLayers = 3 // what engines do

// parts lists what to download, each digest once: images repeat empty layers.
func (s *Session) parts(m *manifest, count *counter) []descriptor {
	seen := map[string]bool{m.Config.Digest: true}
	parts := []descriptor{m.Config}
	for _, layer := range m.Layers {
		if !seen[layer.Digest] {
			seen[layer.Digest] = true
			parts = append(parts, layer)
			count.now.LayersTotal++
			count.now.BytesTotal += layer.Size
		}
	}
	return parts
}

func (s *Session) download(ctx context.Context, l *layout, parts []descriptor, count *counter) error {
	count.add(0, 0)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelLayers)
	for i, part := range parts {
		group.Go(func() error {
			body, err := s.Blob(ctx, part.Digest, part.Size)
			if err != nil {
				return err
			}
			defer func() { _ = body.Close() }() // it was read to its end, or the error is known
			var from io.Reader = body
			if i > 0 { // the first is the configuration, which nobody counts
				from = &counting{body, count}
			}
			if err := l.write(part.Digest, from); err != nil {
				return wrap(s.on.what, err)
			}
			if i > 0 {
				count.add(1, 0)
			}
			return nil
		})
	}
	return group.Wait()
}

// Blob opens one part of the image. Its reader ends with an error unless every
// byte was there and matched the digest: nothing read before that is proved.
func (s *Session) Blob(ctx context.Context, digest string, size int64) (io.ReadCloser, error) {
	resp, err := s.fetch(ctx, s.client.blobs, s.on.host.URL()+"/v2/"+s.image.Repository+"/blobs/"+digest, "")
	if err != nil {
		return nil, wrap(s.on.what, err)
	}
	sum := newHash(digest)
	if sum == nil {
		_ = resp.Body.Close() // nothing is read from it
		return nil, s.corrupt("a layer's digest cannot be read")
	}
	return &verified{ReadCloser: resp.Body, want: digest, left: size, sum: sum, bad: func() error {
		return s.corrupt("a layer's bytes do not match its digest and size")
	}}, nil
}

// verified compares what passes through it with a digest and a size.
type verified struct {
	io.ReadCloser
	want string
	left int64
	sum  hash.Hash
	bad  func() error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	_, _ = v.sum.Write(p[:n]) // a hash never fails
	if v.left -= int64(n); v.left < 0 {
		return 0, v.bad()
	}
	if errors.Is(err, io.EOF) && (v.left != 0 || !strings.HasSuffix(v.want, ":"+hex.EncodeToString(v.sum.Sum(nil)))) {
		return 0, v.bad()
	}
	return n, err
}

// counter adds up what parallel downloads have done.
type counter struct {
	mu     sync.Mutex
	now    pullpass.Progress
	report func(pullpass.Progress)
}

func (c *counter) add(layers int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.LayersDone += layers
	c.now.BytesDone += bytes
	if c.report != nil {
		c.report(c.now)
	}
}

type counting struct {
	io.Reader
	count *counter
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.count.add(0, int64(n))
	}
	return n, err
}
