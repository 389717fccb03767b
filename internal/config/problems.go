package config

import (
	"strings"

	"github.com/pullpass/pullpass"
)

// problems collects what is wrong, so that a person is told everything at once.
type problems []string

func (p *problems) add(option, problem string) { *p = append(*p, option+": "+problem) }

func (p *problems) url(option, value string) {
	if !validURL(value) {
		p.add(option, "want an address such as https://pullpass.example.com")
	}
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &pullpass.Error{
		Kind:  pullpass.Invalid,
		What:  "the configuration cannot be used",
		Cause: strings.Join(p, "\n       "),
		Hint:  "pullpass --help lists every option with its environment variable",
	}
}
