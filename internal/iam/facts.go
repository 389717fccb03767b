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

// granted looks ahead to the resource statement that is going to be added: in
// a trust policy inside one account it names the caller, and so frees it from
// its identity policies, and a user from its limits, too.
func (f *facts) granted() (free struct{ identityFree, limitsFree bool }) {
	after := *f
	if after.needsGrant && after.grant == noGrant {
		after.grant = f.addedGrant
	}
	free.identityFree, free.limitsFree = !after.bindsIdentity(), !after.bindsLimits()
	return free
}
