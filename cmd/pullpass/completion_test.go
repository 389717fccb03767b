package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	realparts "github.com/pullpass/pullpass/internal/parts"
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

// completionFile writes a shell's completion where the shell can read it.
func completionFile(t *testing.T, shell string) string {
	t.Helper()
	var script bytes.Buffer
	if code := run(t.Context(), []string{"completion", shell}, strings.NewReader(""), &script, io.Discard); code != 0 {
		t.Fatalf("pullpass completion %s ends with %d", shell, code)
	}
	path := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(path, script.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFishCompletes asks fish itself what follows.
func TestFishCompletes(t *testing.T) {
	fish, script := realparts.Command(t, "fish"), completionFile(t, "fish")
	for line, want := range map[string]string{
		"pullpass en":                       "env",
		"pullpass env cr":                   "create",
		"pullpass --json env create --proj": "--project",
		"pullpass registry delete --dry":    "--dry-run",
		"pullpass env zzz":                  "",
	} {
		cmd := exec.CommandContext(t.Context(), fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`, script, line)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q completes to %q (%v), want %q", line, got, err, want)
		}
	}
}

// zshTypes has an interactive zsh complete a line at a terminal of its own. It ends when
// the words that are awaited have come; if they do not, the test's patience ends it.
const zshTypes = `zmodload zsh/zpty
zpty z "$1" -f -i
zpty -w z "PROMPT=''; autoload -U compinit; compinit -u -D; source $2; print rea''dy"
zpty -r z out '*ready*'
zpty -w -n z $'pullpass env cre\t'
zpty -r z out '*create*'
zpty -w -n z $'--proj\t'
zpty -r z out '*--project*'
zpty -w -n z $'\Cupullpass regist\t'
zpty -r z out '*registry*'
zpty -w -n z $'delete --dry\t'
zpty -r z out '*--dry-run*'
zpty -d z
print completed`

// TestZshCompletes types at zsh itself.
func TestZshCompletes(t *testing.T) {
	zsh, script := realparts.Command(t, "zsh"), completionFile(t, "zsh")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, zsh, "-f", "-c", zshTypes, "zsh", zsh, script)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "completed") {
		t.Errorf("zsh does not complete: %v\n%q", err, out)
	}
}

// TestManPagesRender has mandoc read every page: no error, and the text is there.
func TestManPagesRender(t *testing.T) {
	mandoc, dir := realparts.Command(t, "mandoc"), filepath.Join(t.TempDir(), "man1")
	if code := run(t.Context(), []string{"man", dir}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatalf("pullpass man ends with %d", code)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 100 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	out, _ := exec.CommandContext(t.Context(), mandoc, append([]string{"-T", "lint", "-W", "warning"}, pages...)...).Output()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") { // they are the same whenever they are made
			t.Error(line)
		}
	}
	text, err := exec.CommandContext(t.Context(), mandoc, "-T", "ascii", "-O", "width=200", filepath.Join(dir, "pullpass-env-create.1")).Output()
	plain := overstruck.ReplaceAllString(string(text), "")
	for _, want := range []string{"PULLPASS-ENV-CREATE(1)", "--project=NAME", "pullpass env create web --project payments"} {
		if err != nil || !strings.Contains(plain, want) {
			t.Errorf("the rendered page lacks %q (%v)", want, err)
		}
	}
}

// overstruck is how a printer makes bold and underlined letters.
var overstruck = regexp.MustCompile(".\x08")

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
