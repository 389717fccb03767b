package sandbox

import (
	"time"
)

type roleShape struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               isoTime
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int
	PermissionsBoundary      *boundaryShape
	Tags                     members[tagShape] `xml:",omitempty"`
	RoleLastUsed             *roleLastUsed
}

type roleLastUsed struct {
	LastUsedDate isoTime
	Region       string `xml:",omitempty"`
}

type role struct {
	entity
	description string
	trust       policyDocument
	maxSession  time.Duration
	lastUsed    time.Time
	lastRegion  string
}

// shape shows a role; lists leave out what GetRole adds.
func (r *role) shape(full bool) roleShape {
	s := roleShape{
		Path: r.path, RoleName: r.name, RoleID: r.id, Arn: r.arn, CreateDate: isoTime(r.created),
		AssumeRolePolicyDocument: encodeDocument(r.trust.text), Description: r.description,
		MaxSessionDuration: wholeSeconds(r.maxSession),
	}
	if full {
		s.PermissionsBoundary = newBoundaryShape(r.boundary)
		s.Tags = tagShapes(r.tags)
		s.RoleLastUsed = &roleLastUsed{isoTime(r.lastUsed), r.lastRegion}
	}
	return s
}

// role finds the role that the call names and its ARN, which for a missing one
// is the one that it would have.
func (c *call) role() (*role, string) {
	name := c.form.Get("RoleName")
	if r := c.account().roles[name]; r != nil {
		return r, r.arn
	}
	return nil, c.account().iamARN("role", "/", printable(name))
}

// mayRole authorizes the operation on the role that the call names.
func (c *call) mayRole() (*role, *apiError) {
	r, arn := c.role()
	var context map[string][]string
	if r != nil {
		context = resourceTags(r.tags)
	}
	if err := c.may(arn, context); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errNoSuchEntity("role", c.form.Get("RoleName"))
	}
	return r, nil
}

func resourceTags(tags map[string]string) map[string][]string {
	context := map[string][]string{}
	for k, v := range tags {
		context["aws:ResourceTag/"+k] = []string{v}
		context["iam:ResourceTag/"+k] = []string{v}
	}
	return context
}

func createRole(c *call) (any, *apiError) {
	tags, err := c.formTags()
	if err != nil {
		return nil, err
	}
	maxSession, err := c.seconds("MaxSessionDuration", defaultSession)
	if err != nil {
		return nil, err
	}
	s := roleSettings{
		name: c.form.Get("RoleName"), path: pathOr(c.form.Get("Path")), description: c.form.Get("Description"),
		boundary: c.form.Get("PermissionsBoundary"), trust: c.form.Get("AssumeRolePolicyDocument"),
		maxSession: maxSession, tags: tags,
	}
	context := requestTags(tags)
	if s.boundary != "" {
		context["iam:PermissionsBoundary"] = []string{s.boundary}
	}
	if err := c.may(c.account().iamARN("role", s.path, s.name), context); err != nil {
		return nil, err
	}
	if err := c.checkTrust(s.trust); err != nil {
		return nil, err
	}
	r, err := c.account().newRole(s, c.now)
	if err != nil {
		return nil, err
	}
	return struct{ Role roleShape }{r.shape(true)}, nil
}

// checkTrust refuses a trust policy that names a principal that is not there.
func (c *call) checkTrust(text string) *apiError {
	doc, err := parseTrustPolicy(text)
	if err != nil {
		return err
	}
	if principal := c.box.unknownPrincipal(doc.policy); principal != "" {
		return errMalformedPolicy(`Invalid principal in policy: "AWS":"` + printable(principal) + `"`)
	}
	return nil
}

func getRole(c *call) (any, *apiError) {
	r, err := c.mayRole()
	if err != nil {
		return nil, err
	}
	return struct{ Role roleShape }{r.shape(true)}, nil
}

func listRoles(c *call) (any, *apiError) {
	if err := c.may(c.account().iamARN("role", "/", ""), nil); err != nil {
		return nil, err
	}
	roles := byName(c, c.account().roles, func(r *role) string { return r.path })
	roles, rest, err := items(c, roles, func(r *role) string { return r.name })
	if err != nil {
		return nil, err
	}
	list := members[roleShape]{}
	for _, r := range roles {
		list = append(list, r.shape(false))
	}
	return struct {
		Roles members[roleShape]
		truncation
	}{list, rest}, nil
}

func updateRole(c *call) (any, *apiError) {
	r, err := c.mayRole()
	if err != nil {
		return nil, err
	}
	if c.form.Has("MaxSessionDuration") {
		life, err := c.seconds("MaxSessionDuration", defaultSession)
		if err != nil {
			return nil, err
		}
		if err := checkMaxSession(life); err != nil {
			return nil, err
		}
		r.maxSession = life
	}
	if c.form.Has("Description") {
		r.description = c.form.Get("Description")
	}
	return struct{}{}, nil
}

func updateRoleDescription(c *call) (any, *apiError) {
	r, err := c.mayRole()
	if err != nil {
		return nil, err
	}
	r.description = c.form.Get("Description")
	return struct{ Role roleShape }{r.shape(true)}, nil
}

func updateAssumeRolePolicy(c *call) (any, *apiError) {
	r, err := c.mayRole()
	if err != nil {
		return nil, err
	}
	text := c.form.Get("PolicyDocument")
	if err := c.checkTrust(text); err != nil {
		return nil, err
	}
	r.trust, err = parseTrustPolicy(text)
	return nil, err
}

func deleteRole(c *call) (any, *apiError) {
	r, err := c.mayRole()
	if err != nil {
		return nil, err
	}
	if err := r.checkEmpty(); err != nil {
		return nil, err
	}
	for _, p := range c.account().profiles {
		if p.role == r.name {
			return nil, errDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
	}
	delete(c.account().roles, r.name)
	c.box.state.rename(r.arn, r.id)
	return nil, nil
}
