package iam

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the story in plain text.
func (s *Story) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, s.String())
	return err
}

// String is the story in plain text.
func (s *Story) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", s.Verb, s.Repository.ARN(), s.Status.outcome())
	for i := range s.Steps {
		b.WriteByte('\n')
		s.Steps[i].write(&b)
	}
	return b.String()
}

func (s Status) outcome() string {
	switch s {
	case StepOK:
		return "allowed"
	case StepDenied:
		return "denied"
	}
	return "not known"
}

const indent = "         "

func (s *Step) write(b *strings.Builder) {
	fmt.Fprintf(b, "%-8s %s\n", s.Status, s.Title)
	if s.Caller != "" {
		fmt.Fprintf(b, "%sas %s on %s\n", indent, s.Caller, s.Resource)
	}
	for i := range s.Claims {
		s.Claims[i].write(b)
	}
	for _, text := range s.Cause {
		fmt.Fprintf(b, "%scause: %s\n", indent, text)
	}
	statements := s.Additions
	for _, text := range s.Fix {
		fmt.Fprintf(b, "%sfix:   %s\n", indent, text)
		if strings.HasSuffix(text, ":") && len(statements) > 0 {
			for line := range strings.Lines(statements[0].Statement.String()) {
				fmt.Fprintf(b, "%s       %s", indent, line)
			}
			b.WriteByte('\n')
			statements = statements[1:]
		}
	}
	for _, text := range s.Notes {
		fmt.Fprintf(b, "%snote:  %s\n", indent, text)
	}
}

func (c *Claim) write(b *strings.Builder) {
	verdict := "does not match"
	if c.Matched {
		verdict = "matches"
	}
	fmt.Fprintf(b, "%sclaim: %s %s\n", indent, c.Key, verdict)
	fmt.Fprintf(b, "%s       policy %s %s\n", indent, c.Operator, quoteAll(c.Patterns))
	fmt.Fprintf(b, "%s       token  %s\n", indent, quoteAll(c.Values))
}
