package iam

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Status is how a step of a story went.
type Status string

func (s Status) outcome() string {
	switch s {
	case StepOK:
		return "allowed"
	case StepDenied:
		return "denied"
	}
	return "not known"
}

// The statuses. Unknown means that a policy that decides could not be read, or that a
// condition asks for what only the real request shows.
const (
	StepOK      Status = "ok"
	StepDenied  Status = "denied"
	StepUnknown Status = "unknown"
	StepNote    Status = "note"
)

// Story tells how somebody got, or did not get, what they asked for.
type Story struct {
	Verb       Verb       `json:"verb"`
	Repository Repository `json:"repository"`
	Status     Status     `json:"status"` // denied if any step is, else unknown if any is
	Steps      []Step     `json:"steps"`
}

// Step is one call, or one thing to know.
type Step struct {
	Title    string `json:"title"`
	Status   Status `json:"status"`
	Action   string `json:"action,omitempty"`
	Resource string `json:"resource,omitempty"`
	Caller   string `json:"caller,omitempty"`
	// Cause says why the step is not ok, in order of importance.
	Cause []string `json:"cause,omitempty"`
	// Unknown names the condition keys that decide and are not known.
	Unknown []string `json:"unknown,omitempty"`
	// Fix says what to do; Additions are the statements that it speaks of.
	Fix       []string   `json:"fix,omitempty"`
	Additions []Addition `json:"additions,omitempty"`
	Claims    []Claim    `json:"claims,omitempty"`
	// Notes are true whether or not the step is ok.
	Notes []string `json:"notes,omitempty"`
}

// aboutProviders tells when the trust policy names a provider, but not the one
// that STS looks for: the same issuer in another account, or another issuer.
func (s *Step) aboutProviders(trust []*Policy, want string) {
	wanted, _ := ParseARN(want)
	var wrong []string
	for _, p := range trust {
		for i := range p.Statements {
			if p.Statements[i].Principals == nil || p.Statements[i].Effect != Allow {
				continue
			}
			for _, v := range p.Statements[i].Principals.Federated {
				if v.Text == want {
					return
				}
				named, ok := ParseARN(v.Text)
				switch {
				case !ok:
				case named.Resource == wanted.Resource && named.Account != wanted.Account:
					wrong = append(
						wrong,
						fmt.Sprintf(
							"the trust policy names the provider of account %s (%s), but STS looks in account %s, which owns the role",
							named.Account,
							v.Text,
							wanted.Account,
						),
					)
				case named.Account == wanted.Account && strings.EqualFold(strings.TrimSuffix(named.Resource, "/"), strings.TrimSuffix(wanted.Resource, "/")):
					wrong = append(
						wrong,
						fmt.Sprintf("the trust policy names %s, and the issuer's URL differs from it in letter case or a slash", v.Text),
					)
				}
			}
		}
	}
	if len(wrong) > 0 && s.Status == StepDenied {
		s.Cause = append(wrong, s.Cause...)
		s.Fix = append([]string{fmt.Sprintf("name %s as the Federated principal", want)}, s.Fix...)
	}
}

// aboutExternalID tells when the trust policy asks for an external id and none
// is given.
func (s *Step) aboutExternalID(trust []*Policy, given string) {
	for _, p := range trust {
		for i := range p.Statements {
			for _, c := range p.Statements[i].Conditions {
				if !equalFold(c.Key.Text, "sts:ExternalId") || p.Statements[i].Effect != Allow {
					continue
				}
				if given == "" {
					s.Notes = append(
						s.Notes,
						fmt.Sprintf("statement %d of the trust policy asks for an external id, and none is given", i),
					)
				}
			}
		}
	}
}

// aboutDuration: STS refuses what no role could have. The role's own maximum
// is no matter of policies.
func (s *Step) aboutDuration(asked time.Duration) {
	if asked == 0 || asked >= 15*time.Minute && asked <= 12*time.Hour {
		return
	}
	s.Status = StepDenied
	s.Cause = append(
		[]string{fmt.Sprintf("%s is asked for, and a session lasts from 15 minutes to 12 hours", asked)},
		s.Cause...)
	s.Fix = append(s.Fix, "ask for 900 to 43200 seconds, and no more than the role's MaxSessionDuration")
}

func (s *Step) aboutChaining(asked time.Duration) {
	if asked <= chainedLimit {
		s.Notes = append(s.Notes, "role chaining: the session lasts one hour at most, whatever the role's own maximum")
		return
	}
	s.Status = StepDenied
	s.Cause = append(
		[]string{
			fmt.Sprintf("%s is asked for, which exceeds the 1 hour session limit for roles assumed by role chaining", asked),
		},
		s.Cause...)
	s.Fix = append(s.Fix, "ask for at most 3600 seconds, or let the role trust the OIDC provider directly")
}

// undecided names the keys that decide. It advises no change of a policy: whether
// one is needed is not known, and a Deny on such a key is there to protect.
func (s *Step) undecided(r Request, p Policies) {
	s.Unknown = r.deciding(p)
	for _, key := range s.Unknown {
		wants := r.wanting(key, p)
		text := key + " decides, and only the real request shows it"
		if len(wants) > 0 {
			text += ": " + strings.Join(wants, "; ")
		}
		s.Cause = append(s.Cause, text)
		s.Fix = append(s.Fix, fmt.Sprintf("say what it is: --context %s=%s", key, sampleOf(key)))
	}
}

// deny fills in cause and fix from a decision.
func (s *Step) deny(d Decision) {
	s.Status = StepDenied
	s.Cause = append(s.Cause, d.Missing.Why)
	for _, l := range d.Layers {
		s.Cause = append(s.Cause, l.Near...)
	}
	s.Additions = d.Missing.Additions
	for _, a := range s.Additions {
		s.Fix = append(s.Fix, fmt.Sprintf("add to the %s of %s, in account %s:", a.Kind.Words(), a.To, a.Account))
	}
	for _, m := range d.Missing.Change {
		s.Fix = append(s.Fix, fmt.Sprintf("change %s: it denies explicitly", m.words()))
	}
}

func (s *Step) write(b *strings.Builder) {
	fmt.Fprintf(b, "%-8s %s\n", s.Status, s.Title)
	if s.Caller != "" {
		fmt.Fprintf(b, "%sas %s on %s\n", indent, s.Caller, s.Resource)
	}
	for i := range s.Claims {
		s.Claims[i].write(b)
	}
	for _, text := range s.Cause {
		fmt.Fprintf(b, "%scause: %s\n", indent, text)
	}
	statements := s.Additions
	for _, text := range s.Fix {
		fmt.Fprintf(b, "%sfix:   %s\n", indent, text)
		if strings.HasSuffix(text, ":") && len(statements) > 0 {
			for line := range strings.Lines(statements[0].Statement.String()) {
				fmt.Fprintf(b, "%s       %s", indent, line)
			}
			b.WriteByte('\n')
			statements = statements[1:]
		}
	}
	for _, text := range s.Notes {
		fmt.Fprintf(b, "%snote:  %s\n", indent, text)
	}
}

// Claim lays what a trust policy asks of one key beside what the token says.
type Claim struct {
	Statement int      `json:"statement"` // in the trust policy, from 0
	Key       string   `json:"key"`
	Operator  string   `json:"operator"`
	Patterns  []string `json:"patterns"`
	Values    []string `json:"values"` // empty: the token has no such claim
	Matched   bool     `json:"matched"`
	Note      string   `json:"note,omitempty"`
}

func (c *Claim) write(b *strings.Builder) {
	verdict := "does not match"
	if c.Matched {
		verdict = "matches"
	}
	fmt.Fprintf(b, "%sclaim: %s %s\n", indent, c.Key, verdict)
	fmt.Fprintf(b, "%s       policy %s %s\n", indent, c.Operator, quoteAll(c.Patterns))
	fmt.Fprintf(b, "%s       token  %s\n", indent, quoteAll(c.Values))
}

func (s *Story) add(step Step) {
	s.Steps = append(s.Steps, step)
	switch {
	case step.Status == StepDenied:
		s.Status = StepDenied
	case step.Status == StepUnknown && s.Status != StepDenied:
		s.Status = StepUnknown
	}
}

// WriteText writes the story in plain text.
func (s *Story) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, s.String())
	return err
}

// String is the story in plain text.
func (s *Story) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", s.Verb, s.Repository.ARN(), s.Status.outcome())
	for i := range s.Steps {
		b.WriteByte('\n')
		s.Steps[i].write(&b)
	}
	return b.String()
}
