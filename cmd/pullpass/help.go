package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// verbGroups order the commands in help, those of every day first.
var verbGroups = []kong.Group{
	{Key: "daily", Title: "Every day:"},
	{Key: "people", Title: "People and tokens:"},
	{Key: "aws", Title: "AWS:"},
	{Key: "ci", Title: "Environments, CI jobs and clusters:"},
	{Key: "operate", Title: "Operating Pullpass:"},
	{Key: "program", Title: "This program:"},
}

// helpCommand is listed in help; usualWords has turned it into --help.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command."`
}

func (helpCommand) Run() error { return nil }

// usualWords turns what people type first into what the parser knows: nothing at all
// is --help, help COMMAND is COMMAND --help, and --version is the version.
func usualWords(args []string) []string {
	if len(args) == 0 {
		return []string{"--help"}
	}
	switch args[0] {
	case "help":
		return append(slices.Clone(args[1:]), "--help")
	case "--version", "-v", "-V":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// incomplete is the noun that a command line ends with, where a verb is missing: its
// help says more than an error could.
func incomplete(err *kong.ParseError) *kong.Node {
	if err.Context == nil || err.Context.Error != nil {
		return nil
	}
	node := err.Context.Selected()
	if node == nil {
		node = err.Context.Model.Node
	}
	if node.Leaf() || !strings.HasPrefix(err.Error(), "expected one of") {
		return nil
	}
	return node
}

// addExamples puts examples below the help of the commands of every day.
func addExamples(app *kong.Node) {
	_ = kong.Visit(app, func(v kong.Visitable, next kong.Next) error {
		if node, ok := v.(*kong.Node); ok {
			if lines := examples[node.Path()]; len(lines) > 0 {
				node.Detail = strings.TrimSpace(node.Detail + "\n\nExamples:\n\n    " + strings.Join(lines, "\n    "))
			}
		}
		return next(nil)
	})
}
