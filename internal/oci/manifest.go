package oci

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pullpass/pullpass"
)

// Document is a manifest or index as the registry gave it, its digest proved.
type Document struct {
	Digest    string
	MediaType string
	Raw       []byte
}

// descriptor is how a manifest or index names a part of itself.
type descriptor struct {
	MediaType types.MediaType   `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int64             `json:"size"`
	Platform  *platform         `json:"platform"`
	URLs      []string          `json:"urls"`
	Notes     map[string]string `json:"annotations"`
}

// manifest is one image.
type manifest struct {
	Config descriptor   `json:"config"`
	Layers []descriptor `json:"layers"`
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
	d := Document{Digest: digestLike(ref, raw), Raw: raw}
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
	if json.Unmarshal(raw, &head) != nil {
		return Document{}, s.corrupt("the manifest is not JSON")
	}
	if head.SchemaVersion == 1 {
		return Document{}, s.unsupported(
			"the image is kept in the form of schema version 1, which engines do not pull any more",
			"push the image again with a current docker, podman or crane: they write version 2",
		)
	}
	if head.SchemaVersion != 2 || (head.Manifests == nil) == (head.Layers == nil) {
		return Document{}, s.corrupt("the manifest is neither an image nor an index of images")
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

// imageOf gets the manifest of one image: the document itself, or the entry of the
// index for the client's platform.
func (s *Session) imageOf(ctx context.Context, d Document) (Document, *manifest, error) {
	if d.Index() {
		var err error
		if d, err = s.choose(ctx, d); err != nil {
			return Document{}, nil, err
		}
	}
	m, err := s.readManifest(d)
	return d, m, err
}

func (s *Session) readManifest(d Document) (*manifest, error) {
	var m manifest
	if json.Unmarshal(d.Raw, &m) != nil || m.Config.Digest == "" {
		return nil, s.corrupt("the manifest cannot be read")
	}
	for _, part := range append([]descriptor{m.Config}, m.Layers...) {
		if newHash(part.Digest) == nil || part.Size < 0 {
			return nil, s.corrupt("the manifest names a part without a usable digest and size")
		}
		if len(part.URLs) > 0 && !part.MediaType.IsDistributable() {
			return nil, s.unsupported(
				"the image has a foreign layer, which is kept at another address than the registry's",
				"push the image with its foreign layers: docker push with allow-nondistributable-artifacts, crane cp --allow-nondistributable-artifacts",
			)
		}
	}
	return &m, nil
}

func (s *Session) corrupt(cause string) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "content_refused", What: s.on.what, Cause: cause,
		Hint: "push the image again; if it stays, something between here and the registry changes what it sends"}
}

func (s *Session) unsupported(cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "image_unsupported", What: s.on.what, Cause: cause, Hint: hint}
}
