package sandbox

import (
	"encoding/hex"
	"errors"
	"hash"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// spool takes a layer's bytes as they come, into memory or a file, and knows
// their digest at any time: keeping a layer then copies nothing.
type spool struct {
	hash   hash.Hash
	size   int64
	memory chunks
	file   *os.File // nil: in memory
}

// Write implements io.Writer.
func (sp *spool) Write(p []byte) (n int, err error) {
	if sp.file == nil {
		n, err = sp.memory.Write(p)
	} else {
		n, err = sp.file.Write(p)
	}
	sp.hash.Write(p[:n]) // never fails
	sp.size += int64(n)
	return n, err
}

func (sp *spool) digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sp.hash.Sum(nil))}
}

// discard drops what came so far.
func (sp *spool) discard() error {
	sp.memory = nil
	if sp.file == nil {
		return nil
	}
	return errors.Join(sp.file.Close(), os.Remove(sp.file.Name()))
}
