package spec_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/pullpass/pullpass/internal/spec"
)

// Each format has a target of its own: a mutation of YAML finds nothing in JSON.

func FuzzGitpod(f *testing.F) { fuzz(f, spec.FormatGitpod, "testdata/*gitpod*/.gitpod.yml") }
func FuzzDevcontainer(f *testing.F) {
	fuzz(f, spec.FormatDevcontainer, "testdata/*/.devcontainer*/*.json")
}
func FuzzCompose(f *testing.F)    { fuzz(f, spec.FormatCompose, "testdata/*/compose.y*ml") }
func FuzzGitLab(f *testing.F)     { fuzz(f, spec.FormatGitLab, "testdata/*/.gitlab-ci.yml") }
func FuzzRelease(f *testing.F)    { fuzz(f, spec.FormatRelease, "testdata/*/.release/*.yaml") }
func FuzzDockerfile(f *testing.F) { fuzz(f, spec.FormatDockerfile, "testdata/*/Dockerfile") }

func fuzz(f *testing.F, format spec.Format, seeds string) {
	found, err := filepath.Glob(seeds)
	if err != nil || len(found) == 0 {
		f.Fatalf("no seeds at %s: %v", seeds, err)
	}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := files[format]
		tree := fstest.MapFS{file: {Data: text}, "a.yml": {Data: text}, "Dockerfile.other": {Data: text}}
		s, err := spec.Read(tree, spec.Candidate{Format: format, File: file}, spec.Inputs{"A": "b"})
		if err != nil {
			return
		}
		for _, r := range s.References {
			if r.File == "" || r.Raw == "" || r.Kind == "" || (r.Name == "" && len(r.Missing) == 0 && r.Kind != spec.KindProduct) {
				t.Errorf("half a reference: %+v", r)
			}
		}
		for _, p := range s.Problems {
			if p.What == "" || p.Code == "" || p.Severity == "" || p.File == "" {
				t.Errorf("half a problem: %+v", p)
			}
		}
	})
}
