package spec

import (
	"cmp"
	"fmt"
)

// Kind says what a reference is used for.
type Kind string

// The kinds of references.
const (
	KindImage     Kind = "image"      // started as it is
	KindBase      Kind = "base"       // FROM
	KindCopyFrom  Kind = "copy-from"  // COPY --from
	KindMountFrom Kind = "mount-from" // RUN --mount=from
	KindOnBuild   Kind = "onbuild"    // named by an ONBUILD instruction: for builds on top of this one
	KindContext   Kind = "context"    // a named context that is an image
	KindSyntax    Kind = "syntax"     // # syntax=: an image that BuildKit pulls and runs as its front end
	KindCache     Kind = "cache"      // cache_from
	KindSBOM      Kind = "sbom"       // the generator of a software bill of materials
	KindFeature   Kind = "feature"    // a devcontainer feature
	KindVolume    Kind = "volume"     // an image that is mounted
	KindModel     Kind = "model"      // an AI model, an OCI artifact
	KindProduct   Kind = "product"    // built here under this name; never to be pulled from a registry by that name
)

// Pulled reports whether references of this kind are fetched from a registry.
func (k Kind) Pulled() bool { return k != KindProduct }

// Position is where something is written. Lines and columns count from 1; a column
// counts bytes. Line 0: the file as a whole.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String is file:line:column, as editors take it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, max(p.Column, 1))
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Reference is one image or artifact that a repository names.
type Reference struct {
	Raw      string   `json:"raw"`                // as it is written
	Name     string   `json:"name,omitempty"`     // what it names; "" while an input is missing
	Kind     Kind     `json:"kind"`               // what it is used for
	Service  string   `json:"service,omitempty"`  // the service or job that needs it
	Platform string   `json:"platform,omitempty"` // "linux/arm64"; "": that of the runner
	Locked   string   `json:"locked,omitempty"`   // what a lock file pins it to
	Needed   bool     `json:"needed"`             // false: only other targets, profiles or later builds need it
	Missing  []string `json:"missing,omitempty"`  // inputs without which the name is not known
	Position
}

// String is the place, the kind and the name, for logs and tests.
func (r Reference) String() string {
	return fmt.Sprintf("%s: %s %q (%q), missing %v", r.Position, r.Kind, r.Name, r.Raw, r.Missing)
}
