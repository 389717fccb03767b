package oci

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
