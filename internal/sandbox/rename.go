package sandbox

import (
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
