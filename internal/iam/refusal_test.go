package iam

import (
	"strings"
	"testing"
)

// TestParseRefusal: the layer that AWS names, and a fix that is of that layer.
func TestParseRefusal(t *testing.T) {
	const who = "arn:aws:sts::111111111111:assumed-role/pull/job"
	const said = "User: " + who + " is not authorized to perform: ecr:BatchGetImage on resource: " + theirRepository
	for _, c := range []struct {
		message  string
		layer    Kind
		explicit bool
		fix      string
	}{
		{said + " because no identity-based policy allows the ecr:BatchGetImage action", IdentityPolicy, false, ""},
		{said + " because no resource-based policy allows the ecr:BatchGetImage action", ResourcePolicy, false, ""},
		{said + " because no permissions boundary allows the ecr:BatchGetImage action", PermissionsBoundary, false,
			"permissions boundary of arn:aws:iam::111111111111:role/pull"},
		{said + " because no service control policy allows the ecr:BatchGetImage action", ServiceControlPolicy, false, "service control policies of account 111111111111"},
		{said + " because no resource control policy allows the ecr:BatchGetImage action", ResourceControlPolicy, false, "organization of account 222222222222"},
		{said + " because no session policy allows the ecr:BatchGetImage action", SessionPolicy, false, "session"},
		{said + " because no VPC endpoint policy allows the ecr:BatchGetImage action", VPCEndpointPolicy, false, "VPC endpoint"},
		{said + " with an explicit deny in a service control policy", ServiceControlPolicy, true, "changes the service control policy"},
		{said + " with an explicit deny in a permissions boundary", PermissionsBoundary, true, "change the statement of the permissions boundary"},
		{said + " with an explicit deny in a permissions boundary policy.", PermissionsBoundary, true, "change the statement of the permissions boundary"},
		{said + " with an explicit deny in a VPC endpoint policy: arn:aws:x", VPCEndpointPolicy, true, "VPC endpoint"},
		{said + " with an explicit deny in an identity-based policy", IdentityPolicy, true, ""},
		{said + " with an explicit deny", "", true, ""},
		{said, "", false, ""},
	} {
		r, ok := ParseRefusal("AccessDenied: " + c.message + "\nrequest id 1")
		if !ok || r.Principal != who || r.Action != "ecr:BatchGetImage" || r.Resource != theirRepository || r.Layer != c.layer || r.Explicit != c.explicit {
			t.Errorf("ParseRefusal(%q) = %+v, %v; want layer %q, explicit %v", c.message, r, ok, c.layer, c.explicit)
		}
		if got := r.Fix(); c.fix == "" && got != "" || !strings.Contains(got, c.fix) {
			t.Errorf("%q: fix %q, want %q in it", c.message, got, c.fix)
		}
		if (r.Cause() == "") != (r.Fix() == "") {
			t.Errorf("%q: cause %q beside fix %q", c.message, r.Cause(), r.Fix())
		}
	}
	if _, ok := ParseRefusal("access denied"); ok {
		t.Error("a sentence that is not AWS's is read")
	}
}

// TestRefusalsAreRead: what the evaluator words as AWS does is read back.
func TestRefusalsAreRead(t *testing.T) {
	r := Request{Action: pullAction, Resource: ownRepository, Principal: caller(t, runnerSession)}
	for want, p := range map[Kind]Policies{
		IdentityPolicy:       {},
		PermissionsBoundary:  {Identity: docs(t, allowAll), Boundaries: docs(t, allowOther)},
		SessionPolicy:        {Identity: docs(t, allowAll), Session: docs(t, allowOther)},
		ServiceControlPolicy: {Identity: docs(t, allowAll), ServiceControl: [][]*Policy{docs(t, denyAll)}},
	} {
		d := Evaluate(r, p)
		text := d.Denial(&r)
		if got, ok := ParseRefusal(text); !ok || got.Layer != want {
			t.Errorf("%q is read as %+v, want layer %s", text, got, want)
		}
	}
}
