package sandbox

import (
	"maps"
	"net/http"
	"slices"
)

// entityKind is what differs between users and roles where policies are
// attached to them: the words in the names of operations and answers.
type entityKind struct {
	noun string // "User", "Role"
	may  func(*call) (*entity, *apiError)
}

func userKind() entityKind {
	return entityKind{"User", func(c *call) (*entity, *apiError) {
		u, err := c.mayUser()
		if err != nil {
			return nil, err
		}
		return &u.entity, nil
	}}
}

func roleKind() entityKind {
	return entityKind{"Role", func(c *call) (*entity, *apiError) {
		r, err := c.mayRole()
		if err != nil {
			return nil, err
		}
		return &r.entity, nil
	}}
}

// operations are the calls about inline policies, attached policies,
// boundaries and tags.
func (k entityKind) operations() map[string]operation {
	return map[string]operation{
		"Put" + k.noun + "Policy":                 {run: k.putInline},
		"Get" + k.noun + "Policy":                 {run: k.getInline},
		"Delete" + k.noun + "Policy":              {run: k.deleteInline},
		"List" + k.noun + "Policies":              {run: k.listInline},
		"Attach" + k.noun + "Policy":              {run: k.attach},
		"Detach" + k.noun + "Policy":              {run: k.detach},
		"ListAttached" + k.noun + "Policies":      {run: k.listAttached},
		"Put" + k.noun + "PermissionsBoundary":    {run: k.putBoundary},
		"Delete" + k.noun + "PermissionsBoundary": {run: k.deleteBoundary},
		"Tag" + k.noun:                            {run: k.tag},
		"Untag" + k.noun:                          {run: k.untag},
		"List" + k.noun + "Tags":                  {run: k.listTags},
	}
}

func (k entityKind) putInline(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	name := c.form.Get("PolicyName")
	if err := checkName("policyName", name, maxPolicyName); err != nil {
		return nil, err
	}
	doc, err := parseIdentityPolicy(c.form.Get("PolicyDocument"))
	if err != nil {
		return nil, err
	}
	if err := e.checkInlineSize(k.noun, name, doc.text); err != nil {
		return nil, err
	}
	e.inline[name] = doc
	return nil, nil
}

func (k entityKind) inlinePolicy(c *call) (*entity, string, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, "", err
	}
	name := c.form.Get("PolicyName")
	if _, ok := e.inline[name]; !ok {
		if k.noun == "User" {
			return nil, "", apiErrorf(
				http.StatusNotFound,
				"NoSuchEntity",
				"The user policy with name %s cannot be found.",
				printable(name),
			)
		}
		return nil, "", apiErrorf(
			http.StatusNotFound,
			"NoSuchEntity",
			"The role policy with name %s cannot be found.",
			printable(name),
		)
	}
	return e, name, nil
}

func (k entityKind) getInline(c *call) (any, *apiError) {
	e, name, err := k.inlinePolicy(c)
	if err != nil {
		return nil, err
	}
	answer := struct {
		UserName       string `xml:",omitempty"`
		RoleName       string `xml:",omitempty"`
		PolicyName     string
		PolicyDocument string
	}{PolicyName: name, PolicyDocument: encodeDocument(e.inline[name].text)}
	if k.noun == "User" {
		answer.UserName = e.name
	} else {
		answer.RoleName = e.name
	}
	return answer, nil
}

func (k entityKind) deleteInline(c *call) (any, *apiError) {
	e, name, err := k.inlinePolicy(c)
	if err != nil {
		return nil, err
	}
	delete(e.inline, name)
	return nil, nil
}

func (k entityKind) listInline(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	names, rest, err := items(c, slices.Sorted(maps.Keys(e.inline)), func(s string) string { return s })
	if err != nil {
		return nil, err
	}
	return struct {
		PolicyNames members[string]
		truncation
	}{names, rest}, nil
}

// attachedPolicy reads the policy that an attachment call names.
func (k entityKind) attachedPolicy(c *call) (*entity, string, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, "", err
	}
	arn := c.form.Get("PolicyArn")
	if err := c.may(e.arn, map[string][]string{"iam:PolicyARN": {arn}}); err != nil {
		return nil, "", err
	}
	return e, arn, nil
}

func (k entityKind) attach(c *call) (any, *apiError) {
	e, arn, err := k.attachedPolicy(c)
	if err != nil {
		return nil, err
	}
	if c.account().policyNamed(arn) == nil {
		return nil, errNoSuchPolicy(arn)
	}
	if slices.Contains(e.attached, arn) {
		return nil, nil
	}
	if len(e.attached) >= maxAttached {
		return nil, errLimit("Cannot exceed quota for PoliciesPer%s: %d", k.noun, maxAttached)
	}
	e.attached = append(e.attached, arn)
	return nil, nil
}

func (k entityKind) detach(c *call) (any, *apiError) {
	e, arn, err := k.attachedPolicy(c)
	if err != nil {
		return nil, err
	}
	i := slices.Index(e.attached, arn)
	if i < 0 {
		return nil, apiErrorf(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", printable(arn))
	}
	e.attached = slices.Delete(e.attached, i, i+1)
	return nil, nil
}

type attachedShape struct{ PolicyName, PolicyArn string }

func (k entityKind) listAttached(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	all := []attachedShape{}
	for _, arn := range e.attached {
		if p := c.account().policyNamed(arn); p != nil {
			all = append(all, attachedShape{p.name, arn})
		}
	}
	slices.SortFunc(all, func(a, b attachedShape) int { return compareText(a.PolicyArn, b.PolicyArn) })
	list, rest, err := items(c, all, func(a attachedShape) string { return a.PolicyArn })
	if err != nil {
		return nil, err
	}
	return struct {
		AttachedPolicies members[attachedShape]
		truncation
	}{list, rest}, nil
}

func (k entityKind) putBoundary(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	arn := c.form.Get("PermissionsBoundary")
	if err := c.may(e.arn, map[string][]string{"iam:PermissionsBoundary": {arn}}); err != nil {
		return nil, err
	}
	return nil, e.setBoundary(c.account(), arn)
}

func (k entityKind) deleteBoundary(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	if e.boundary == "" {
		return nil, apiErrorf(http.StatusNotFound, "NoSuchEntity", "%s does not have a permission boundary.", e.name)
	}
	e.boundary = ""
	return nil, nil
}

func (k entityKind) tag(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	return nil, c.addTags(e.tags)
}

func (k entityKind) untag(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	c.removeTags(e.tags)
	return nil, nil
}

func (k entityKind) listTags(c *call) (any, *apiError) {
	e, err := k.may(c)
	if err != nil {
		return nil, err
	}
	return c.tagPage(e.tags)
}
