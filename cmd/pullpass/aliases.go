package main

import (
	"slices"

	"github.com/alecthomas/kong"
)

// nounAliases and verbAliases are other words that people try first. A word that a
// noun has as a verb of its own stays that verb.
var (
	nounAliases = map[string][]string{
		"project": {"projects"}, "registry": {"registries"}, "integration": {"integrations"},
		"repository": {"repositories"}, "env": {"envs", "environment", "environments"}, "runner": {"runners"},
		"member": {"members"}, "trust": {"trusts"}, "token": {"tokens"}, "policy": {"policies"},
	}
	verbAliases = map[string][]string{
		"list": {"ls"}, "show": {"get"}, "delete": {"rm", "remove"}, "create": {"add"}, "add": {"create"},
	}
)

// addAliases makes every noun and verb known by its other words.
func addAliases(app *kong.Node) {
	for _, noun := range app.Children {
		noun.Aliases = append(noun.Aliases, nounAliases[noun.Name]...)
		for _, verb := range noun.Children {
			for _, alias := range verbAliases[verb.Name] {
				taken := func(n *kong.Node) bool { return n.Name == alias || slices.Contains(n.Aliases, alias) }
				if !slices.ContainsFunc(noun.Children, taken) {
					verb.Aliases = append(verb.Aliases, alias)
				}
			}
		}
	}
}

// printHelp is kong's help without the other words for nouns, which would fill it, and
// for the command that it is about.
func printHelp(options kong.HelpOptions, c *kong.Context) error {
	for _, noun := range c.Model.Children {
		noun.Aliases = nil
	}
	if node := c.Selected(); node != nil {
		node.Aliases = nil
	}
	return kong.DefaultHelpPrinter(options, c)
}
