package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// greeterImage makes an image whose one layer is this very program: nothing has
// to be downloaded, and what runs is what was pushed.
func greeterImage() (v1.Image, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	layer, err := fileLayer("pullpass", self)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		Created: v1.Time{Time: time.Unix(0, 0)},
		Config:  v1.Config{Entrypoint: []string{"/pullpass", "greet"}},
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: diffIDs(layer)},
	})
}

func diffIDs(layer v1.Layer) []v1.Hash {
	id, err := layer.DiffID()
	if err != nil {
		return nil
	}
	return []v1.Hash{id}
}

// fileLayer makes a layer of one executable file.
func fileLayer(in, path string) (v1.Layer, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: in, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	const fast = 1 // the demo's time matters more than its bytes
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, tarball.WithCompressionLevel(fast))
}

// pushImage pushes to a registry as whoever the authorization token belongs to.
func pushImage(ctx context.Context, reference, username, password string, image v1.Image) (digest string, err error) {
	tag, err := name.NewTag(reference)
	if err != nil {
		return "", err
	}
	auth := authn.FromConfig(authn.AuthConfig{Username: username, Password: password})
	if err := remote.Write(tag, image, remote.WithContext(ctx), remote.WithAuth(auth)); err != nil {
		return "", fmt.Errorf("pushing %s: %w", reference, err)
	}
	hash, err := image.Digest()
	return hash.String(), err
}
