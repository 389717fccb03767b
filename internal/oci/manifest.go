package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// Document is a manifest or index as the registry gave it, its digest proved.
type Document struct {
	Digest    string
	MediaType string
	Raw       []byte
}

var acceptManifests = strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")

// Manifest gets the document behind a tag or digest.
func (s *Session) Manifest(ctx context.Context, ref string) (Document, error) {
	resp, err := s.fetch(ctx, s.client.http, s.on.host.URL()+"/v2/"+s.image.Repository+"/manifests/"+ref, acceptManifests)
	if err != nil {
		return Document{}, wrap(s.on.what, err)
	}
	defer drain(resp)
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return Document{}, wrap(s.on.what, err)
	}
	sum := sha256.Sum256(raw)
	d := Document{Digest: "sha256:" + hex.EncodeToString(sum[:]), Raw: raw}
	if strings.Contains(ref, ":") && d.Digest != ref {
		return Document{}, s.corrupt("the manifest does not have the digest that was asked for")
	}
	// The body's own word counts, not the header's: it is what the digest covers.
	var head struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     string          `json:"mediaType"`
		Manifests     json.RawMessage `json:"manifests"`
		Layers        json.RawMessage `json:"layers"`
	}
	if json.Unmarshal(raw, &head) != nil || head.SchemaVersion != 2 || (head.Manifests == nil) == (head.Layers == nil) {
		return Document{}, s.corrupt("the manifest is of a form that is not supported (schema 1, or both index and image)")
	}
	switch d.MediaType = head.MediaType; {
	case d.MediaType != "":
	case head.Manifests != nil:
		d.MediaType = string(types.OCIImageIndex)
	default:
		d.MediaType = string(types.OCIManifestSchema1)
	}
	isIndex := types.MediaType(d.MediaType).IsIndex()
	if isIndex != (head.Manifests != nil) || (!isIndex && !types.MediaType(d.MediaType).IsImage()) {
		return Document{}, s.corrupt("the manifest says that it is of another type than it is")
	}
	return d, nil
}

// Index reports whether the document lists images by platform.
func (d Document) Index() bool { return types.MediaType(d.MediaType).IsIndex() }

// choose picks the image of an index for the client's platform.
func (s *Session) choose(d Document) (v1.Descriptor, error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(d.Raw))
	if err != nil {
		return v1.Descriptor{}, s.corrupt("the image index cannot be read")
	}
	var have []string
	for _, m := range index.Manifests {
		if m.Platform == nil || !m.MediaType.IsImage() {
			continue
		}
		if m.Platform.Satisfies(s.client.platform) {
			return m, nil
		}
		if name := printable.Line(m.Platform.String(), maxShown); !slices.Contains(have, name) && m.Platform.OS != "unknown" && len(have) < 12 {
			have = append(have, name)
		}
	}
	return v1.Descriptor{}, &pullpass.Error{Kind: pullpass.NotFound, Code: "platform_missing", What: s.on.what,
		Cause: "the image has no entry for " + s.client.platform.String() + "; it has " + orElse(strings.Join(have, ", "), "none at all"),
		Hint:  "build it for that platform, too: docker buildx build --platform " + s.client.platform.String()}
}

// image gets the manifest of one image: the document itself, or the entry of
// the index for the client's platform.
func (s *Session) imageOf(ctx context.Context, d Document) (Document, *v1.Manifest, error) {
	if d.Index() {
		entry, err := s.choose(d)
		if err != nil {
			return Document{}, nil, err
		}
		if d, err = s.Manifest(ctx, entry.Digest.String()); err != nil {
			return Document{}, nil, err
		}
		if d.Index() {
			return Document{}, nil, s.corrupt("the index leads to another index")
		}
	}
	m, err := v1.ParseManifest(bytes.NewReader(d.Raw))
	if err != nil || m.Config.Digest.Hex == "" {
		return Document{}, nil, s.corrupt("the manifest cannot be read")
	}
	for _, part := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if part.Digest.Algorithm != "sha256" || part.Size < 0 {
			return Document{}, nil, s.corrupt("the manifest names a part without a usable digest and size")
		}
	}
	return d, m, nil
}

func (s *Session) corrupt(cause string) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "content_refused", What: s.on.what, Cause: cause,
		Hint: "push the image again; if it stays, something between here and the registry changes what it sends"}
}
