package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}."`
}

// Help says where each shell looks.
func (completionCommand) Help() string {
	return "Examples:\n\n    source <(pullpass completion bash)\n    source <(pullpass completion zsh)\n    pullpass completion fish > ~/.config/fish/completions/pullpass.fish"
}

func (k completionCommand) Run(t *terminal, c *kong.Context) error {
	table := completionTable(c.Model.Node)
	switch k.Shell {
	case "fish":
		return writeFish(t.raw, table)
	case "zsh":
		return writeShell(t.raw, table, zshHead, zshTail)
	}
	return writeShell(t.raw, table, bashHead, bashTail)
}

// completionTable holds, for each path of commands ("", "env", "env create"), the words
// that may follow: commands and flags.
func completionTable(app *kong.Node) map[string][]string {
	table := map[string][]string{}
	var walk func(node *kong.Node, path string, flags []string)
	walk = func(node *kong.Node, path string, flags []string) {
		var words []string
		for _, f := range node.Flags {
			if !f.Hidden {
				flags = append(slices.Clip(flags), "--"+f.Name)
			}
		}
		for _, child := range node.Children {
			if !child.Hidden && child.Type == kong.CommandNode {
				words = append(words, child.Name)
				walk(child, strings.TrimSpace(path+" "+child.Name), flags)
			}
		}
		table[path] = append(words, flags...)
	}
	walk(app, "", nil)
	return table
}

// The shells differ in how the words before the cursor are read and in how choices are
// given back; the table is the same.
const (
	bashHead = `_pullpass() {
  local path= word next
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
`
	bashTail = `  COMPREPLY=($(compgen -W "$(_pullpass_words "$path")" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _pullpass pullpass
`
	zshHead = `_pullpass() {
  local path_= word next
  for word in "${(@)words[2,CURRENT-1]}"; do
`
	zshTail = `  compadd -- ${=$(_pullpass_words "$path")} || _files
}
compdef _pullpass pullpass
`
)

func writeShell(w io.Writer, table map[string][]string, head, tail string) error {
	var b strings.Builder
	b.WriteString("_pullpass_words() {\n  case \"$1\" in\n")
	for _, path := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(&b, "  %q) echo %q ;;\n", path, strings.Join(table[path], " "))
	}
	b.WriteString("  *) return 1 ;;\n  esac\n}\n")
	body := `    next="${path:+$path }$word"
    if [ "${word#-}" = "$word" ] && _pullpass_words "$next" >/dev/null; then path="$next"; fi
  done
`
	text := head + body + tail
	if head == zshHead { // $path is zsh's own search path
		text = strings.ReplaceAll(strings.ReplaceAll(text, "$path", "$path_"), "${path:", "${path_:")
		text = strings.ReplaceAll(text, "then path=", "then path_=")
	}
	b.WriteString(text)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFish(w io.Writer, table map[string][]string) error {
	var b strings.Builder
	b.WriteString(`function __pullpass_at
  set -l at
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next (string join ' ' $at $word)
    contains -- $next $__pullpass_paths; and set at $at $word
  end
  test "$at" = "$argv[1]"
end
`)
	b.WriteString("set -g __pullpass_paths")
	paths := slices.Sorted(maps.Keys(table))
	for _, path := range paths {
		fmt.Fprintf(&b, " '%s'", path)
	}
	b.WriteString("\n")
	for _, path := range paths {
		for _, word := range table[path] {
			if flag, ok := strings.CutPrefix(word, "--"); ok {
				fmt.Fprintf(&b, "complete -c pullpass -n '__pullpass_at \"%s\"' -l %s\n", path, flag)
			} else {
				fmt.Fprintf(&b, "complete -c pullpass -f -n '__pullpass_at \"%s\"' -a %s\n", path, word)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
