package generate

import "strings"

// Markdown writes the documentation of all presets, from the table itself.
func Markdown() []byte {
	var b strings.Builder
	b.WriteString(`# Policy presets

` + "`pullpass policy preset NAME`" + ` writes a policy
that a platform's documentation publishes, with your own values in it: exactly
as published where that is right, corrected where it is not. This page is
written from the table of presets.

| preset | writes | flags |
|---|---|---|
`)
	for _, p := range Presets() {
		b.WriteString(
			"| [" + p.Name + "](#" + p.Name + ") | " + p.Kind + " | `--" + strings.Join(
				p.Needs,
				"` `--",
			) + "`" + optional(
				p,
			) + " |\n",
		)
	}
	for _, p := range Presets() {
		b.WriteString("\n## " + p.Name + "\n\n" + p.Title + ".\n\n```sh\n" + p.Example() + "\n```\n\n")
		if len(p.Corrections) == 0 {
			b.WriteString("As published.\n")
		}
		for _, c := range p.Corrections {
			b.WriteString("- " + strings.ReplaceAll(c, "*", `\*`) + "\n")
		}
	}
	return []byte(b.String())
}

func optional(p Preset) string {
	if len(p.Optional) == 0 {
		return ""
	}
	return ", also `--" + strings.Join(p.Optional, "` `--") + "`"
}
