package lint

import (
	"fmt"
	"strings"

	"github.com/pullpass/pullpass/internal/printable"
)

// Text writes the reports for a person: a line for each finding that editors
// can jump to, and below it why, and what to do.
func Text(files []File) []byte {
	var b strings.Builder
	for _, file := range files {
		for _, f := range file.Findings {
			fmt.Fprintf(
				&b,
				"%s:%s: %s: %s [%s]\n",
				printable.Escape(file.Path),
				f.Position,
				f.Severity,
				printable.EscapeText(f.Detail),
				f.ID,
			)
			fmt.Fprintf(&b, "  cause: %s\n  hint:  %s\n", f.Why, printable.EscapeText(f.Fix))
			if f.Corrected != "" {
				fmt.Fprintf(&b, "         %s\n", printable.EscapeText(f.Corrected))
			}
		}
	}
	return []byte(b.String())
}
