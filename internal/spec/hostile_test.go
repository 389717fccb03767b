package spec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/spec"
)

var files = map[spec.Format]string{
	spec.FormatGitpod: ".gitpod.yml", spec.FormatDevcontainer: ".devcontainer.json", spec.FormatRelease: ".release/application_template.yaml",
	spec.FormatCompose: "compose.yaml", spec.FormatGitLab: ".gitlab-ci.yml", spec.FormatDockerfile: "Dockerfile",
}

// TestHostileFiles: what is made to hurt whoever reads it is refused, by name.
func TestHostileFiles(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	many := "services:\n"
	for i := range 10_000 {
		many += fmt.Sprintf("  s%d: {image: registry.example.com/a:%d}\n", i, i)
	}
	stages := strings.Repeat("FROM registry.example.com/a\n", 10_000)
	jobs := strings.Replace(many, "services:\n", "", 1)
	jobs = strings.ReplaceAll(jobs, "\n  s", "\ns")[2:]
	for _, test := range []struct {
		name   string
		format spec.Format
		files  map[string]string
		code   string
	}{
		{"an alias bomb", spec.FormatCompose, map[string]string{"compose.yaml": bomb}, spec.CodeTooMuch},
		{"an alias of itself", spec.FormatCompose, map[string]string{"compose.yaml": "services: &a {b: *a}"}, ""},
		{"depth", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)}, ""},
		{"depth in JSON", spec.FormatDevcontainer, map[string]string{".devcontainer.json": `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}"}, spec.CodeTooMuch},
		{"10,000 services", spec.FormatCompose, map[string]string{"compose.yaml": many}, spec.CodeTooMuch},
		{"10,000 jobs", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": jobs}, spec.CodeTooMuch},
		{"10,000 stages", spec.FormatDockerfile, map[string]string{"Dockerfile": stages}, spec.CodeTooMuch},
		{"an include loop", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": "include: {local: a.yml}", "a.yml": "include: {local: .gitlab-ci.yml}"}, spec.CodeLoop},
		{"an include loop in Compose", spec.FormatCompose, map[string]string{"compose.yaml": "include: [b.yaml]\nservices: {}", "b.yaml": "include: [compose.yaml]"}, spec.CodeLoop},
		{"an extends loop", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": "a: {extends: b}\nb: {extends: a}"}, spec.CodeLoop},
		{"a reference loop", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": "a: {image: !reference [b, image]}\nb: {image: !reference [a, image]}"}, spec.CodeMissingFile},
		{"a feature loop", spec.FormatDevcontainer, map[string]string{
			".devcontainer/devcontainer.json":           `{"image": "registry.example.com/a:1", "features": {"./f": {}}}`,
			".devcontainer/f/devcontainer-feature.json": `{"dependsOn": {"./f": {}}}`,
		}, spec.CodeLoop},
		{"a matrix of thousands", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": "a:\n  image: registry.example.com/$A$B$C$D\n  parallel:\n    matrix:\n      - " +
			"A: [" + numbers(50) + "]\n        B: [" + numbers(50) + "]\n        C: [" + numbers(50) + "]\n        D: [" + numbers(50) + "]"}, ""},
		{"a path out", spec.FormatCompose, map[string]string{"compose.yaml": "services: {a: {build: ../../etc}}"}, spec.CodeOutside},
		{"a path out by its Dockerfile", spec.FormatCompose, map[string]string{"compose.yaml": "services: {a: {build: {context: ., dockerfile: ../Dockerfile}}}"}, spec.CodeOutside},
		{"an absolute path", spec.FormatGitpod, map[string]string{".gitpod.yml": "image: {file: /etc/passwd}"}, spec.CodeOutside},
		{"an include out", spec.FormatGitLab, map[string]string{".gitlab-ci.yml": "include: {local: ../../etc/passwd}"}, spec.CodeOutside},
		{"a feature out", spec.FormatDevcontainer, map[string]string{".devcontainer/devcontainer.json": `{"image": "a", "features": {"../../x": {}}}`}, spec.CodeOutside},
		{"a front end by argument", spec.FormatCompose, map[string]string{
			"compose.yaml": "services: {a: {build: {context: ., args: {BUILDKIT_SYNTAX: evil.example/frontend}}}}", "Dockerfile": "FROM scratch",
		}, spec.CodeRefused},
		{"a duplicate key", spec.FormatGitpod, map[string]string{".gitpod.yml": "image: registry.example.com/a\nimage: registry.example.com/b"}, spec.CodeSyntax},
		{"a tab", spec.FormatRelease, map[string]string{".release/application_template.yaml": "services:\n\t- name: a"}, spec.CodeSyntax},
		{"half a file", spec.FormatDevcontainer, map[string]string{".devcontainer.json": `{"image": "a`}, spec.CodeSyntax},
		{"an unknown instruction", spec.FormatDockerfile, map[string]string{"Dockerfile": "FORM a"}, spec.CodeSyntax},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := files[test.format]
			if _, there := test.files[file]; !there {
				file = ".devcontainer/devcontainer.json"
			}
			s := read(t, spec.Candidate{Format: test.format, File: file}, nil, test.files)
			if len(s.References) > 1000 || len(s.Problems) > 1000 {
				t.Errorf("%d references and %d problems", len(s.References), len(s.Problems))
			}
			if test.code != "" && !slices.ContainsFunc(s.Problems, func(p spec.Problem) bool {
				return p.Code == test.code && p.Severity == pullpass.SeverityError && p.What != ""
			}) {
				t.Errorf("problems %+v, want an error %s", s.Problems, test.code)
			}
		})
	}
}

func numbers(n int) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf("%q", fmt.Sprint(i)))
	}
	return strings.Join(words, ", ")
}

// TestTreeIsConfined: with os.Root, symbolic links do not lead out, and large files,
// folders and pipes are not read.
func TestTreeIsConfined(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.yml")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(outside, []byte("image: registry.example.com/secret:1"), 0o600))
	must(os.Symlink(outside, filepath.Join(dir, ".gitpod.yml")))
	must(os.WriteFile(filepath.Join(dir, "compose.yaml"), make([]byte, 2<<20), 0o600))
	must(os.Mkdir(filepath.Join(dir, "Dockerfile"), 0o700))
	root, err := os.OpenRoot(dir)
	must(err)
	defer func() { _ = root.Close() }()
	for file, format := range map[string]spec.Format{".gitpod.yml": spec.FormatGitpod, "compose.yaml": spec.FormatCompose, "Dockerfile": spec.FormatDockerfile} {
		s, err := spec.Read(root.FS(), spec.Candidate{Format: format, File: file}, nil)
		if !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("%s: %+v, %v; want it refused", file, s, err)
		}
	}
	found, err := spec.Find(root.FS())
	if err != nil || slices.ContainsFunc(found, func(c spec.Candidate) bool { return c.File != "compose.yaml" }) {
		t.Errorf("Find: %v, %v", found, err)
	}
}

// TestEnvironmentIsNoInput: variables of the process that reads never reach a name.
func TestEnvironmentIsNoInput(t *testing.T) {
	t.Setenv("SECRET_OF_THE_RUNNER", "hunter2")
	for format, text := range map[spec.Format]string{
		spec.FormatDevcontainer: `{"image": "registry.example.com/a:${localEnv:SECRET_OF_THE_RUNNER}"}`,
		spec.FormatCompose:      "services: {a: {image: 'registry.example.com/a:${SECRET_OF_THE_RUNNER}', build: {context: ., args: [SECRET_OF_THE_RUNNER]}}}",
		spec.FormatGitLab:       "image: registry.example.com/a:$SECRET_OF_THE_RUNNER",
		spec.FormatRelease:      "services: [{name: a, image: 'registry.example.com/a:${SECRET_OF_THE_RUNNER}'}]",
		spec.FormatDockerfile:   "ARG SECRET_OF_THE_RUNNER\nFROM registry.example.com/a:${SECRET_OF_THE_RUNNER}",
	} {
		s := read(t, spec.Candidate{Format: format, File: files[format]}, nil, map[string]string{files[format]: text, "Dockerfile": "FROM scratch"})
		if text := fmt.Sprintf("%+v", s); strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", format, text)
		}
		if format != spec.FormatDockerfile && len(s.References) == 0 {
			t.Errorf("%s: no reference", format)
		}
	}
}
