package oci

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/pullpass/pullpass/internal/reference"
)

// newHash returns the hash of a digest's algorithm, or nil for a text that is not
// the digest of one that we know.
func newHash(digest string) hash.Hash {
	if !reference.ValidDigest(digest) {
		return nil
	}
	if strings.HasPrefix(digest, "sha512:") {
		return sha512.New()
	}
	return sha256.New()
}

// digestLike returns the digest of raw, in the algorithm of ref where ref is a digest.
func digestLike(ref string, raw []byte) string {
	h, algorithm := newHash(ref), "sha256"
	if h == nil {
		h = sha256.New()
	} else {
		algorithm, _, _ = strings.Cut(ref, ":")
	}
	_, _ = h.Write(raw) // a hash never fails
	return algorithm + ":" + hex.EncodeToString(h.Sum(nil))
}
