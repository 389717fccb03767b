package source

import (
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/pullpass/pullpass"
)

// maxFile is the longest file that File reads, and about what a host is asked to
// leave out: of a large repository only the trees and small files come over.
const maxFile = 4 << 10

// packOf takes the pack out of an answer that may carry progress beside it.
func packOf(answer io.Reader, agreed *capability.List) io.Reader {
	switch {
	case agreed.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, answer)
	case agreed.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, answer)
	}
	return answer
}

func readFile(store *memory.Storage, commit plumbing.Hash, name string) (string, error) {
	c, err := object.GetCommit(store, commit)
	if err != nil {
		return "", explain(err)
	}
	tree, err := object.GetTree(store, c.TreeHash)
	if err != nil {
		return "", explain(err)
	}
	missing := &pullpass.Error{
		Kind:  pullpass.NotFound,
		Code:  "file_missing",
		What:  "cannot read " + name + " in the project's repository",
		Cause: "the default branch has no such file at its top, or one that is longer than 4 KiB",
	}
	i := slices.IndexFunc(tree.Entries, func(e object.TreeEntry) bool { return e.Name == name && e.Mode.IsRegular() })
	if i < 0 {
		return "", missing
	}
	entry := tree.Entries[i]
	blob, err := object.GetBlob(store, entry.Hash)
	if err != nil || blob.Size > maxFile {
		return "", missing
	}
	r, err := blob.Reader()
	if err != nil {
		return "", explain(err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if err != nil {
		return "", explain(err)
	}
	return string(text), nil
}
