package iam

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
