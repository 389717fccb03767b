package iam

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
