package oci

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
