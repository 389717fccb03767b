package sandbox

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobStore holds one repository's layers: a digest opens nothing in a
// repository that did not receive it.
type blobStore struct {
	repository string // account/region/name
	dir        string // empty: in memory

	mu    sync.RWMutex
	bytes map[v1.Hash]chunks
	sizes map[v1.Hash]int64
}

func (b *Sandbox) newBlobStore(account, region, name string) *blobStore {
	s := &blobStore{
		repository: account + "/" + region + "/" + name,
		bytes:      map[v1.Hash]chunks{},
		sizes:      map[v1.Hash]int64{},
	}
	if b.cfg.BlobDirectory != "" {
		// The name may hold slashes; a prefix keeps a/b apart from the layers of a.
		s.dir = filepath.Join(b.cfg.BlobDirectory, account, region, filepath.FromSlash(name), "_layers")
	}
	return s
}

// redirector builds the address of a layer that a client can reach.
type redirector func(repository string, digest v1.Hash) string

// size returns a layer's size.
func (s *blobStore) size(h v1.Hash) (size int64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	size, ok = s.sizes[h]
	return size, ok
}

func (s *blobStore) has(h v1.Hash) bool {
	_, ok := s.size(h)
	return ok
}

// keep makes a layer of what arrived.
func (s *blobStore) keep(sp *spool) error {
	h := sp.digest()
	if sp.file != nil {
		if err := sp.file.Close(); err != nil {
			return fmt.Errorf("storing a layer: %w", err)
		}
		if err := os.Rename(sp.file.Name(), filepath.Join(s.dir, h.Hex)); err != nil {
			return fmt.Errorf("storing a layer: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes[h], s.sizes[h] = sp.memory, sp.size
	return nil
}

type readSeekCloser struct {
	io.ReadSeeker
	io.Closer
}

// open reads a layer, for the layer store behind the redirect.
func (s *blobStore) open(h v1.Hash) (io.ReadSeekCloser, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.sizes[h]; !ok {
		return nil, fs.ErrNotExist
	}
	if s.dir != "" {
		return os.Open(filepath.Join(s.dir, h.Hex))
	}
	return readSeekCloser{io.NewSectionReader(s.bytes[h], 0, s.sizes[h]), io.NopCloser(nil)}, nil
}

// clear drops all layers.
func (s *blobStore) clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.bytes)
	clear(s.sizes)
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func (s *blobStore) newSpool() (*spool, error) {
	sp := &spool{hash: sha256.New()}
	if s.dir == "" {
		return sp, nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the layer directory: %w", err)
	}
	var err error
	if sp.file, err = os.CreateTemp(s.dir, "upload-*"); err != nil {
		return nil, fmt.Errorf("storing a layer: %w", err)
	}
	return sp, nil
}
