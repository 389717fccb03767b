package lint

import "strings"

// Markdown writes the documentation of all rules, from the table itself.
func Markdown() []byte {
	var b strings.Builder
	b.WriteString(`# Policy lint

` + "`pullpass policy lint FILE…`" + ` reads AWS policy documents and reports what AWS
refuses when they are saved, what is saved but has no effect, and what opens
more than was meant. This page is written from the table of rules.

An **error** is refused by AWS, has no effect, or lets in whom nobody meant; a
**warning** is probably wrong; **info** is worth knowing. Rules marked *fix* are
corrected by ` + "`--fix`" + ` in their plain cases. Rules that need a fact are silent
without it.

| rule | severity | kinds | finds | fix | needs |
|---|---|---|---|---|---|
`)
	rules := Rules()
	for _, r := range rules {
		kinds := "all"
		if len(r.Kinds) > 0 {
			words := make([]string, len(r.Kinds))
			for i, k := range r.Kinds {
				words[i] = string(k)
			}
			kinds = strings.Join(words, ", ")
		}
		fix := ""
		if r.Mechanical {
			fix = "fix"
		}
		b.WriteString(
			"| [" + r.ID + "](#" + r.ID + ") | " + string(
				r.Severity,
			) + " | " + kinds + " | " + cell(
				r.Title,
			) + " | " + fix + " | " + r.Needs + " |\n",
		)
	}
	for _, r := range rules {
		b.WriteString("\n## " + r.ID + "\n\n" + prose(r.Title) + ".\n\n" + prose(r.Why) + "\n\n" + prose(r.Fix) + "\n")
	}
	return []byte(b.String())
}

func cell(s string) string { return strings.ReplaceAll(prose(s), "|", `\|`) }

// prose keeps Markdown from reading stars, brackets and tags in plain text.
func prose(s string) string {
	return strings.NewReplacer("*", `\*`, "<", `\<`, "[", `\[`, "]", `\]`, "_", `\_`).Replace(strings.TrimSuffix(s, "?"))
}
