package lint

import (
	"strconv"
	"strings"
)

func sidRules() []Rule {
	return []Rule{
		{
			ID: "sid-characters", Severity: Error, Title: "A Sid with characters that IAM refuses", Mechanical: true,
			Kinds: []Kind{Identity, Boundary, Session, SCP, Trust},
			Why:   "IAM accepts letters and digits only. (ECR accepts spaces in a repository policy's Sid, which is why examples carry them.)",
			Fix:   "Keep letters and digits only.",
			check: checkSidCharacters,
		},
		{
			ID: "sid-duplicate", Severity: Error, Title: "Two statements with one Sid", Mechanical: true,
			Why:   "AWS refuses the document: a Sid is unique in it.",
			Fix:   "Give each statement its own Sid, or none.",
			check: checkSidDuplicates,
		},
	}
}

func checkSidCharacters(p *pass) {
	used := p.sids()
	p.each(func(s *statement) {
		m := s.element("Sid")
		if m == nil || m.value.kind != '"' {
			return
		}
		plain := alphanumeric(m.value.text)
		switch plain {
		case m.value.text: // an empty one is as good as none
		case "":
			p.report(m, "the Sid has no letter or digit", removeMember(s.node, m))
		default:
			plain = unusedSid(plain, used)
			used[plain] = true
			p.report(
				m.value,
				"the Sid "+quoted(m.value.text)+" has other characters than letters and digits",
				replaceString(m.value, plain),
			)
		}
	})
}

// alphanumeric joins the words of s: "Gitpod access" becomes GitpodAccess.
func alphanumeric(s string) string {
	var b strings.Builder
	upper := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z':
			if upper {
				r -= 'a' - 'A'
			}
			b.WriteRune(r)
			upper = false
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			b.WriteRune(r)
			upper = false
		default:
			upper = b.Len() > 0
		}
	}
	return b.String()
}

// unusedSid appends the smallest number that makes the Sid unique.
func unusedSid(sid string, used map[string]bool) string {
	for n, candidate := 2, sid; ; n++ {
		if !used[candidate] {
			return candidate
		}
		candidate = sid + strconv.Itoa(n)
	}
}

func checkSidDuplicates(p *pass) {
	used, seen := p.sids(), map[string]bool{}
	p.each(func(s *statement) {
		m := s.element("Sid")
		if m == nil || m.value.kind != '"' || m.value.text == "" {
			return
		}
		if !seen[m.value.text] {
			seen[m.value.text] = true
			return
		}
		fresh := unusedSid(m.value.text, used)
		used[fresh] = true
		p.report(
			m.value,
			"the Sid "+quoted(m.value.text)+" is used by an earlier statement, too",
			replaceString(m.value, fresh),
		)
	})
}
