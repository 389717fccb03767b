package oci

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// layout is a directory in the form of the OCI image layout specification.
type layout struct{ directory, blobs string }

func createLayout(directory string) (*layout, error) {
	l := &layout{directory, filepath.Join(directory, "blobs")}
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
func (l *layout) write(digest string, from io.Reader) error {
	algorithm, hex, _ := strings.Cut(digest, ":")
	directory := filepath.Join(l.blobs, algorithm)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("creating the image's directory: %w", err)
	}
	f, err := os.CreateTemp(directory, "partial-")
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
	return os.Rename(f.Name(), filepath.Join(directory, hex))
}

// finish writes the manifest and, last, what makes the directory a layout.
func (l *layout) finish(image reference.Image, d Document) error {
	if err := l.write(d.Digest, strings.NewReader(string(d.Raw))); err != nil {
		return err
	}
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIImageIndex,
		"manifests": []map[string]any{{
			"mediaType": d.MediaType, "digest": d.Digest, "size": len(d.Raw),
			"annotations": map[string]string{"org.opencontainers.image.ref.name": image.String()},
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
