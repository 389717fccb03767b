package iam

import (
	"errors"
	"strings"
)

// Request is one call as AWS's authorization sees it.
type Request struct {
	Action    string // "ecr:BatchGetImage"
	Resource  string // an ARN, or "*" for actions without a resource
	Principal Principal
	// ResourceAccount owns the resource. It may be empty where the ARN names
	// the account.
	ResourceAccount string
	// Context holds the request's condition keys. Global keys that follow from
	// the principal and the resource need not be given.
	Context map[string][]string

	unknown *unknowns // what to take for keys that are not known, nil for nothing
}

// Longest strings that AWS itself accepts in a request: an ARN of 2,048
// characters, an action of 128.
const (
	maxAction   = 128
	maxResource = 2048
)

// Validate reports what makes the request no request at all. Such a request is
// denied.
func (r *Request) Validate() error {
	switch {
	case !validAction(r.Action):
		return errors.New("an action is written service:Name, such as ecr:BatchGetImage")
	case !validResource(r.Resource):
		return errors.New(`a resource is an ARN of at most 2048 characters, or "*"`)
	}
	return nil
}

func (r *Request) wellFormed() bool { return validAction(r.Action) && validResource(r.Resource) }

// validAction: a request asks for one action. A pattern is a policy's.
func validAction(action string) bool {
	colon := strings.IndexByte(action, ':')
	return 0 < colon && colon < len(action)-1 && len(action) <= maxAction &&
		strings.IndexByte(action, '*') < 0 && strings.IndexByte(action, '?') < 0
}

func validResource(resource string) bool {
	return resource == "*" || strings.HasPrefix(resource, "arn:") && len(resource) <= maxResource
}

// owner returns the account that owns the resource: as given, as the ARN says,
// or the caller's own where neither tells.
func (r *Request) owner(arn *[5]string) string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	if IsAccountID(arn[3]) {
		return arn[3]
	}
	return r.Principal.Account
}

// arnAccount returns the account id in an ARN, or "".
func arnAccount(text string) string {
	arn, _ := splitARN(text)
	if !IsAccountID(arn[3]) {
		return ""
	}
	return arn[3]
}

// Policies are all policies that bear on one request.
type Policies struct {
	Identity []*Policy
	// Resource holds the policies of the resource: a repository's and its
	// registry's, or the trust policy of the role for sts:AssumeRole….
	Resource   []*Policy
	Boundaries []*Policy
	Session    []*Policy
	// ServiceControl and ResourceControl are by level: root, each
	// organizational unit, account.
	ServiceControl  [][]*Policy
	ResourceControl [][]*Policy
}
