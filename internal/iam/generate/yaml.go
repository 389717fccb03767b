package generate

import (
	"fmt"
	"strconv"
	"strings"
)

func yamlObject(b *strings.Builder, o object, depth int) {
	for _, m := range o {
		b.WriteString(pad(depth) + yamlKey(m.name) + ":")
		yamlValue(b, m.value, depth+1)
	}
}

// yamlValue writes what follows a colon, up to and with the end of line.
func yamlValue(b *strings.Builder, v any, depth int) {
	switch v := v.(type) {
	case object:
		b.WriteString("\n")
		yamlObject(b, v, depth)
	case list:
		b.WriteString("\n")
		yamlList(b, v, depth)
	default:
		b.WriteString(" " + yamlLeaf(v) + "\n")
	}
}

func yamlList(b *strings.Builder, l list, depth int) {
	for _, v := range l {
		if o, ok := v.(object); ok {
			var inner strings.Builder
			yamlObject(&inner, o, depth+1)
			// The first member stands behind the dash, which is as wide as a step.
			b.WriteString(pad(depth) + "- " + strings.TrimPrefix(inner.String(), pad(depth+1)))
			continue
		}
		b.WriteString(pad(depth) + "- " + yamlLeaf(v) + "\n")
	}
}

func yamlLeaf(v any) string {
	switch v := v.(type) {
	case string:
		return string(encode(v))
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	}
	panic(fmt.Sprintf("generate: %T is not a YAML leaf", v))
}

// yamlKey leaves plain words and the types' double colons bare.
func yamlKey(s string) string {
	if isIdentifier(strings.ReplaceAll(s, "::", "")) {
		return s
	}
	return string(encode(s))
}
