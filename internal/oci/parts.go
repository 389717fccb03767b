package oci

import "context"

// Part is a configuration or a layer: what a pull downloads.
type Part struct {
	Digest string
	Size   int64
}

// Parts is what one image for the client's platform is made of.
type Parts struct {
	Digest    string // of the image's own manifest
	MediaType string // of what the reference names
	Platform  string
	Config    Part
	Layers    []Part
}

// Parts gets the image's manifest, for a look at each part on its own.
func (s *Session) Parts(ctx context.Context) (Parts, error) {
	top, err := s.Manifest(ctx, s.image.Reference())
	if err != nil {
		return Parts{}, err
	}
	d, m, err := s.imageOf(ctx, top)
	if err != nil {
		return Parts{}, err
	}
	p := Parts{
		Digest: d.Digest, MediaType: top.MediaType, Platform: s.client.platform.String(),
		Config: Part{m.Config.Digest, m.Config.Size}, Layers: make([]Part, len(m.Layers)),
	}
	for i, l := range m.Layers {
		p.Layers[i] = Part{l.Digest, l.Size}
	}
	return p, nil
}
