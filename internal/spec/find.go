package spec

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// Candidate is a file from which a repository can be read.
type Candidate struct {
	Format Format `json:"format"`
	File   string `json:"file"` // relative to the root, with slashes
}

// wellKnown are the places of each format, in the order in which its own tools look;
// the first that is there counts.
var wellKnown = []struct {
	format Format
	files  []string
}{
	{FormatGitpod, []string{".gitpod.yml"}},
	{FormatDevcontainer, []string{".devcontainer/devcontainer.json", ".devcontainer.json"}},
	{FormatRelease, []string{".release/application_template.yaml", ".release/application-template.yaml"}},
	{FormatCompose, []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}},
	{FormatGitLab, []string{".gitlab-ci.yml"}},
	{FormatDockerfile, []string{"Dockerfile", "Containerfile"}},
}

// Find lists the files of the known formats, the formats in a fixed order. A
// repository with several devcontainer.json has several; which one is meant is for its
// people to say.
func Find(tree fs.FS) ([]Candidate, error) {
	t := newTree(tree)
	var found []Candidate
	for _, k := range wellKnown {
		for _, file := range k.files {
			if t.has(file) {
				found = append(found, Candidate{k.format, file})
				break
			}
		}
		if k.format == FormatDevcontainer {
			more, err := fs.Glob(tree, ".devcontainer/*/devcontainer.json")
			if err != nil {
				return nil, err
			}
			slices.Sort(more)
			for _, file := range more {
				if t.has(file) {
					found = append(found, Candidate{FormatDevcontainer, file})
				}
			}
		}
	}
	return found, nil
}

// FormatOf guesses the format of a file from its name: the formats prescribe theirs.
func FormatOf(file string) (Format, error) {
	base := path.Base(file)
	lower := strings.ToLower(base)
	switch {
	case base == ".gitpod.yml":
		return FormatGitpod, nil
	case base == "devcontainer.json" || base == ".devcontainer.json":
		return FormatDevcontainer, nil
	case strings.HasSuffix(base, ".gitlab-ci.yml"):
		return FormatGitLab, nil
	case strings.HasPrefix(strings.ReplaceAll(lower, "-", "_"), "application_template."):
		return FormatRelease, nil
	case strings.HasPrefix(lower, "compose.") || strings.HasPrefix(lower, "docker-compose."):
		return FormatCompose, nil
	case strings.HasPrefix(lower, "dockerfile") || strings.HasSuffix(lower, ".dockerfile") || lower == "containerfile":
		return FormatDockerfile, nil
	}
	return "", &pullpass.Error{
		Kind: pullpass.Invalid, What: "cannot tell the format of " + quote(file), Cause: "its name is not one that a supported format prescribes",
		Hint: "say which: --format " + strings.Join(Formats(), "|"),
	}
}
