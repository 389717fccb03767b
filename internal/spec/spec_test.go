package spec_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass/internal/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRepositories reads each repository of testdata by every format that it has.
// The golden file says what a person should be told, line by line.
func TestRepositories(t *testing.T) {
	found, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	repositories := slices.DeleteFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir() || filepath.Base(path) == "fuzz"
	})
	if len(repositories) < 12 {
		t.Fatalf("%d repositories, want at least 12", len(repositories))
	}
	inputs := map[string]spec.Inputs{
		"devcontainer-image": {"TAG": "7"},
		"compose":            {"TAG": "3"},
		"gitlab":             {"CI_REGISTRY_IMAGE": "registry.gitlab.example.com/acme/shop"},
	}
	for _, dir := range repositories {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = root.Close() }()
			found, err := spec.Find(root.FS())
			if err != nil || len(found) == 0 {
				t.Fatalf("Find: %v, %v", found, err)
			}
			var out strings.Builder
			for _, c := range found {
				s, err := spec.Read(root.FS(), c, inputs[filepath.Base(dir)])
				if err != nil {
					t.Fatalf("%s: %v", c.File, err)
				}
				write(&out, &s)
			}
			compare(t, filepath.Join("testdata", filepath.Base(dir)+".txt"), out.String())
		})
	}
}

// write prints a spec, a line for each thing.
func write(out *strings.Builder, s *spec.Spec) {
	fmt.Fprintf(out, "== %s %s\n", s.Format, s.File)
	for _, service := range s.Services {
		fmt.Fprintf(out, "service %s: image %q", service.Name, service.Image)
		if b := service.Build; b != nil {
			fmt.Fprintf(out, ", build %s %s target %q args %v", b.Context, b.Dockerfile, b.Target, b.Args)
		}
		if !service.Needed {
			out.WriteString(", not needed")
		}
		if len(service.Command) > 0 {
			fmt.Fprintf(out, ", runs %.20q", strings.Join(append(service.Entrypoint, service.Command...), " "))
		}
		if len(service.DependsOn) > 0 {
			fmt.Fprintf(out, ", after %v", service.DependsOn)
		}
		out.WriteString("\n")
	}
	for _, r := range s.References {
		fmt.Fprintf(out, "%s: %s %s", r.Position, r.Kind, r.Name)
		if r.Name != r.Raw {
			fmt.Fprintf(out, " (%s)", r.Raw)
		}
		fmt.Fprintf(out, " [%s] [%s] [%s]", r.Service, r.Platform, r.Locked)
		if !r.Needed {
			out.WriteString(" not needed")
		}
		if len(r.Missing) > 0 {
			fmt.Fprintf(out, " missing %v", r.Missing)
		}
		out.WriteString("\n")
	}
	for _, p := range s.Problems {
		fmt.Fprintf(out, "%s: %s %s: %s; %s; %s\n", p.Position, p.Severity, p.Code, p.What, p.Cause, p.Hint)
	}
	for _, task := range s.Tasks {
		fmt.Fprintf(out, "%s: task %q %q\n", task.Position, task.Name, task.Command)
	}
	if len(s.Ports) > 0 {
		fmt.Fprintf(out, "ports %v\n", s.Ports)
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// read reads one file of a tree made of texts.
func read(t *testing.T, c spec.Candidate, in spec.Inputs, files map[string]string) spec.Spec {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	s, err := spec.Read(tree, c, in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
