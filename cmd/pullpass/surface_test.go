package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"github.com/pullpass/pullpass/internal/config"
)

var writeSurface = flag.String("write-surface", "", "file: write the tree of commands into it, and the facts of the API beside it")

// Scripts are written against the commands, their flags and their arguments. The
// tree of b5715d8 is in testdata/surface.txt; what differs is listed in
// testdata/surface_changes.txt with its reason, so that nothing changes by accident.
func TestCommandsKeepTheirForm(t *testing.T) {
	parser, err := newParser(new(commandLine), nil, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	now := surfaceOf(parser.Model.Node, "pullpass")
	if *writeSurface != "" {
		writeLines(t, *writeSurface, now)
		return
	}
	before := linesOf(t, "surface.txt")
	if len(before) < 200 {
		t.Fatalf("testdata/surface.txt has %d lines; this test would prove nothing", len(before))
	}
	for _, problem := range unexplained(before, now, linesOf(t, "surface_changes.txt")) {
		t.Error(problem)
	}
}

func TestUnexplainedChangesAreFound(t *testing.T) {
	before, now := []string{"a --x", "a --y", "b"}, []string{"a --x", "b", "c", "c --z"}
	for _, test := range []struct {
		name, changes string
		want          string // part of the only problem; "" means none
	}{
		{"explained", "- a --y | why\n+ c | why\n+ c --z | why", ""},
		{"a pattern", "- a --y | why\n+ c* | why", ""},
		{"removed without a word", "+ c* | why", "- a --y"},
		{"added without a word", "- a --y | why\n+ c | why", "+ c --z"},
		{"no reason", "- a --y\n+ c* | why", "reason"},
		{"no such change", "- a --y | why\n+ c* | why\n+ d | why", "+ d"},
	} {
		got := unexplained(before, now, strings.Split(test.changes, "\n"))
		if test.want == "" && len(got) > 0 || test.want != "" && !strings.Contains(strings.Join(got, "\n"), test.want) {
			t.Errorf("%s: unexplained(%q) = %q, want %q", test.name, test.changes, got, test.want)
		}
	}
}

// surfaceOf returns a line for a command and for each of its flags and arguments,
// without the words of its help.
func surfaceOf(node *kong.Node, path string) []string {
	var lines []string
	if node.Type == kong.CommandNode {
		path += " " + node.Name
		lines = append(lines, path)
	}
	for _, f := range node.Flags {
		lines = append(lines, fmt.Sprintf("%s --%s%s", path, f.Name, formOf(f.Value)))
	}
	for _, a := range node.Positional {
		lines = append(lines, fmt.Sprintf("%s <%s>%s", path, a.Name, formOf(a)))
	}
	for _, child := range node.Children {
		lines = append(lines, surfaceOf(child, path)...)
	}
	return lines
}

// formOf says what a script can rely on: the kind of the value, and what is taken
// where none is given.
func formOf(v *kong.Value) string {
	words := []string{v.Target.Kind().String()}
	if v.Required {
		words = append(words, "required")
	}
	if v.HasDefault {
		paths := strings.NewReplacer(config.DefaultData(), "${data_dir}", config.DefaultRunnerState(), "${runner_dir}")
		words = append(words, "default="+paths.Replace(v.Default))
	}
	if v.Enum != "" {
		words = append(words, "enum="+v.Enum)
	}
	return " " + strings.Join(words, " ")
}

// The API of b5715d8 is in testdata/openapi.txt, a line for each fact of its OpenAPI
// document but for its prose.
func TestAPIKeepsItsForm(t *testing.T) {
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	now := factsOf(document, "")
	if *writeSurface != "" {
		writeLines(t, *writeSurface+".api", now)
		return
	}
	before := linesOf(t, "openapi.txt")
	if len(before) < 1000 {
		t.Fatalf("testdata/openapi.txt has %d lines; this test would prove nothing", len(before))
	}
	for _, problem := range unexplained(before, now, linesOf(t, "openapi_changes.txt")) {
		t.Error(problem)
	}
}

// factsOf flattens a document to a line for each value.
func factsOf(value any, path string) []string {
	prose := []string{"description", "summary", "example", "examples", "title", "version", "tags"}
	var lines []string
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if _, text := v[key].(map[string]any); slices.Contains(prose, key) && !text {
				continue
			}
			lines = append(lines, factsOf(v[key], path+"/"+strings.ReplaceAll(key, "/", "~"))...)
		}
		if len(lines) == 0 { // an answer without content
			return []string{path}
		}
	case []any:
		for _, element := range v {
			lines = append(lines, factsOf(element, path+"/"+elementName(element))...)
		}
	default:
		return []string{fmt.Sprintf("%s = %v", path, v)}
	}
	return lines
}

// elementName names an element by what it is and not by its place, so that a new one
// before it does not rename it.
func elementName(element any) string {
	if m, ok := element.(map[string]any); ok {
		if name, ok := m["name"].(string); ok {
			return name
		}
		if ref, ok := m["$ref"].(string); ok {
			return ref[strings.LastIndex(ref, "/")+1:]
		}
		return "*"
	}
	return fmt.Sprint(element)
}

// unexplained returns a line for each difference between two lists of lines that
// changes does not explain, and for each explanation of nothing. A change is
// "+ LINE | reason" or "- LINE | reason"; LINE may end in * and then stands for all
// lines that begin so.
func unexplained(before, now, changes []string) []string {
	var differences, problems []string
	for _, line := range before {
		if !slices.Contains(now, line) {
			differences = append(differences, "- "+line)
		}
	}
	for _, line := range now {
		if !slices.Contains(before, line) {
			differences = append(differences, "+ "+line)
		}
	}
	explained := map[string]bool{}
	for _, change := range changes {
		if change == "" || strings.HasPrefix(change, "#") {
			continue
		}
		pattern, reason, _ := strings.Cut(change, " | ")
		found := false
		for _, d := range differences {
			prefix, open := strings.CutSuffix(pattern, "*")
			if d == pattern || open && strings.HasPrefix(d, prefix) {
				found, explained[d] = true, true
			}
		}
		if strings.TrimSpace(reason) == "" {
			problems = append(problems, "no reason is given for: "+change)
		}
		if !found {
			problems = append(problems, "listed as a change, but nothing changed so: "+change)
		}
	}
	for _, d := range differences {
		if !explained[d] {
			problems = append(problems, "changed, and is not listed with a reason: "+d)
		}
	}
	return problems
}

func linesOf(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func writeLines(t *testing.T, name string, lines []string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
