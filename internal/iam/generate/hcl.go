package generate

import (
	"fmt"
	"strconv"
	"strings"
)

// hcl writes v as a Terraform expression, indented for a line that begins at
// the given depth.
func hcl(v any, depth int) string {
	switch v := v.(type) {
	case string:
		return hclString(v)
	case expression:
		return string(v)
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case list:
		return hclList(v, depth)
	case object:
		return hclObject(v, depth)
	}
	panic(fmt.Sprintf("generate: %T has no Terraform form", v))
}

func hclList(l list, depth int) string {
	if len(l) == 0 {
		return "[]"
	}
	if len(l) == 1 {
		return "[" + hcl(l[0], depth) + "]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, v := range l {
		b.WriteString(pad(depth+1) + hcl(v, depth+1) + ",\n")
	}
	b.WriteString(pad(depth) + "]")
	return b.String()
}

// hclObject aligns the equals signs as terraform fmt does: over runs of
// consecutive members that take one line each.
func hclObject(o object, depth int) string {
	if len(o) == 0 {
		return "{}"
	}
	return "{\n" + hclMembers(o, depth+1, false) + pad(depth) + "}"
}

// hclMembers writes members one below the other. In a block body, names are
// attributes and never quoted.
func hclMembers(o object, depth int, body bool) string {
	names, values := make([]string, len(o)), make([]string, len(o))
	for i, m := range o {
		names[i], values[i] = m.name, hcl(m.value, depth)
		if !body && !isIdentifier(m.name) {
			names[i] = hclString(m.name)
		}
	}
	var b strings.Builder
	for start := 0; start < len(o); {
		end, width := start+1, len(names[start])
		for !strings.Contains(values[end-1], "\n") && end < len(o) {
			// A value of several lines closes the run: terraform fmt aligns it
			// with the lines before, and starts afresh behind it.
			if strings.Contains(values[end], "\n") {
				break
			}
			width = max(width, len(names[end]))
			end++
		}
		for i := start; i < end; i++ {
			b.WriteString(pad(depth) + names[i] + strings.Repeat(" ", width-len(names[i])) + " = " + values[i] + "\n")
		}
		start = end
	}
	return b.String()
}

func pad(depth int) string { return strings.Repeat("  ", depth) }

func isIdentifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// hclString quotes s so that Terraform reads it literally: ${ and %{ would
// begin a template.
func hclString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteString(string(r) + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
