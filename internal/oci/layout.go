package oci

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// layout is a directory in the form of the OCI image layout specification.
type layout struct{ directory, blobs string }

func createLayout(directory string) (*layout, error) {
	l := &layout{directory, filepath.Join(directory, "blobs", "sha256")}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("creating the image's directory: %w", err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, fmt.Errorf("reading the image's directory: %w", err)
	}
	if len(entries) > 0 {
		return nil, &pullpass.Error{Kind: pullpass.Conflict, Code: "directory_not_empty",
			Cause: "the directory for the image is not empty", Hint: "name a new directory"}
	}
	if err := os.MkdirAll(l.blobs, 0o700); err != nil {
		return nil, fmt.Errorf("creating the image's directory: %w", err)
	}
	return l, nil
}

// write keeps a blob under its name only when all of it was read without error.
func (l *layout) write(hex string, from io.Reader) error {
	f, err := os.CreateTemp(l.blobs, "partial-")
	if err != nil {
		return fmt.Errorf("creating a blob: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when it was renamed
	_, err = io.Copy(f, from)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(l.blobs, hex))
}

// finish writes the manifest and, last, what makes the directory a layout.
func (l *layout) finish(image reference.Image, d Document) error {
	hash, err := v1.NewHash(d.Digest)
	if err != nil {
		return err
	}
	if err := l.write(hash.Hex, strings.NewReader(string(d.Raw))); err != nil {
		return err
	}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.MediaType(d.MediaType), Digest: hash, Size: int64(len(d.Raw)),
			Annotations: map[string]string{"org.opencontainers.image.ref.name": image.String()},
		}},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.directory, "index.json"), index, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.directory, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600)
}
