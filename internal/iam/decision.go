package iam

import (
	"fmt"
	"strings"
)

// Result is what a layer, or all of them together, say.
type Result string

// The results, with AWS's own names.
const (
	Allowed      Result = "allowed"
	ExplicitDeny Result = "explicitDeny"
	ImplicitDeny Result = "implicitDeny"
)

// Kind is a kind of policy.
type Kind string

// Words names a layer in a sentence.
func (k Kind) Words() string { return kindWords[k] }

// one names a single policy of that kind.
func (k Kind) one() string {
	if k == IdentityPolicy {
		return "identity policy"
	}
	return k.Words()
}

// ofResource reports whether policies of this kind stand with the resource.
func (k Kind) ofResource() bool {
	switch k {
	case ResourcePolicy, RepositoryPolicy, RegistryPolicy, TrustPolicy:
		return true
	}
	return false
}

func (k Kind) said() string {
	if k == VPCEndpointPolicy {
		return "VPC endpoint's policy"
	}
	return k.Words()
}

// The kinds of policies, in the order in which their layers are told.
const (
	ResourceControlPolicy Kind = "resourceControlPolicy"
	ServiceControlPolicy  Kind = "serviceControlPolicy"
	ResourcePolicy        Kind = "resourcePolicy"
	RepositoryPolicy      Kind = "repositoryPolicy"
	RegistryPolicy        Kind = "registryPolicy"
	TrustPolicy           Kind = "trustPolicy"
	IdentityPolicy        Kind = "identityPolicy"
	PermissionsBoundary   Kind = "permissionsBoundary"
	SessionPolicy         Kind = "sessionPolicy"
)

// Decision is the answer to a request, and why.
type Decision struct {
	Effect Result  `json:"decision"`
	Layers []Layer `json:"layers"`
	// Statements are those that decided: all explicit denies, or for an
	// allowed request the allows that it rests on.
	Statements []Matched `json:"statements"`
	// Missing is set for a denial.
	Missing *Missing `json:"missing,omitempty"`
	// Notes tell what is true but easily overlooked, such as a statement that
	// has no effect in its kind of policy.
	Notes []string `json:"notes,omitempty"`
}

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

// Denial is the sentence with which AWS refuses the request, or "" if the
// request is allowed.
func (d *Decision) Denial(r *Request) string {
	if d.Effect == Allowed {
		return ""
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s",
		r.Principal.arnOrAnonymous(), r.Action, r.Resource)
	for _, l := range d.Layers {
		switch {
		case l.Result == ExplicitDeny && d.Effect == ExplicitDeny:
			return text + " with an explicit deny in a" + article(deniedBecause[l.Name])
		case l.Result == ImplicitDeny && d.Effect == ImplicitDeny && l.Binding:
			return text + " because no " + deniedBecause[l.Name] + " allows the " + r.Action + " action"
		}
	}
	return text
}

// decide adds the layer's statements that the decision rests on.
func (d *Decision) decide(f *facts, l *Layer) {
	for _, m := range l.Statements {
		switch d.Effect {
		case ExplicitDeny:
			if m.Effect == Deny {
				d.Statements = append(d.Statements, m)
			}
		case Allowed:
			carries := l.Binding || (l.Name.ofResource() && !f.bindsIdentity())
			if carries && m.Effect == Allow {
				d.Statements = append(d.Statements, m)
			}
		}
	}
}

// Layer is one layer's say.
type Layer struct {
	Name Kind `json:"name"`
	// Level counts the levels of service and resource control policies from 1,
	// the root; 0 elsewhere.
	Level   int    `json:"level,omitempty"`
	Account string `json:"account,omitempty"` // whose policy it is
	Result  Result `json:"result"`
	// Binding is false where this layer's implicit deny does not matter,
	// because another layer grants what it would have to.
	Binding    bool      `json:"binding"`
	Statements []Matched `json:"statements"`
	Why        string    `json:"why"`
	// Near tells of statements that were meant to allow and do not.
	Near []string `json:"near,omitempty"`
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

// Matched points at a statement that matched the request.
type Matched struct {
	Kind      Kind     `json:"policyKind"`
	Level     int      `json:"level,omitempty"`
	Policy    int      `json:"policy"`    // index in the list of policies that it was given in, from 0
	Statement int      `json:"statement"` // index in the policy, from 0
	Sid       string   `json:"sid,omitempty"`
	Effect    Effect   `json:"effect"`
	Position  Position `json:"position"`
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

// Missing says what would turn a denial into an allowed request.
type Missing struct {
	// Why is one sentence about the denial.
	Why string `json:"why"`
	// Additions are the smallest statements that together allow the request:
	// without any one of them, or its principal, action or resource, it is
	// denied again. Conditions are the exception. No request needs one to be
	// allowed, but without one a statement for a web identity, a service or an
	// external id would allow everyone whom the same provider, service or
	// account vouches for; with it, it allows this caller only. Empty where no
	// addition can help.
	Additions []Addition `json:"additions,omitempty"`
	// Change names the statements that deny explicitly: they have to be
	// changed.
	Change []Matched `json:"change,omitempty"`
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

// notes warns of a principal that had to be guessed.
func (m *Missing) notes(ev *evaluation) []string {
	if ev.caller.Kind != RoleSession || ev.caller.Path != "" {
		return nil
	}
	for _, a := range m.Additions {
		if p := a.Statement.Principals; p != nil && !p.Any {
			return []string{
				fmt.Sprintf(
					"a session's ARN does not show its role's path: if the role %s has one, name its whole ARN instead of %s",
					ev.caller.Name,
					ev.caller.RoleARN,
				),
			}
		}
	}
	return nil
}

// Addition is one statement and where it belongs.
type Addition struct {
	Kind    Kind   `json:"policy"`
	Level   int    `json:"level,omitempty"`
	Account string `json:"account"`
	// To is what the policy is attached to: a principal's or resource's ARN.
	To        string    `json:"to"`
	Statement Statement `json:"statement"`
}

// Document returns a policy that holds just this statement.
func (a Addition) Document() *Policy {
	return &Policy{Version: Version2012, Statements: []Statement{a.Statement}}
}
