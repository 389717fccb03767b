package iam

import "strings"

// ParseInput reads a request together with its policies, as
// `pullpass policy evaluate` takes them:
//
//	{"request": {"action", "resource", "principal", "resourceAccount", "context": {key: [values]}},
//	 "identityPolicies": [document…], "resourcePolicies": […], "permissionsBoundaries": […],
//	 "sessionPolicies": […], "serviceControlPolicies": [[document…] for each level], "resourceControlPolicies": [[…]…]}
//
// A principal is a string (see ParsePrincipal) or an object with one of AWS,
// Service, Federated and CanonicalUser, and for a role or a user that federates a "session". Unknown
// fields are refused. Errors are *SyntaxError.
func ParseInput(data []byte) (Request, Policies, error) {
	root, err := parseTree(data)
	if err != nil {
		return Request{}, Policies{}, err
	}
	return inputFrom(root)
}

var inputFields = []string{
	"request", "identityPolicies", "resourcePolicies", "permissionsBoundaries",
	"sessionPolicies", "serviceControlPolicies", "resourceControlPolicies",
}

func inputFrom(root node) (r Request, p Policies, err error) {
	if root.kind != objectNode {
		return r, p, syntaxf(root.pos, "", "the input is an object, this is %s", root.kind)
	}
	found := false
	for _, m := range root.members {
		switch m.key {
		case "request":
			found = true
			r, err = requestFrom(m.value)
		case "identityPolicies":
			p.Identity, err = policiesFrom(m.value)
		case "resourcePolicies":
			p.Resource, err = policiesFrom(m.value)
		case "permissionsBoundaries":
			p.Boundaries, err = policiesFrom(m.value)
		case "sessionPolicies":
			p.Session, err = policiesFrom(m.value)
		case "serviceControlPolicies":
			p.ServiceControl, err = levelsFrom(m.value)
		case "resourceControlPolicies":
			p.ResourceControl, err = levelsFrom(m.value)
		default:
			err = syntaxf(m.pos, didYouMean(m.key, inputFields), "the input has no field %s", quote(m.key))
		}
		if err != nil {
			return Request{}, Policies{}, err
		}
	}
	if !found {
		return r, p, syntaxf(root.pos, "", "the input has no request")
	}
	return r, p, nil
}

func policiesFrom(n node) ([]*Policy, error) {
	if n.kind != arrayNode {
		return nil, syntaxf(n.pos, "put the document in [ ]", "a list of policy documents is expected, this is %s", n.kind)
	}
	policies := make([]*Policy, 0, len(n.items))
	for _, item := range n.items {
		p, err := policyFromNode(item)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return policies, nil
}

func levelsFrom(n node) ([][]*Policy, error) {
	if n.kind != arrayNode {
		return nil, syntaxf(n.pos, "", "a list of levels is expected, each a list of documents; this is %s", n.kind)
	}
	levels := make([][]*Policy, 0, len(n.items))
	for _, item := range n.items {
		level, err := policiesFrom(item)
		if err != nil {
			return nil, err
		}
		levels = append(levels, level)
	}
	return levels, nil
}

var requestFields = []string{"action", "resource", "principal", "resourceAccount", "context"}

func requestFrom(n node) (r Request, err error) {
	if n.kind != objectNode {
		return r, syntaxf(n.pos, "", "a request is an object, this is %s", n.kind)
	}
	has := map[string]bool{}
	for _, m := range n.members {
		has[m.key] = true
		switch m.key {
		case "action":
			if r.Action, err = stringFrom(m); err == nil && !validAction(r.Action) {
				err = syntaxf(m.value.pos, "such as ecr:BatchGetImage", "an action is written service:Name")
			}
		case "resource":
			if r.Resource, err = stringFrom(m); err == nil && !validResource(r.Resource) {
				err = syntaxf(m.value.pos, "such as arn:aws:ecr:eu-west-1:111111111111:repository/team/app",
					`a resource is an ARN of at most %d characters, or "*"`, maxResource)
			}
		case "principal":
			r.Principal, err = callerFrom(m)
		case "resourceAccount":
			if r.ResourceAccount, err = stringFrom(m); err == nil && r.ResourceAccount != "" && !IsAccountID(r.ResourceAccount) {
				err = syntaxf(m.value.pos, "", "an account id has twelve digits")
			}
		case "context":
			r.Context, err = contextFrom(m.value)
		default:
			err = syntaxf(m.pos, didYouMean(m.key, requestFields), "a request has no field %s", quote(m.key))
		}
		if err != nil {
			return Request{}, err
		}
	}
	for _, name := range requestFields[:3] {
		if !has[name] {
			return Request{}, syntaxf(n.pos, "", "the request has no %s", name)
		}
	}
	return r, nil
}

func callerFrom(m member) (Principal, error) {
	if m.value.kind == stringNode {
		return principalAt(m.value)
	}
	if m.value.kind != objectNode {
		return Principal{}, syntaxf(m.value.pos, "", "a principal is a string or an object, this is %s", m.value.kind)
	}
	var who, session *node
	for i := range m.value.members {
		field := &m.value.members[i]
		if field.value.kind != stringNode {
			return Principal{}, syntaxf(field.value.pos, "", "%s is a string, this is %s", quote(field.key), field.value.kind)
		}
		switch field.key {
		case "AWS", "Service", "Federated", "CanonicalUser":
			if who != nil {
				return Principal{}, syntaxf(field.pos, "", "a request has one principal")
			}
			who = &field.value
		case "session":
			session = &field.value
		default:
			return Principal{}, syntaxf(field.pos, didYouMean(field.key, append([]string{"session"}, principalElements...)),
				"a principal has no field %s", quote(field.key))
		}
	}
	if who == nil {
		return Principal{}, syntaxf(m.value.pos, "", "the principal names nobody")
	}
	p, err := principalAt(*who)
	if err != nil || session == nil {
		return p, err
	}
	p, err = p.WithSession(session.text)
	if err != nil {
		return Principal{}, syntaxf(session.pos, "", "%v", err)
	}
	return p, nil
}

func principalAt(n node) (Principal, error) {
	p, err := ParsePrincipal(n.text)
	if err != nil {
		return Principal{}, syntaxf(n.pos, "", "%v", err)
	}
	return p, nil
}

func contextFrom(n node) (map[string][]string, error) {
	if n.kind != objectNode {
		return nil, syntaxf(n.pos, "", "the context is an object of condition keys, this is %s", n.kind)
	}
	context := make(map[string][]string, len(n.members))
	folded := make(map[string]bool, len(n.members))
	for _, m := range n.members {
		name := strings.ToLower(m.key)
		if folded[name] {
			return nil, syntaxf(m.pos, "letter case does not tell keys apart", "duplicate key %s", quote(m.key))
		}
		folded[name] = true
		values, err := valuesFrom(m, func(k nodeKind) bool {
			return k == stringNode || k == numberNode || k == boolNode
		})
		if err != nil {
			return nil, err
		}
		context[m.key] = make([]string, len(values))
		for i, v := range values {
			context[m.key][i] = v.Text
		}
	}
	return context, nil
}
