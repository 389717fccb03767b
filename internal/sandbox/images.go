package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const maxManifest = 4 << 20

// imageStore holds one repository's images, under the state's lock.
type imageStore struct {
	blobs   *blobStore
	uploads *uploads
	images  map[string]*image // by digest
	tags    map[string]string // to digest
}

// image is one manifest.
type image struct {
	digest      string
	mediaType   string
	manifest    []byte
	size        int64 // of the layers, compressed: what ECR counts
	pushed      time.Time
	pulled      time.Time
	artifact    string // its artifact type, or the media type of its config
	subject     string // the digest that it refers to
	annotations map[string]string
	children    []string // the digests that an index lists
}

func (i *image) answer() *v2Answer {
	return &v2Answer{contentType: i.mediaType, digest: i.digest, body: i.manifest}
}

func (b *Sandbox) newImageStore(account, region, name string) *imageStore {
	blobs := b.newBlobStore(account, region, name)
	return &imageStore{blobs: blobs, uploads: newUploads(blobs), images: map[string]*image{}, tags: map[string]string{}}
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

// tagPattern is ECR's grammar of tags.
var tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// put checks a manifest and keeps it under a tag or its digest.
func (s *imageStore) put(name, reference, mediaType string, manifest []byte, now time.Time) (*image, *registryError) {
	img, err := s.inspect(name, mediaType, manifest)
	if err != nil {
		return nil, err
	}
	isDigest := strings.HasPrefix(reference, "sha256:")
	switch {
	case isDigest && reference != img.digest:
		return nil, &registryError{http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content"}
	case !isDigest && !tagPattern.MatchString(reference):
		return nil, &registryError{
			http.StatusBadRequest, "TAG_INVALID",
			"Invalid parameter at 'imageTag' failed to satisfy constraint: " +
				"'must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}''",
		}
	}
	img.pushed = now
	if old := s.images[img.digest]; old != nil {
		img = old
	}
	s.images[img.digest] = img
	if !isDigest {
		s.tags[reference] = img.digest
	}
	return img, nil
}

// manifestFields are what the sandbox reads beyond the library's types.
type manifestFields struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	Subject      *v1.Descriptor    `json:"subject"`
}

// inspect parses a manifest and checks that all it refers to has been pushed. A
// manifest that states its own media type has to be sent under that one.
func (s *imageStore) inspect(name, mediaType string, manifest []byte) (*image, *registryError) {
	sum := sha256.Sum256(manifest)
	img := &image{digest: "sha256:" + hex.EncodeToString(sum[:]), mediaType: mediaType, manifest: manifest}
	kind := types.MediaType(mediaType)
	if !kind.IsIndex() && !kind.IsImage() {
		return nil, &registryError{
			http.StatusUnsupportedMediaType,
			"MANIFEST_INVALID",
			"Invalid or unsupported manifest media type",
		}
	}
	var fields manifestFields
	if err := json.Unmarshal(manifest, &fields); err != nil || fields.MediaType != "" && fields.MediaType != mediaType {
		return nil, errManifestInvalid()
	}
	img.artifact, img.annotations = fields.ArtifactType, fields.Annotations
	if fields.Subject != nil {
		img.subject = fields.Subject.Digest.String()
	}
	if kind.IsIndex() {
		return img, s.inspectIndex(img, name)
	}
	return img, s.inspectImage(img, name)
}

func errManifestInvalid() *registryError {
	return &registryError{http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid"}
}

func (s *imageStore) inspectIndex(img *image, name string) *registryError {
	index, err := v1.ParseIndexManifest(bytes.NewReader(img.manifest))
	if err != nil {
		return errManifestInvalid()
	}
	var missing []string
	for _, d := range index.Manifests {
		digest := d.Digest.String()
		img.children = append(img.children, digest)
		if s.images[digest] == nil {
			missing = append(missing, digest)
		}
	}
	return errMissing("MANIFEST_UNKNOWN", "Images", name, missing)
}

func (s *imageStore) inspectImage(img *image, name string) *registryError {
	m, err := v1.ParseManifest(bytes.NewReader(img.manifest))
	if err != nil {
		return errManifestInvalid()
	}
	if img.artifact == "" {
		img.artifact = string(m.Config.MediaType)
	}
	var missing []string
	for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if !d.MediaType.IsDistributable() {
			continue
		}
		if !s.blobs.has(d.Digest) {
			missing = append(missing, d.Digest.String())
		}
		img.size += d.Size
	}
	img.size -= m.Config.Size
	return errMissing("BLOB_UNKNOWN", "Layers", name, missing)
}

func errMissing(code, noun, name string, digests []string) *registryError {
	if len(digests) == 0 {
		return nil
	}
	return &registryError{
		http.StatusNotFound, code,
		noun + " with digests '[" + strings.Join(
			digests,
			", ",
		) + "]' required for pushing image into repository with name '" +
			name + "' do not exist",
	}
}

// remove deletes a digest with all its tags.
func (s *imageStore) remove(digest string) {
	maps.DeleteFunc(s.tags, func(_, d string) bool { return d == digest })
	delete(s.images, digest)
}

// listedBy names the indexes that list an image.
func (s *imageStore) listedBy(digest string) []string {
	var parents []string
	for _, img := range s.sorted() {
		if slices.Contains(img.children, digest) {
			parents = append(parents, img.digest)
		}
	}
	return parents
}

// referrersOf lists what refers to a digest, in the order of digests. An empty
// artifact type is any.
func (s *imageStore) referrersOf(subject, artifactType string) []referrer {
	list := []referrer{}
	for _, img := range s.sorted() {
		if img.subject != subject || artifactType != "" && img.artifact != artifactType {
			continue
		}
		list = append(list, referrer{img.mediaType, img.digest, len(img.manifest), img.artifact, img.annotations})
	}
	return list
}

// listReferrers answers the referrers API: an index, which is empty where nothing
// refers to the digest, be it there or not.
func (s *imageStore) listReferrers(subject string, query url.Values) (*v2Answer, *registryError) {
	if h, err := v1.NewHash(subject); err != nil || h.Algorithm != "sha256" {
		return nil, &registryError{http.StatusBadRequest, "DIGEST_INVALID", "the subject is not a sha256 digest"}
	}
	artifactType := query.Get("artifactType")
	body, _ := json.Marshal(struct { // strings and numbers always marshal
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Manifests     []referrer      `json:"manifests"`
	}{2, types.OCIImageIndex, s.referrersOf(subject, artifactType)})
	return &v2Answer{contentType: string(types.OCIImageIndex), filtered: artifactType != "", body: body}, nil
}

// serveBlob answers a download with a redirect, as ECR does, and HEAD itself.
func (s *imageStore) serveBlob(w http.ResponseWriter, r *http.Request, reference string, to redirector) *registryError {
	h, err := v1.NewHash(reference)
	if err != nil {
		return &registryError{http.StatusBadRequest, "DIGEST_INVALID", "the layer's digest is not one"}
	}
	size, ok := s.blobs.size(h)
	if !ok {
		return &registryError{http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry"}
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.Header().Set("Docker-Content-Digest", h.String())
		w.WriteHeader(http.StatusOK)
		return nil
	}
	w.Header().Set("Location", to(s.blobs.repository, h))
	w.WriteHeader(http.StatusTemporaryRedirect)
	return nil
}

// manifestMediaType is the type that a manifest states itself, "" for none:
// PutImage then has to be told.
func manifestMediaType(manifest []byte) string {
	var fields manifestFields
	if err := json.Unmarshal(manifest, &fields); err != nil {
		return ""
	}
	return fields.MediaType
}
