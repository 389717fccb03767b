package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const maxManifest = 4 << 20

// imageStore holds one repository's images. The registry library speaks the
// protocol and keeps manifests; the index beside it knows what ECR's API tells
// about an image. Both change together, under the state's lock.
type imageStore struct {
	blobs   *blobStore
	uploads *uploads
	handler http.Handler
	images  map[string]*image // by digest
	tags    map[string]string // to digest
}

// image is one manifest.
type image struct {
	digest    string
	mediaType string
	manifest  []byte
	size      int64 // of config and layers, compressed
	pushed    time.Time
	pulled    time.Time
	artifact  string // media type of the config
}

func (b *Sandbox) newImageStore(account, region, name string) *imageStore {
	blobs := b.newBlobStore(account, region, name)
	return &imageStore{
		blobs:   blobs,
		uploads: newUploads(blobs),
		handler: ociregistry.New(
			ociregistry.WithBlobHandler(blobs),
			ociregistry.WithReferrersSupport(true),
			ociregistry.Logger(slog.NewLogLogger(b.log.Handler(), slog.LevelDebug)),
		),
		images: map[string]*image{},
		tags:   map[string]string{},
	}
}

// find resolves a tag or a digest.
func (s *imageStore) find(reference string) *image {
	if digest, ok := s.tags[reference]; ok {
		return s.images[digest]
	}
	return s.images[reference]
}

// tagsOf lists the tags of a digest in order.
func (s *imageStore) tagsOf(digest string) []string {
	var tags []string
	for tag, d := range s.tags {
		if d == digest {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// sorted lists the images in the order of their digests.
func (s *imageStore) sorted() []*image {
	list := make([]*image, 0, len(s.images))
	for _, digest := range slices.Sorted(maps.Keys(s.images)) {
		list = append(list, s.images[digest])
	}
	return list
}

// put checks a manifest, hands it to the library and takes it into the index.
func (s *imageStore) put(name, reference, mediaType string, manifest []byte, now time.Time) (*image, *registryError) {
	img, err := s.inspect(name, mediaType, manifest)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(reference, "sha256:") && reference != img.digest {
		return nil, &registryError{http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"}
	}
	if status := s.forward(http.MethodPut, name, reference, mediaType, manifest); status != http.StatusCreated {
		return nil, &registryError{http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"}
	}
	img.pushed = now
	if old := s.images[img.digest]; old != nil {
		img = old
	}
	s.images[img.digest] = img
	if reference != img.digest {
		s.tags[reference] = img.digest
	}
	return img, nil
}

// inspect parses a manifest and checks that all it refers to has been pushed.
func (s *imageStore) inspect(name, mediaType string, manifest []byte) (*image, *registryError) {
	sum := sha256.Sum256(manifest)
	img := &image{digest: "sha256:" + hex.EncodeToString(sum[:]), mediaType: mediaType, manifest: manifest}
	invalid := &registryError{http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"}
	switch kind := types.MediaType(mediaType); {
	case kind.IsIndex():
		index, err := v1.ParseIndexManifest(bytes.NewReader(manifest))
		if err != nil {
			return nil, invalid
		}
		for _, d := range index.Manifests {
			child := s.images[d.Digest.String()]
			if child == nil {
				return nil, &registryError{http.StatusNotFound, "MANIFEST_UNKNOWN", "Images with digests '[" + d.Digest.String() + "]' required for pushing image into repository with name '" + name + "' do not exist"}
			}
		}
	case kind.IsImage():
		m, err := v1.ParseManifest(bytes.NewReader(manifest))
		if err != nil {
			return nil, invalid
		}
		img.artifact = string(m.Config.MediaType)
		for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
			if !d.MediaType.IsDistributable() {
				continue
			}
			if !s.blobs.has(d.Digest) {
				return nil, &registryError{http.StatusNotFound, "BLOB_UNKNOWN", "Layers with digests '[" + d.Digest.String() + "]' required for pushing image into repository with name '" + name + "' do not exist"}
			}
			img.size += d.Size
		}
		img.size -= m.Config.Size // ECR counts layers
	default:
		return nil, &registryError{http.StatusUnsupportedMediaType, "MANIFEST_INVALID", "Invalid or unsupported manifest media type"}
	}
	return img, nil
}

// remove deletes a digest with all its tags.
func (s *imageStore) remove(name, digest string) {
	for _, tag := range s.tagsOf(digest) {
		s.untag(name, tag)
	}
	s.forward(http.MethodDelete, name, digest, "", nil)
	delete(s.images, digest)
}

func (s *imageStore) untag(name, tag string) {
	s.forward(http.MethodDelete, name, tag, "", nil)
	delete(s.tags, tag)
}

// forward lets the library handle a manifest request of our own making.
func (s *imageStore) forward(method, name, reference, mediaType string, body []byte) int {
	r, err := http.NewRequestWithContext(context.Background(), method, "/v2/"+name+"/manifests/"+reference, bytes.NewReader(body))
	if err != nil {
		return http.StatusBadRequest
	}
	r.Header.Set("Content-Type", mediaType)
	var a discardedAnswer
	s.handler.ServeHTTP(&a, r)
	return a.status
}

// discardedAnswer is a ResponseWriter that keeps the status only.
type discardedAnswer struct {
	header http.Header
	status int
}

func (a *discardedAnswer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

func (a *discardedAnswer) WriteHeader(status int) { a.status = status }

func (a *discardedAnswer) Write(p []byte) (int, error) { return io.Discard.Write(p) }

// manifestMediaType is the type that a manifest states itself, for PutImage
// calls that do not.
func manifestMediaType(manifest []byte) string {
	var m struct {
		MediaType string            `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return ""
	}
	switch {
	case m.MediaType != "":
		return m.MediaType
	case m.Manifests != nil:
		return string(types.OCIImageIndex)
	}
	return string(types.OCIManifestSchema1)
}
