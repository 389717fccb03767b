package iam

import "fmt"

// Evaluate decides a request and says why. For many requests against the same
// policies, compile them once and use Evaluator.Evaluate.
func Evaluate(r Request, p Policies) Decision { return Compile(p).Evaluate(r) }

// Evaluate decides a request and says why.
func (e *Evaluator) Evaluate(r Request) Decision {
	if err := r.Validate(); err != nil {
		return Decision{
			Effect: ImplicitDeny, Layers: []Layer{}, Statements: []Matched{},
			Missing: &Missing{Why: "this is no request: " + err.Error()},
		}
	}
	var ev evaluation
	ev.begin(&r)
	rec := &recorder{}
	f := e.facts(&ev, rec)
	d := Decision{Effect: f.result(), Layers: []Layer{}, Statements: []Matched{}}
	for _, said := range rec.tallies {
		if layer, shown := e.describe(&ev, &f, said); shown {
			d.Layers = append(d.Layers, layer)
			d.decide(&f, &layer)
		}
	}
	if d.Effect != Allowed {
		d.Missing = missing(&ev, &f, rec, d.Statements)
	}
	if f.always {
		d.Notes = []string{"sts:GetCallerIdentity needs no permission, and no policy can deny it"}
		return d
	}
	d.Notes = e.notes(&ev)
	if d.Missing != nil {
		d.Notes = append(d.Notes, d.Missing.notes(&ev)...)
	}
	return d
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

// describe turns what a layer said into what is told about it.
func (e *Evaluator) describe(ev *evaluation, f *facts, said recorded) (Layer, bool) {
	l := Layer{
		Name: said.kind, Level: said.level, Account: ev.caller.Account,
		Result: ImplicitDeny, Binding: true, Statements: said.matched,
	}
	switch {
	case said.tally.deny:
		l.Result = ExplicitDeny
	case said.tally.allow:
		l.Result = Allowed
	}
	switch said.kind {
	case ResourceControlPolicy:
		l.Account = ev.owner
	case ResourcePolicy:
		if e.resourcePolicies == 0 && !f.needsGrant {
			return l, false
		}
		l.Account, l.Binding = ev.owner, f.needsGrant
		l.Name = ev.resourceKind()
	case IdentityPolicy:
		l.Binding = f.bindsIdentity()
	case PermissionsBoundary, SessionPolicy:
		l.Binding = f.bindsLimits()
	}
	l.Why = why(ev, f, &l)
	if l.Result == ImplicitDeny && l.Binding {
		l.Near = ev.nearMisses(said.layer)
	}
	return l, true
}

// why is one sentence about a layer.
func why(ev *evaluation, f *facts, l *Layer) string {
	name := l.Name.Words()
	if l.Level > 0 {
		name = fmt.Sprintf("%s at level %d", name, l.Level)
	}
	switch l.Result {
	case ExplicitDeny:
		return fmt.Sprintf("a statement of the %s denies %s", name, ev.request.Action)
	case Allowed:
		switch {
		case l.Name == ResourceControlPolicy && len(l.Statements) == 0:
			return "nothing denies; RCPFullAWSAccess, always attached, allows"
		case ev.caller.Kind == Root && len(l.Statements) == 0:
			return "the root user of an account needs no policy that allows"
		case l.Name.ofResource():
			return fmt.Sprintf("the %s allows, by naming %s", name, f.grant.words(ev))
		case l.Name == IdentityPolicy:
			return fmt.Sprintf("the %s allow", name)
		}
		return fmt.Sprintf("the %s allows", name)
	}
	sentence := fmt.Sprintf("no statement of the %s allows %s on %s for %s", name, ev.request.Action, ev.request.Resource, ev.caller.orAnyone())
	if !l.Binding {
		switch {
		case l.Name.ofResource():
			sentence += "; inside one account it does not have to"
		case f.grant > delegatedGrant:
			sentence += "; the resource policy grants it by naming " + f.grant.words(ev)
		}
	}
	return sentence
}

func (g grant) words(ev *evaluation) string {
	if !ev.caller.inside() {
		return "the caller"
	}
	switch g {
	case delegatedGrant:
		return "the account, which leaves the decision to its identity policies"
	case limitedGrant:
		if ev.caller.Kind == FederatedUser {
			return "the user behind it, which boundary and session policy still limit"
		}
		return "the role, which boundary and session policy still limit"
	}
	return "the caller itself or everyone"
}

var kindWords = map[Kind]string{
	ResourceControlPolicy: "resource control policy",
	ServiceControlPolicy:  "service control policy",
	ResourcePolicy:        "resource policy",
	RepositoryPolicy:      "repository policy",
	RegistryPolicy:        "registry policy",
	TrustPolicy:           "trust policy",
	IdentityPolicy:        "identity policies",
	PermissionsBoundary:   "permissions boundary",
	SessionPolicy:         "session policy",
}

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

// statementKind calls the policy that a statement stands in by its own name. Of
// a repository's two, only the registry policy has statements with a Resource.
func (ev *evaluation) statementKind(k Kind, s *statement) Kind {
	switch {
	case k != ResourcePolicy:
		return k
	case ev.assumesRole():
		return TrustPolicy
	case !ev.onRepository():
		return ResourcePolicy
	case s.hasResource:
		return RegistryPolicy
	}
	return RepositoryPolicy
}

// orAnyone names the caller in a sentence.
func (p *Principal) orAnyone() string {
	if p.Kind == Anonymous {
		return "an anonymous caller"
	}
	return p.ARN
}
