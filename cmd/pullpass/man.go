package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

type manCommand struct {
	Directory string `arg:"" help:"Where to write pullpass.1 and a page for each command."`
}

// Run writes a page for the program and one for each command, named as man looks for
// them: man pullpass-env-create.
func (m manCommand) Run(t *terminal, c *kong.Context) error {
	if err := os.MkdirAll(m.Directory, 0o755); err != nil { //nolint:gosec // everybody reads manuals
		return fmt.Errorf("making the directory of the pages: %w", err)
	}
	written := 0
	var walk func(node *kong.Node, words []string) error
	walk = func(node *kong.Node, words []string) error {
		file := filepath.Join(m.Directory, strings.Join(words, "-")+".1")
		if err := os.WriteFile(file, []byte(manPage(node, words)), 0o644); err != nil { //nolint:gosec // as above
			return fmt.Errorf("writing a manual page: %w", err)
		}
		written++
		for _, child := range node.Children {
			if child.Hidden || child.Type != kong.CommandNode {
				continue
			}
			if err := walk(child, append(words[:len(words):len(words)], child.Name)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(c.Model.Node, []string{"pullpass"}); err != nil {
		return err
	}
	t.say("Wrote %d pages. Read one: man %s", written, filepath.Join(m.Directory, "pullpass.1"))
	return nil
}

func manPage(node *kong.Node, words []string) string {
	var b strings.Builder
	name := strings.Join(words, " ")
	fmt.Fprintf(&b, ".TH %q 1 \"\" \"pullpass %s\" \"Pullpass\"\n", strings.ToUpper(strings.Join(words, "-")), version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n", roff(strings.Join(words, "-")), roff(node.Help), roff(name))
	for _, arg := range node.Positional {
		b.WriteString(roff(arg.Summary()) + "\n")
	}
	if len(node.Children) > 0 {
		b.WriteString("COMMAND\n")
	}
	b.WriteString("[FLAGS]\n")
	if node.Detail != "" {
		b.WriteString(".SH DESCRIPTION\n.nf\n" + roff(node.Detail) + "\n.fi\n")
	}
	if len(node.Positional) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, arg := range node.Positional {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(arg.Summary()), roff(arg.Help))
		}
	}
	b.WriteString(".SH FLAGS\n")
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(flag.String()), roff(flag.Help))
		}
	}
	var more []string
	for _, child := range node.Children {
		if !child.Hidden && child.Type == kong.CommandNode {
			more = append(more, roff(strings.Join(words, "-")+"-"+child.Name)+"(1)")
		}
	}
	if len(more) > 0 {
		b.WriteString(".SH SEE ALSO\n" + strings.Join(more, ", ") + "\n")
	}
	return b.String()
}

// roff escapes what a line of a page would obey.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
