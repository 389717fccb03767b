package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

func indented(data []byte, err error) string {
	if err != nil {
		return "invalid policy: " + err.Error()
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return "invalid policy: " + err.Error()
	}
	return b.String()
}

// objectWriter writes JSON objects in a fixed order, which encoding/json does
// for structs only, and without its HTML escapes, which nobody wants in an ARN.
type objectWriter struct {
	bytes.Buffer
	comma bool
}

func (w *objectWriter) begin() {
	w.WriteByte('{')
	w.comma = false
}

func (w *objectWriter) end() {
	w.WriteByte('}')
	w.comma = true
}

func (w *objectWriter) name(name string) {
	if w.comma {
		w.WriteByte(',')
	}
	w.comma = true
	w.string(name)
	w.WriteByte(':')
}

func (w *objectWriter) text(name, value string) {
	w.name(name)
	w.string(value)
}

func (w *objectWriter) string(s string) {
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&w.Buffer, `\u%04x`, r)
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

// values writes nothing for an absent element (nil), [] for an empty one.
func (w *objectWriter) values(name string, values []Value) {
	if values == nil {
		return
	}
	w.name(name)
	w.list(values)
}

func (w *objectWriter) list(values []Value) {
	if len(values) == 1 {
		w.string(values[0].Text)
		return
	}
	w.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			w.WriteByte(',')
		}
		w.string(v.Text)
	}
	w.WriteByte(']')
}

func (w *objectWriter) principals(name string, p *Principals) {
	if p == nil {
		return
	}
	if p.Any {
		w.text(name, "*")
		return
	}
	w.name(name)
	w.begin()
	w.values("AWS", p.AWS)
	w.values("Service", p.Service)
	w.values("Federated", p.Federated)
	w.values("CanonicalUser", p.CanonicalUser)
	w.end()
}

// conditions groups the flat list by operator, as the document has it.
func (w *objectWriter) conditions(conditions []Condition) error {
	w.begin()
	written := map[string]bool{}
	for i, c := range conditions {
		operator := c.Operator.Canonical()
		if written[operator] {
			continue
		}
		written[operator] = true
		w.name(operator)
		w.begin()
		keys := map[string]bool{}
		for _, same := range conditions[i:] {
			if same.Operator.Canonical() != operator {
				continue
			}
			// Two tests of one key are an AND, one list of values is an OR:
			// a document cannot hold the first under one operator.
			key := strings.ToLower(same.Key.Text)
			if keys[key] {
				return fmt.Errorf("%s tests the key %s twice, which a document cannot say", operator, same.Key.Text)
			}
			keys[key] = true
			w.name(same.Key.Text)
			w.list(same.Values)
		}
		w.end()
	}
	w.end()
	return nil
}
