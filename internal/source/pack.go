package source

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/pullpass/pullpass"
)

// A pack may be small and what is in it huge: both are bounded, the second before
// anything is kept.
const (
	maxPack     = 8 << 20
	maxUnpacked = 64 << 20
)

// unpack reads a pack into memory.
func unpack(answer io.Reader) (*memory.Storage, error) {
	data, err := io.ReadAll(io.LimitReader(answer, maxPack+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPack {
		return nil, errTooLarge
	}
	if err := measure(data); err != nil {
		return nil, err
	}
	store := memory.NewStorage()
	return store, packfile.UpdateObjectStorage(store, bytes.NewReader(data))
}

var errTooLarge = &pullpass.Error{
	Kind: pullpass.Invalid, Code: "repository_too_large", What: "cannot read the project's repository",
	Cause: "its newest commit is too large to be looked into", Hint: "the Git host has to support partial clones, as GitHub and GitLab do",
}

// measure adds up what the objects of a pack unpack to: their own lengths, and for
// deltas also the length of what they make.
func measure(data []byte) error {
	scanner := packfile.NewScanner(bytes.NewReader(data))
	_, count, err := scanner.Header()
	if err != nil {
		return err
	}
	var total uint64
	var content bytes.Buffer
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return err
		}
		if header.Length < 0 || uint64(header.Length) > maxUnpacked {
			return errTooLarge
		}
		if total += uint64(header.Length); total > maxUnpacked {
			return errTooLarge
		}
		content.Reset()
		if _, _, err := scanner.NextObject(&content); err != nil { // at most what the header said
			return err
		}
		if header.Type == plumbing.OFSDeltaObject || header.Type == plumbing.REFDeltaObject {
			made := targetSize(content.Bytes())
			if made > maxUnpacked || total+made > maxUnpacked {
				return errTooLarge
			}
			total += made
		}
	}
	return nil
}

// targetSize is the second number at the beginning of a delta.
func targetSize(delta []byte) uint64 {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return maxUnpacked + 1
	}
	size, n := binary.Uvarint(delta[n:])
	if n <= 0 {
		return maxUnpacked + 1
	}
	return size
}
