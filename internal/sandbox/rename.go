package sandbox

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
)

// rename gives a principal another name in every policy that names it: the new
// ARN of a renamed user, the unique id of what was deleted. The latter is what
// AWS shows, and why a role created anew under the same name is not let in by
// a policy written for the old one.
func (s *state) rename(arn, id string) {
	for _, a := range s.accounts {
		for _, r := range a.roles {
			r.trust = r.trust.replacePrincipal(arn, id)
		}
		for _, reg := range a.registries {
			if reg.policy != nil {
				*reg.policy = reg.policy.replacePrincipal(arn, id)
			}
			for _, repo := range reg.repositories {
				if repo.policy != nil {
					*repo.policy = repo.policy.replacePrincipal(arn, id)
				}
			}
		}
	}
}

// replacePrincipal rewrites the document's text, in Principal elements only: a
// condition on the ARN keeps its words.
func (d policyDocument) replacePrincipal(arn, id string) policyDocument {
	var places []iam.Position
	for _, st := range d.policy.Statements {
		for _, set := range []*iam.Principals{st.Principals, st.NotPrincipals} {
			if set == nil {
				continue
			}
			for _, v := range set.AWS {
				if v.Text == arn {
					places = append(places, v.Pos)
				}
			}
		}
	}
	// From the end to the start, so that no position moves before its turn.
	slices.SortFunc(places, func(a, b iam.Position) int {
		return cmp.Or(cmp.Compare(b.Line, a.Line), cmp.Compare(b.Column, a.Column))
	})
	lines := strings.Split(d.text, "\n")
	for _, at := range places {
		replaceAt(lines, at, arn, id)
	}
	next, err := parsePolicy(strings.Join(lines, "\n"))
	if len(places) == 0 || err != nil {
		return d
	}
	return next
}

// replaceAt replaces a JSON string that starts at a position.
func replaceAt(lines []string, at iam.Position, old, id string) {
	if at.Line < 1 || at.Line > len(lines) {
		return
	}
	line := []rune(lines[at.Line-1]) // columns count characters
	if at.Column < 1 || at.Column > len(line) {
		return
	}
	before, rest := string(line[:at.Column-1]), string(line[at.Column-1:])
	if after, ok := strings.CutPrefix(rest, `"`+old+`"`); ok {
		lines[at.Line-1] = before + `"` + id + `"` + after
	}
}
