package lint

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

// edit replaces a span of the text.
type edit struct {
	span
	text     string
	from, to iam.Position // of the span, filled in when the finding is reported
}

// apply makes the edits of as many findings as do not touch each other, all of
// a finding's or none. The rest waits for the next pass over the new text.
func apply(data []byte, findings []Finding) ([]byte, []Finding) {
	var edits []edit
	var done []Finding
	for _, f := range findings {
		// Two findings may ask for the very same edit; one makes both right.
		fresh := slices.DeleteFunc(slices.Clone(f.edits), func(e edit) bool { return slices.Contains(edits, e) })
		if len(f.edits) == 0 || touches(edits, fresh) {
			continue
		}
		edits = append(edits, fresh...)
		done = append(done, f)
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out bytes.Buffer
	last := 0
	for _, e := range edits {
		out.Write(data[last:e.start])
		out.WriteString(e.text)
		last = e.end
	}
	out.Write(data[last:])
	return out.Bytes(), done
}

func touches(taken, wanted []edit) bool {
	for _, a := range taken {
		for _, b := range wanted {
			if a.start <= b.end && b.start <= a.end {
				return true
			}
		}
	}
	return false
}

func replace(at located, text string) edit { return edit{span: at.location(), text: text} }

func insert(offset int, text string) edit { return edit{span: span{offset, offset}, text: text} }

// replaceString replaces a string by another, quoted.
func replaceString(n located, text string) edit { return replace(n, quoted(text)) }

// removeMember takes a member out of its object, with the comma that becomes
// superfluous.
func removeMember(object *node, m *member) edit {
	i := slices.Index(object.members, m)
	switch {
	case i < len(object.members)-1:
		return edit{span: span{m.key.start, object.members[i+1].key.start}}
	case i > 0:
		return edit{span: span{object.members[i-1].value.end, m.value.end}}
	}
	return edit{span: m.location()}
}

// removeItem takes an item out of a list.
func removeItem(items []*node, n *node) edit {
	i := slices.Index(items, n)
	switch {
	case i < len(items)-1:
		return edit{span: span{n.start, items[i+1].start}}
	case i > 0:
		return edit{span: span{items[i-1].end, n.end}}
	}
	return edit{span: n.span}
}

// keepItems rewrites a list, on one line, to the texts that are kept.
func keepItems(n *node, keep []string) edit {
	if len(keep) == 1 && n.kind == '"' {
		return replaceString(n, keep[0])
	}
	words := make([]string, len(keep))
	for i, k := range keep {
		words[i] = quoted(k)
	}
	return replace(n, "["+strings.Join(words, ", ")+"]")
}

// addMember puts a member at the end of an object.
func addMember(object *node, text string) edit {
	if len(object.members) == 0 {
		return insert(object.start+1, text)
	}
	return insert(object.members[len(object.members)-1].value.end, ", "+text)
}

// quoted writes s as a JSON string, without escaping what need not be.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
