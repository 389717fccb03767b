package oci

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

const (
	maxIndexDepth   = 4       // an index may name another index; the specification sets no bound
	maxIndexEntries = 1000    // of all nested indexes together
	maxConfig       = 4 << 20 // what is read of a configuration, for its platform
)

// candidate is an image of an index that can be run somewhere.
type candidate struct {
	at       descriptor
	platform platform
}

// choose gets the image of an index for the client's platform.
func (s *Session) choose(ctx context.Context, d Document) (Document, error) {
	candidates, err := s.candidates(ctx, d, maxIndexDepth)
	if err != nil {
		return Document{}, err
	}
	for _, want := range s.client.platform.accepts() {
		for _, c := range candidates {
			if c.platform.normal() == want {
				return s.Manifest(ctx, c.at.Digest)
			}
		}
	}
	var have []string
	for _, c := range candidates {
		if name := printable.Line(c.platform.String(), maxShown); !slices.Contains(have, name) && len(have) < 12 {
			have = append(have, name)
		}
	}
	return Document{}, &pullpass.Error{Kind: pullpass.NotFound, Code: "platform_missing", What: s.on.what,
		Cause: "the image has no entry for " + s.client.platform.String() + "; it has " + orElse(strings.Join(have, ", "), "no image at all"),
		Hint:  "build it for that platform, too: docker buildx build --platform " + s.client.platform.String()}
}

// candidates lists the images of an index and of the indexes that it names.
func (s *Session) candidates(ctx context.Context, d Document, depth int) ([]candidate, error) {
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if json.Unmarshal(d.Raw, &index) != nil || len(index.Manifests) > maxIndexEntries {
		return nil, s.corrupt("the image index cannot be read")
	}
	var all []candidate
	for _, m := range index.Manifests {
		if newHash(m.Digest) == nil {
			return nil, s.corrupt("the image index names an image without a usable digest")
		}
		switch {
		case m.Notes["vnd.docker.reference.type"] != "": // an attestation of an image beside it
		case m.MediaType.IsIndex():
			if depth == 0 {
				return nil, s.corrupt("the image index leads to one index after another")
			}
			inner, err := s.Manifest(ctx, m.Digest)
			if err != nil {
				return nil, err
			}
			more, err := s.candidates(ctx, inner, depth-1)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		case m.MediaType.IsImage():
			c, err := s.candidate(ctx, m)
			if err != nil {
				return nil, err
			}
			all = append(all, c...)
		}
		if len(all) > maxIndexEntries {
			return nil, s.corrupt("the image index names too many images")
		}
	}
	return all, nil
}

// candidate reads the platform of one entry. It is optional in an index; the
// image's own configuration has it then.
func (s *Session) candidate(ctx context.Context, m descriptor) ([]candidate, error) {
	if m.Platform != nil {
		if !m.Platform.known() {
			return nil, nil
		}
		return []candidate{{m, *m.Platform}}, nil
	}
	d, err := s.Manifest(ctx, m.Digest)
	if err != nil {
		return nil, err
	}
	inner, err := s.readManifest(d)
	if err != nil {
		return nil, err
	}
	if !inner.Config.MediaType.IsConfig() || inner.Config.Size > maxConfig {
		return nil, nil // an artifact, which no platform runs
	}
	p, err := s.platformOf(ctx, inner.Config)
	if err != nil || !p.known() {
		return nil, err
	}
	return []candidate{{m, p}}, nil
}

func (s *Session) platformOf(ctx context.Context, config descriptor) (platform, error) {
	body, err := s.Blob(ctx, config.Digest, config.Size)
	if err != nil {
		return platform{}, err
	}
	defer func() { _ = body.Close() }() // it was read to its end, or the error is known
	raw, err := io.ReadAll(body)
	if err != nil {
		return platform{}, wrap(s.on.what, err)
	}
	var p platform
	if json.Unmarshal(raw, &p) != nil {
		return platform{}, s.corrupt("the image's configuration cannot be read")
	}
	return p, nil
}
