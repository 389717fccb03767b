package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const maxPolicyVersions = 5

type policyMetadata struct {
	PolicyName                    string
	PolicyID                      string `xml:"PolicyId"`
	Arn                           string
	Path                          string
	DefaultVersionID              string `xml:"DefaultVersionId"`
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    isoTime
	UpdateDate                    isoTime
	Tags                          members[tagShape] `xml:",omitempty"`
}

func (a *account) policyShape(p *managedPolicy, full bool) policyMetadata {
	s := policyMetadata{
		PolicyName: p.name, PolicyID: p.id, Arn: p.arn, Path: p.path, DefaultVersionID: p.current,
		IsAttachable: true, CreateDate: isoTime(p.created), UpdateDate: isoTime(p.updated),
	}
	for _, e := range a.entities() {
		if slices.Contains(e.attached, p.arn) {
			s.AttachmentCount++
		}
		if e.boundary == p.arn {
			s.PermissionsBoundaryUsageCount++
		}
	}
	if full {
		s.Description, s.Tags = p.description, tagShapes(p.tags)
	}
	return s
}

// entities lists users and roles.
func (a *account) entities() []*entity {
	var list []*entity
	for _, name := range slices.Sorted(maps.Keys(a.users)) {
		list = append(list, &a.users[name].entity)
	}
	for _, name := range slices.Sorted(maps.Keys(a.roles)) {
		list = append(list, &a.roles[name].entity)
	}
	return list
}

func errNoSuchPolicy(arn string) *apiError {
	return apiErrorf(http.StatusNotFound, "NoSuchEntity", "Policy %s does not exist or is not attachable.", printable(arn))
}

// mayPolicy authorizes the operation on the policy that the call names.
func (c *call) mayPolicy() (*managedPolicy, *apiError) {
	arn := c.form.Get("PolicyArn")
	p := c.account().policyNamed(arn)
	var context map[string][]string
	if p != nil {
		context = resourceTags(p.tags)
	}
	if !strings.HasPrefix(arn, "arn:") || len(arn) > 2048 {
		return nil, badRequest("ValidationError", "ARN %s is not valid.", printable(arn))
	}
	if err := c.may(arn, context); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, apiErrorf(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", printable(arn))
	}
	return p, nil
}

// ownPolicy is mayPolicy for calls that change it: AWS's own stay as they are.
func (c *call) ownPolicy() (*managedPolicy, *apiError) {
	p, err := c.mayPolicy()
	if err != nil {
		return nil, err
	}
	if c.account().policies[p.arn] == nil {
		return nil, accessDenied("%s cannot be changed: it is an AWS managed policy", p.arn)
	}
	return p, nil
}

func createPolicy(c *call) (any, *apiError) {
	tags, err := c.formTags()
	if err != nil {
		return nil, err
	}
	name, path := c.form.Get("PolicyName"), pathOr(c.form.Get("Path"))
	if err := c.may(c.account().iamARN("policy", path, name), requestTags(tags)); err != nil {
		return nil, err
	}
	p, err := c.account().newPolicy(name, path, c.form.Get("Description"), c.form.Get("PolicyDocument"), tags, c.now)
	if err != nil {
		return nil, err
	}
	return struct{ Policy policyMetadata }{c.account().policyShape(p, true)}, nil
}

func getPolicy(c *call) (any, *apiError) {
	p, err := c.mayPolicy()
	if err != nil {
		return nil, err
	}
	return struct{ Policy policyMetadata }{c.account().policyShape(p, true)}, nil
}

func listPolicies(c *call) (any, *apiError) {
	if err := c.may(c.account().iamARN("policy", "/", "*"), nil); err != nil {
		return nil, err
	}
	all := map[string]*managedPolicy{}
	if scope := c.form.Get("Scope"); scope != "AWS" {
		maps.Copy(all, c.account().policies)
	}
	if scope := c.form.Get("Scope"); scope != "Local" {
		maps.Copy(all, c.account().awsManaged)
	}
	shapes := []policyMetadata{}
	for _, p := range byName(c, all, func(p *managedPolicy) string { return p.path }) {
		s := c.account().policyShape(p, false)
		if c.form.Get("OnlyAttached") != "true" || s.AttachmentCount > 0 {
			shapes = append(shapes, s)
		}
	}
	list, rest, err := items(c, shapes, func(s policyMetadata) string { return s.Arn })
	if err != nil {
		return nil, err
	}
	return struct {
		Policies members[policyMetadata]
		truncation
	}{list, rest}, nil
}

func deletePolicy(c *call) (any, *apiError) {
	p, err := c.ownPolicy()
	if err != nil {
		return nil, err
	}
	s := c.account().policyShape(p, false)
	switch {
	case s.AttachmentCount > 0 || s.PermissionsBoundaryUsageCount > 0:
		return nil, errDeleteConflict("Cannot delete a policy attached to entities.")
	case len(p.versions) > 1:
		return nil, errDeleteConflict(
			"This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
		)
	}
	delete(c.account().policies, p.arn)
	return nil, nil
}

type versionShape struct {
	Document         string `xml:",omitempty"`
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       isoTime
}

// version finds the version that the call names.
func (c *call) version(p *managedPolicy) (int, *apiError) {
	id := c.form.Get("VersionId")
	i := slices.IndexFunc(p.versions, func(v policyVersion) bool { return v.id == id })
	if i < 0 {
		return 0, apiErrorf(
			http.StatusNotFound,
			"NoSuchEntity",
			"Policy %s version %s does not exist or is not attachable.",
			p.arn,
			printable(id),
		)
	}
	return i, nil
}

func createPolicyVersion(c *call) (any, *apiError) {
	p, err := c.ownPolicy()
	if err != nil {
		return nil, err
	}
	doc, err := parseManagedPolicy(c.form.Get("PolicyDocument"))
	if err != nil {
		return nil, err
	}
	if len(p.versions) >= maxPolicyVersions {
		return nil, apiErrorf(
			http.StatusConflict,
			"LimitExceeded",
			"A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
		)
	}
	v := policyVersion{"v" + strconv.Itoa(p.nextVersion), doc, c.now}
	p.nextVersion++
	p.versions = append(p.versions, v)
	p.updated = c.now
	if c.form.Get("SetAsDefault") == "true" {
		p.current = v.id
	}
	return struct{ PolicyVersion versionShape }{p.versionShape(v, false)}, nil
}

func getPolicyVersion(c *call) (any, *apiError) {
	p, err := c.mayPolicy()
	if err != nil {
		return nil, err
	}
	i, err := c.version(p)
	if err != nil {
		return nil, err
	}
	return struct{ PolicyVersion versionShape }{p.versionShape(p.versions[i], true)}, nil
}

func listPolicyVersions(c *call) (any, *apiError) {
	p, err := c.mayPolicy()
	if err != nil {
		return nil, err
	}
	list := members[versionShape]{}
	for _, v := range slices.Backward(p.versions) {
		list = append(list, p.versionShape(v, false))
	}
	return struct {
		Versions members[versionShape]
		truncation
	}{list, truncation{}}, nil
}

func setDefaultPolicyVersion(c *call) (any, *apiError) {
	p, err := c.ownPolicy()
	if err != nil {
		return nil, err
	}
	i, err := c.version(p)
	if err != nil {
		return nil, err
	}
	p.current, p.updated = p.versions[i].id, c.now
	return nil, nil
}

func deletePolicyVersion(c *call) (any, *apiError) {
	p, err := c.ownPolicy()
	if err != nil {
		return nil, err
	}
	i, err := c.version(p)
	if err != nil {
		return nil, err
	}
	if p.versions[i].id == p.current {
		return nil, errDeleteConflict("Cannot delete the default version of a policy.")
	}
	p.versions = slices.Delete(p.versions, i, i+1)
	return nil, nil
}

type policyUser struct {
	UserName string
	UserID   string `xml:"UserId"`
}

type policyRole struct {
	RoleName string
	RoleID   string `xml:"RoleId"`
}

func listEntitiesForPolicy(c *call) (any, *apiError) {
	p, err := c.mayPolicy()
	if err != nil {
		return nil, err
	}
	answer := struct {
		PolicyGroups members[string]
		PolicyUsers  members[policyUser]
		PolicyRoles  members[policyRole]
		truncation
	}{}
	filter := c.form.Get("EntityFilter")
	for _, e := range c.account().entities() {
		if !slices.Contains(e.attached, p.arn) {
			continue
		}
		switch isUser := strings.HasPrefix(e.id, prefixUser); {
		case isUser && (filter == "" || filter == "User"):
			answer.PolicyUsers = append(answer.PolicyUsers, policyUser{e.name, e.id})
		case !isUser && (filter == "" || filter == "Role"):
			answer.PolicyRoles = append(answer.PolicyRoles, policyRole{e.name, e.id})
		}
	}
	return answer, nil
}
