package iam

// facts is everything that the answer depends on. Allows, Evaluate and the
// missing statements read nothing else.
type facts struct {
	always bool // the request needs no permission, and nothing can deny it
	denied bool
	// controlFails: a service or resource control level does not allow.
	controlFails bool
	grant        grant
	identity     bool
	boundary     bool // true if there is none
	session      bool // true if there is none

	inside       bool // the caller has an account with identity policies
	crossAccount bool
	needsGrant   bool  // the resource's policy must allow
	noResource   bool  // no resource policy has any effect
	foreign      bool  // a web identity through another account's provider
	exhausted    bool  // the comparisons exceeded the limit
	addedGrant   grant // what naming the caller in the resource policy would give
}

// recorder keeps what each layer said, for Evaluate. It is nil on the hot path.
type recorder struct {
	tallies []recorded
}

type recorded struct {
	*layer
	tally   tally
	matched []Matched
}

func (rec *recorder) run(ev *evaluation, l *layer) tally {
	if rec == nil {
		return ev.tally(l, nil)
	}
	r := recorded{layer: l, matched: []Matched{}}
	r.tally = ev.tally(l, &r.matched)
	rec.tallies = append(rec.tallies, r)
	return r.tally
}

// adjust rewrites the last tally where AWS allows without a statement.
func (rec *recorder) adjust(t tally) {
	if rec != nil {
		rec.tallies[len(rec.tallies)-1].tally = t
	}
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

func (f *facts) result() Result {
	switch {
	case f.always:
		return Allowed
	case f.denied:
		return ExplicitDeny
	case f.exhausted, f.foreign, f.controlFails, f.needsGrant && f.grant == noGrant:
		return ImplicitDeny
	case f.identity || !f.bindsIdentity():
		if (f.boundary || !f.bindsLimits()) && (f.session || !f.bindsLimits()) {
			return Allowed
		}
	}
	return ImplicitDeny
}

// bindsIdentity reports whether the identity policies have to allow. Inside
// one account a resource policy that names the caller, or everyone, is enough.
func (f *facts) bindsIdentity() bool {
	return f.inside && (f.crossAccount || f.grant < limitedGrant)
}

// bindsLimits reports whether an implicit deny of boundary and session policy
// counts.
func (f *facts) bindsLimits() bool {
	return f.inside && (f.crossAccount || f.grant < directGrant)
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
