package main

import "strings"

// wideFlag is for lists: what fits 80 columns is shown, the rest and the ids on demand.
type wideFlag struct {
	Wide bool `help:"More columns, ids among them."`
}

func (f wideFlag) row(always []string, wide ...string) []string {
	if f.Wide {
		return append(always, wide...)
	}
	return always
}

// wrap breaks words into lines of at most width columns, indented by two.
func wrap(text string, width int) string {
	var lines []string
	line := " "
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != " " {
			lines = append(lines, line)
			line = " "
		}
		line += " " + word
	}
	return strings.Join(append(lines, line), "\n")
}
