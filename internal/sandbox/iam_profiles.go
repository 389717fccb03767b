package sandbox

import (
	"net/http"
)

type profileShape struct {
	Path                string
	InstanceProfileName string
	InstanceProfileID   string `xml:"InstanceProfileId"`
	Arn                 string
	CreateDate          isoTime
	Roles               members[roleShape]
	Tags                members[tagShape] `xml:",omitempty"`
}

func (a *account) profileShape(p *instanceProfile, full bool) profileShape {
	s := profileShape{
		Path:                p.path,
		InstanceProfileName: p.name,
		InstanceProfileID:   p.id,
		Arn:                 p.arn,
		CreateDate:          isoTime(p.created),
	}
	if r := a.roles[p.role]; r != nil {
		s.Roles = members[roleShape]{r.shape(false)}
	}
	if full {
		s.Tags = tagShapes(p.tags)
	}
	return s
}

// mayProfile authorizes the operation on the profile that the call names.
func (c *call) mayProfile() (*instanceProfile, *apiError) {
	name := c.form.Get("InstanceProfileName")
	p := c.account().profiles[name]
	arn := c.account().iamARN("instance-profile", "/", printable(name))
	var context map[string][]string
	if p != nil {
		arn, context = p.arn, resourceTags(p.tags)
	}
	if err := c.may(arn, context); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, apiErrorf(http.StatusNotFound, "NoSuchEntity", "Instance Profile %s cannot be found.", printable(name))
	}
	return p, nil
}

func createInstanceProfile(c *call) (any, *apiError) {
	tags, err := c.formTags()
	if err != nil {
		return nil, err
	}
	name, path := c.form.Get("InstanceProfileName"), pathOr(c.form.Get("Path"))
	if err := c.may(c.account().iamARN("instance-profile", path, name), requestTags(tags)); err != nil {
		return nil, err
	}
	p, err := c.account().newProfile(name, path, tags, c.now)
	if err != nil {
		return nil, err
	}
	return struct{ InstanceProfile profileShape }{c.account().profileShape(p, true)}, nil
}

func getInstanceProfile(c *call) (any, *apiError) {
	p, err := c.mayProfile()
	if err != nil {
		return nil, err
	}
	return struct{ InstanceProfile profileShape }{c.account().profileShape(p, true)}, nil
}

func listInstanceProfiles(c *call) (any, *apiError) {
	if err := c.may(c.account().iamARN("instance-profile", "/", "*"), nil); err != nil {
		return nil, err
	}
	return c.profilePage(func(*instanceProfile) bool { return true })
}

func listInstanceProfilesForRole(c *call) (any, *apiError) {
	r, err := c.mayRole()
	if err != nil {
		return nil, err
	}
	return c.profilePage(func(p *instanceProfile) bool { return p.role == r.name })
}

func (c *call) profilePage(want func(*instanceProfile) bool) (any, *apiError) {
	shapes := []profileShape{}
	for _, p := range byName(c, c.account().profiles, func(p *instanceProfile) string { return p.path }) {
		if want(p) {
			shapes = append(shapes, c.account().profileShape(p, false))
		}
	}
	list, rest, err := items(c, shapes, func(s profileShape) string { return s.InstanceProfileName })
	if err != nil {
		return nil, err
	}
	return struct {
		InstanceProfiles members[profileShape]
		truncation
	}{list, rest}, nil
}

func deleteInstanceProfile(c *call) (any, *apiError) {
	p, err := c.mayProfile()
	if err != nil {
		return nil, err
	}
	if p.role != "" {
		return nil, errDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
	}
	delete(c.account().profiles, p.name)
	return nil, nil
}

// addRoleToInstanceProfile also needs iam:PassRole: whoever may do this hands
// the role's permissions to instances.
func addRoleToInstanceProfile(c *call) (any, *apiError) {
	p, err := c.mayProfile()
	if err != nil {
		return nil, err
	}
	r, arn := c.role()
	if err := c.authorize("iam:PassRole", arn, c.account(), map[string][]string{"iam:PassedToService": {c.account().partition.Service("ec2")}}); err != nil {
		return nil, err
	}
	switch {
	case r == nil:
		return nil, errNoSuchEntity("role", c.form.Get("RoleName"))
	case p.role != "":
		return nil, apiErrorf(
			http.StatusConflict,
			"LimitExceeded",
			"Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
		)
	}
	p.role = r.name
	return nil, nil
}

func removeRoleFromInstanceProfile(c *call) (any, *apiError) {
	p, err := c.mayProfile()
	if err != nil {
		return nil, err
	}
	if name := c.form.Get("RoleName"); p.role != name || name == "" {
		return nil, errNoSuchEntity("role", name)
	}
	p.role = ""
	return nil, nil
}
