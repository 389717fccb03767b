package iam

import (
	"fmt"
)

// statement is a compiled Statement.
type statement struct {
	effect        Effect
	actions       []actionPattern
	resources     []arnPattern
	conditions    []condition
	principals    *principalSet
	notPrincipals *principalSet
	notAction     bool
	hasResource   bool
	notResource   bool
	policy, index int
	sid           string
	pos           Position
}

// allActions: that "*" misses is no surprise worth telling.
func (s *statement) allActions() bool {
	for i := range s.actions {
		if s.actions[i].any {
			return true
		}
	}
	return s.notAction
}

// layer is a compiled set of policies that count as one: a match in any of
// them is a match.
type layer struct {
	kind       Kind
	level      int
	literal    bool // a boundary in the old language: ${ is plain text in it
	statements []statement
}

// Evaluator holds compiled policies. It is immutable and may be used by many
// goroutines at once.
type Evaluator struct {
	resource         layer
	identity         layer
	session          *layer // nil when there is none
	boundaries       []layer
	serviceControl   []layer
	resourceControl  []layer
	resourcePolicies int
}

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

func (e *Evaluator) facts(ev *evaluation, rec *recorder) facts {
	f := facts{boundary: true, session: true, inside: ev.caller.inside()}
	ev.bounded = len(e.boundaries) > 0
	if f.always = f.inside && ev.is("sts", "GetCallerIdentity"); f.always {
		return f // AWS: "No permissions are required", and no policy denies it
	}
	f.crossAccount = f.inside && ev.owner != ev.caller.Account
	f.noResource = ev.isTokenRequest()
	// A key's policy is the root of its trust: identity policies open it only where
	// the key's policy leaves the decision to the account.
	f.needsGrant = !f.inside || f.crossAccount || ev.assumesRole() || ev.usesKey()
	f.foreign = ev.foreignProvider()
	f.addedGrant = directGrant
	if ev.caller.RoleARN != "" || ev.caller.UserARN != "" {
		f.addedGrant = limitedGrant
	}
	if !ev.caller.Linked {
		e.resourceControls(ev, rec, &f)
	}
	if f.inside && !ev.caller.Linked {
		for i := range e.serviceControl {
			t := rec.run(ev, &e.serviceControl[i])
			f.denied = f.denied || t.deny
			f.controlFails = f.controlFails || !t.allow
		}
	}
	if !f.noResource {
		t := rec.run(ev, &e.resource)
		f.denied, f.grant = f.denied || t.deny, t.grant
	}
	if f.inside {
		e.callerSide(ev, rec, &f)
	}
	f.exhausted = ev.work < 0
	return f
}

func (e *Evaluator) resourceControls(ev *evaluation, rec *recorder, f *facts) {
	for i := range e.resourceControl {
		l := &e.resourceControl[i]
		t := rec.run(ev, l)
		if l.grantsEverything() {
			t.allow = true
			rec.adjust(t)
		}
		f.denied = f.denied || t.deny
		f.controlFails = f.controlFails || !t.allow
	}
}

// callerSide runs over the policies of the caller's own account. An account's
// root user needs none of them to allow.
func (e *Evaluator) callerSide(ev *evaluation, rec *recorder, f *facts) {
	root := ev.caller.Kind == Root
	t := rec.run(ev, &e.identity)
	t.allow = t.allow || root
	rec.adjust(t)
	f.denied, f.identity = f.denied || t.deny, t.allow
	for i := range e.boundaries {
		t := rec.run(ev, &e.boundaries[i])
		t.allow = t.allow || root
		rec.adjust(t)
		f.denied, f.boundary = f.denied || t.deny, f.boundary && t.allow
	}
	// A federated user has what its session policies give it, so that none
	// given is nothing given.
	session := e.session
	if session == nil && ev.caller.Kind == FederatedUser {
		session = &layer{kind: SessionPolicy}
	}
	if session != nil {
		t := rec.run(ev, session)
		t.allow = t.allow || root
		rec.adjust(t)
		f.denied, f.session = f.denied || t.deny, t.allow
	}
}

// Allows reports whether the request is allowed. It allocates nothing, unless
// a policy variable has to be filled in.
func (e *Evaluator) Allows(r *Request) bool {
	if !r.wellFormed() {
		return false
	}
	var ev evaluation
	ev.begin(r)
	f := e.facts(&ev, nil)
	return f.result() == Allowed
}

// notes tells what a reader of the policies would overlook: statements that
// AWS would not save, or that cannot have the effect that they seem to have.
func (e *Evaluator) notes(ev *evaluation) []string {
	var notes []string
	each := func(l *layer, what func(*layer, *statement) string) {
		for i := range l.statements {
			s := &l.statements[i]
			if text := what(l, s); text != "" {
				notes = append(
					notes,
					fmt.Sprintf("%s %d, statement %d%s: %s", ev.statementKind(l.kind, s).one(), s.policy, s.index, at(s), text),
				)
			}
		}
	}
	each(&e.resource, func(l *layer, s *statement) string { return resourceNote(ev, s) })
	callers := append([]layer{e.identity}, e.boundaries...)
	callers = append(callers, e.serviceControl...)
	if e.session != nil {
		callers = append(callers, *e.session)
	}
	for i := range callers {
		each(&callers[i], identityNote)
	}
	if ev.caller.Linked && len(e.serviceControl)+len(e.resourceControl) > 0 {
		notes = append(notes, "service and resource control policies do not apply to a service-linked role")
	}
	return notes
}

// Compile prepares policies for many decisions.
func Compile(p Policies) *Evaluator {
	e := &Evaluator{
		resource:         compileLayer(ResourcePolicy, 0, p.Resource),
		identity:         compileLayer(IdentityPolicy, 0, p.Identity),
		serviceControl:   compileLevels(ServiceControlPolicy, p.ServiceControl),
		resourceControl:  compileLevels(ResourceControlPolicy, p.ResourceControl),
		resourcePolicies: len(p.Resource),
	}
	if len(p.Session) > 0 {
		session := compileLayer(SessionPolicy, 0, p.Session)
		e.session = &session
	}
	// An identity has one boundary. Should several be given, each binds.
	for i, b := range p.Boundaries {
		level := 0
		if len(p.Boundaries) > 1 {
			level = i + 1
		}
		l := compileLayer(PermissionsBoundary, level, []*Policy{b})
		l.literal = b != nil && !b.Variables()
		for j := range l.statements {
			l.statements[j].policy = i
		}
		e.boundaries = append(e.boundaries, l)
	}
	return e
}

func compileLevels(kind Kind, levels [][]*Policy) []layer {
	out := make([]layer, len(levels))
	for i, policies := range levels {
		out[i] = compileLayer(kind, i+1, policies)
	}
	return out
}

func compileLayer(kind Kind, level int, policies []*Policy) layer {
	l := layer{kind: kind, level: level}
	count := 0
	for _, p := range policies {
		if p != nil {
			count += len(p.Statements)
		}
	}
	l.statements = make([]statement, 0, count)
	for i, p := range policies {
		if p == nil {
			continue
		}
		for j := range p.Statements {
			l.statements = append(l.statements, compileStatement(&p.Statements[j], p.Variables(), i, j))
		}
	}
	return l
}

func compileStatement(s *Statement, variables bool, policy, index int) statement {
	out := statement{
		effect: s.Effect, policy: policy, index: index, sid: s.Sid, pos: s.Pos,
		notAction:     s.NotActions != nil,
		hasResource:   s.Resources != nil || s.NotResources != nil,
		notResource:   s.NotResources != nil,
		principals:    compilePrincipals(s.Principals),
		notPrincipals: compilePrincipals(s.NotPrincipals),
	}
	for _, a := range append(s.Actions[:len(s.Actions):len(s.Actions)], s.NotActions...) {
		out.actions = append(out.actions, compileAction(a.Text))
	}
	for _, r := range append(s.Resources[:len(s.Resources):len(s.Resources)], s.NotResources...) {
		out.resources = append(out.resources, compileResource(r.Text, variables))
	}
	for _, c := range s.Conditions {
		out.conditions = append(out.conditions, compileCondition(c, variables))
	}
	return out
}

// grantsEverything reports whether a level of resource control policies leaves
// allowing to RCPFullAWSAccess, which AWS attaches everywhere and nobody can
// detach: policies of one's own may only deny.
func (l *layer) grantsEverything() bool {
	for i := range l.statements {
		if l.statements[i].effect == Allow {
			return false
		}
	}
	return true
}
