package iam

import "fmt"

// Position is a place in a source document, both parts counted from 1;
// Column counts characters, not bytes. The zero Position means "not from a
// source".
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// IsZero reports whether p points nowhere.
func (p Position) IsZero() bool { return p == Position{} }

// SyntaxError says where a document stops being a policy, what is wrong
// there, and what would be right.
type SyntaxError struct {
	Position Position
	What     string
	Hint     string // empty when there is nothing helpful to say
}

func (e *SyntaxError) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: %s", e.Position, e.What)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Position, e.What, e.Hint)
}

func syntaxf(at Position, hint, format string, args ...any) *SyntaxError {
	return &SyntaxError{Position: at, What: fmt.Sprintf(format, args...), Hint: hint}
}

// quote shows a piece of the document in an error: short, and without
// anything that a terminal would act on.
func quote(s string) string {
	const most = 64
	runes := 0
	for i := range s {
		if runes == most {
			return fmt.Sprintf("%q…", s[:i])
		}
		runes++
	}
	return fmt.Sprintf("%q", s)
}
