package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/pullpass/pullpass/internal/iam"
)

// replacesNote stands beside a policy that was not merged with the one in force.
const replacesNote = "AWS keeps one policy for each %s: setting this one replaces it, and removes everybody whom only that one names. " +
	"--live reads the policy in force and adds to it; --merge FILE adds to the policy in a file."

// merge puts the statements of the current policy in front of the new ones.
func merge(p *Policy, current []byte) error {
	if _, err := iam.Parse(current); err != nil {
		return fmt.Errorf("reading the policy in force: %w", err)
	}
	root, err := parseObject(current)
	if err != nil {
		return fmt.Errorf("reading the policy in force: %w", err)
	}
	sids := map[string]bool{}
	for _, m := range root {
		switch m.name {
		case "Version":
			p.version, _ = m.value.(string)
		case "Id":
			p.id, _ = m.value.(string)
		case "Statement":
			statements, many := m.value.(list)
			if !many {
				statements = list{m.value}
			}
			for _, s := range statements {
				p.before = append(p.before, s.(object))
				sids[s.(object).text("Sid")] = true
			}
		}
	}
	if p.version == "" {
		p.version = iam.Version2008 // what a document without one means
	}
	added := p.Statements
	p.Statements = nil
	for _, s := range added {
		if p.extend(s) {
			continue
		}
		for n, sid := 2, s.Sid; sids[s.Sid]; n++ {
			s.Sid = sid + strconv.Itoa(n)
		}
		sids[s.Sid] = true
		p.Statements = append(p.Statements, s)
	}
	return nil
}

// sameButPrincipals compares effect, actions and resources. A statement with conditions,
// or other principals than AWS's, is another one.
func sameButPrincipals(before, added object) bool {
	principals, ok := before.value("Principal").(object)
	if !ok || len(principals) != 1 || principals[0].name != "AWS" || slices.Contains(principals.strings("AWS"), "*") {
		return false
	}
	for _, m := range before {
		switch m.name {
		case "Sid", "Principal":
		case "Effect", "Action", "Resource":
			if !slices.Equal(sorted(before.strings(m.name)), sorted(added.strings(m.name))) {
				return false
			}
		default:
			return false
		}
	}
	return len(before.strings("Resource")) == len(added.strings("Resource"))
}

func sorted(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return values
}

// parseObject reads JSON and keeps the order of its members. Numbers become text,
// which AWS takes as the same in a policy.
func parseObject(data []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("a policy is an object")
	}
	return o, nil
}

func parseValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			var out list
			for d.More() {
				v, err := parseValue(d)
				if err != nil {
					return nil, err
				}
				out = append(out, v)
			}
			_, err := d.Token()
			return out, err
		}
		var out object
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			out = append(out, member{name.(string), v})
		}
		_, err := d.Token()
		return out, err
	case json.Number:
		return t.String(), nil
	}
	return t, nil
}
