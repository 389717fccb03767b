package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBashCompletes asks bash itself for what follows.
func TestBashCompletes(t *testing.T) {
	var script bytes.Buffer
	if code := run(t.Context(), []string{"completion", "bash"}, strings.NewReader(""), &script, io.Discard); code != 0 {
		t.Fatalf("pullpass completion bash ends with %d", code)
	}
	for line, want := range map[string]string{
		"pullpass en":                       "env",
		"pullpass env cr":                   "create",
		"pullpass --json env create --proj": "--project",
		"pullpass registry delete --dry":    "--dry-run",
		"pullpass env create zzz":           "",
	} {
		words := strings.Fields(line)
		ask := script.String() + "\nCOMP_WORDS=(" + line + "); COMP_CWORD=" + string(rune('0'+len(words)-1)) + "; _pullpass; echo \"${COMPREPLY[*]}\""
		out, err := exec.CommandContext(t.Context(), "bash", "-c", ask).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("%q completes to %q, want %q", line, got, want)
		}
	}
}

// TestCompletionOffersWhatParses: each path of each shell's table is a command, and
// hidden ones are not offered.
func TestCompletionOffersWhatParses(t *testing.T) {
	parser, err := newParser(new(commandLine), nil, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	table := completionTable(parser.Model.Node)
	for _, path := range []string{"", "env", "env create", "policy", "registry test"} {
		if len(table[path]) == 0 {
			t.Errorf("nothing follows %q", path)
		}
	}
	if _, offered := table["greet"]; offered {
		t.Error("a hidden command is offered")
	}
	for _, shell := range []string{"zsh", "fish"} {
		var out bytes.Buffer
		if code := run(t.Context(), []string{"completion", shell}, strings.NewReader(""), &out, io.Discard); code != 0 {
			t.Errorf("pullpass completion %s ends with %d", shell, code)
		}
		for path := range table {
			if !strings.Contains(out.String(), path) {
				t.Errorf("the completion of %s lacks %q", shell, path)
			}
		}
	}
}

// TestManPages: a page for each command, with its flags, and no line that roff would
// take for a request of its own.
func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if code := run(t.Context(), []string{"man", dir}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatalf("pullpass man ends with %d", code)
	}
	page, err := os.ReadFile(filepath.Join(dir, "pullpass-env-create.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".TH", `\-\-project`, "Examples:", ".SH FLAGS"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("pullpass-env-create.1 lacks %q", want)
		}
	}
	if got := roff(".so /etc/passwd\n'x\\"); got != "\\&.so /etc/passwd\n\\&'x\\e" {
		t.Errorf("roff = %q", got)
	}
}
