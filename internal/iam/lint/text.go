package lint

import (
	"fmt"
	"strings"
	"unicode"
)

// Text writes the reports for a person: a line for each finding that editors
// can jump to, and below it why, and what to do.
func Text(files []File) []byte {
	var b strings.Builder
	for _, file := range files {
		for _, f := range file.Findings {
			fmt.Fprintf(&b, "%s:%s: %s: %s [%s]\n", printable(file.Path), f.Position, f.Severity, printable(f.Detail), f.ID)
			fmt.Fprintf(&b, "    why: %s\n    fix: %s\n", f.Why, printable(f.Fix))
			if f.Corrected != "" {
				fmt.Fprintf(&b, "         %s\n", printable(f.Corrected))
			}
		}
	}
	return []byte(b.String())
}

// printable escapes what a terminal would act on, or hide: a finding repeats
// parts of a document that someone else may have written.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
