// Package spec reads what a repository asks for: which images it starts, builds from,
// copies from or mounts, and where that is written.
//
// The one idea: a reference is never guessed. It is literal, or made of inputs that
// somebody has declared, or it is reported with its file, line and column as something
// that cannot be known. The environment of the process that reads is never an input.
//
// The package is pure: it reads a tree that its caller has confined, and asks nobody.
//
//	found, err := spec.Find(tree)                        // .gitpod.yml, devcontainer.json, …
//	s, err := spec.Read(tree, found[0], spec.Inputs{"TAG": "1.4"})
//	for _, r := range s.References {
//		fmt.Println(r.Position, r.Kind, r.Name)
//	}
package spec
