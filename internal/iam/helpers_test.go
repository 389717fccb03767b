package iam

import (
	"fmt"
	"strings"
)

const (
	ours   = "111111111111" // where the caller lives
	theirs = "222222222222" // who owns the repository, where it is another's

	ownRepository   = "arn:aws:ecr:eu-west-1:111111111111:repository/team/app"
	theirRepository = "arn:aws:ecr:eu-west-1:222222222222:repository/team/app"
	pullAction      = "ecr:BatchGetImage"

	runnerRole    = "arn:aws:iam::111111111111:role/runner"
	runnerSession = "arn:aws:sts::111111111111:assumed-role/runner/build-7"
	ciUser        = "arn:aws:iam::111111111111:user/ci"
	ciFederated   = ciUser + "#job"
)

// caller parses a principal; behind a # stands the name of a session of it.
func caller(t tester, text string) Principal {
	t.Helper()
	text, session, named := strings.Cut(text, "#")
	p, err := ParsePrincipal(text)
	if err == nil && named {
		p, err = p.WithSession(session)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// docs parses statements into one policy each.
func docs(t tester, statements ...string) []*Policy {
	t.Helper()
	policies := make([]*Policy, len(statements))
	for i, s := range statements {
		policies[i] = mustParse(t, `{"Version":"2012-10-17","Statement":[`+s+`]}`)
	}
	return policies
}

const (
	allowAll = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	denyAll  = `{"Effect":"Deny","Action":"*","Resource":"*"}`
	// allowOther allows something, but not a pull.
	allowOther = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
)

func naming(effect, principal, action string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":%q}`, effect, principal, action)
}

func aws(principal string) string { return fmt.Sprintf(`{"AWS":%q}`, principal) }

// checked evaluates, and insists that Allows says the same.
func checked(t tester, r Request, p Policies) Decision {
	t.Helper()
	d := Evaluate(r, p)
	if got := Compile(p).Allows(&r); got != (d.Effect == Allowed) {
		t.Errorf("Allows(%+v) = %v, Evaluate says %s", r, got, d.Effect)
	}
	return d
}

// tester is what testing.T, testing.F and rapid.T have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}
