package iam

import (
	"fmt"
	"strings"
)

// String tells the decision as a short story: what each layer says, why the
// answer is no, and the statement that would change it.
func (d Decision) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "decision: %s\n", d.Effect)
	for i := range d.Layers {
		d.Layers[i].write(&b)
	}
	if d.Missing != nil {
		d.Missing.write(&b)
	}
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "note:  %s\n", note)
	}
	return b.String()
}

func (l *Layer) write(b *strings.Builder) {
	name := l.Name.Words()
	if l.Level > 0 {
		name = fmt.Sprintf("%s, level %d", name, l.Level)
	}
	fmt.Fprintf(b, "  %-32s %-13s %s\n", name, l.Result, l.Why)
	for _, near := range l.Near {
		fmt.Fprintf(b, "  %-32s %-13s %s\n", "", "", near)
	}
}

func (m *Missing) write(b *strings.Builder) {
	fmt.Fprintf(b, "cause: %s\n", m.Why)
	for _, a := range m.Additions {
		fmt.Fprintf(b, "hint:  add to the %s of %s, in account %s:\n", a.Kind.Words(), a.To, a.Account)
		for line := range strings.Lines(a.Statement.String()) {
			b.WriteString("       " + line)
		}
		b.WriteByte('\n')
	}
	for _, c := range m.Change {
		fmt.Fprintf(b, "hint:  change %s: it denies explicitly\n", c.words())
	}
}

// words points at a statement.
func (m *Matched) words() string {
	sid, level, at := "", "", ""
	if m.Sid != "" {
		sid = " " + quote(m.Sid)
	}
	if m.Level > 0 {
		level = fmt.Sprintf(" (level %d)", m.Level)
	}
	if !m.Position.IsZero() {
		at = " at " + m.Position.String()
	}
	return fmt.Sprintf("statement %d%s of %s %d%s%s", m.Statement, sid, m.Kind.one(), m.Policy, level, at)
}
