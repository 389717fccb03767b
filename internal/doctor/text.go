package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/pullpass/pullpass/api"
)

// place says where the steps ran.
func place(where string) string {
	switch where {
	case Here:
		return "from this machine"
	case Server:
		return "from the Pullpass server"
	}
	return "from " + where
}

const indent = "                    "

// WriteText writes a diagnosis for a person: a line for each step, and what to do.
func WriteText(w io.Writer, d api.Diagnosis) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n\n", orElse(d.Image, "an image that cannot be read"), place(d.Where))
	writeSteps(&b, d.Steps)
	b.WriteByte('\n')
	if d.Healthy {
		fmt.Fprintf(&b, "healthy: every step of the pull works (%.0f ms)\n", d.Millis)
	} else {
		fmt.Fprintf(&b, "not healthy\ncause: %s\nfix:   %s\n", d.Cause, hang(d.Fix, "       "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteSteps writes the steps alone.
func WriteSteps(w io.Writer, steps []api.DiagnosisStep) error {
	var b strings.Builder
	writeSteps(&b, steps)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeSteps(b *strings.Builder, steps []api.DiagnosisStep) {
	for _, s := range steps {
		words := []string{fmt.Sprintf("  %-8s %-8s", s.Result, s.Name)}
		if s.Detail != "" {
			words = append(words, s.Detail)
		}
		if s.Millis >= 1 {
			words = append(words, fmt.Sprintf("(%.0f ms)", s.Millis))
		}
		line := strings.Join(words, " ")
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if s.Cause != "" {
			b.WriteString(indent + "cause: " + hang(s.Cause, indent+"       ") + "\n")
		}
		if s.Fix != "" {
			b.WriteString(indent + "fix:   " + hang(s.Fix, indent+"       ") + "\n")
		}
	}
}

func hang(text, indent string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+indent)
}

// Markdown is the table as a page: docs/doctor.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(page)
	for _, s := range symptoms {
		fmt.Fprintf(&b, "\n### `%s`\n\n", s.Code)
		if s.FromText {
			b.WriteString("Recognized in text.\n\n")
		}
		fmt.Fprintf(&b, "- **What is seen:** `%s`\n- **Cause:** %s\n- **Fix:** %s\n", strings.ReplaceAll(s.Seen, "`", "'"), s.Cause, s.Fix)
	}
	return b.String()
}
