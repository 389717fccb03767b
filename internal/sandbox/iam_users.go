package sandbox

import (
	"net/http"
	"slices"
	"time"

	"github.com/pullpass/pullpass"
)

type userShape struct {
	Path                string
	UserName            string
	UserID              string `xml:"UserId"`
	Arn                 string
	CreateDate          isoTime
	PermissionsBoundary *boundaryShape
	Tags                members[tagShape] `xml:",omitempty"`
}

type user struct {
	entity
	keys []*credential
	mfa  []mfaDevice
}

func (u *user) shape(full bool) userShape {
	s := userShape{Path: u.path, UserName: u.name, UserID: u.id, Arn: u.arn, CreateDate: isoTime(u.created)}
	if full {
		s.PermissionsBoundary = newBoundaryShape(u.boundary)
		s.Tags = tagShapes(u.tags)
	}
	return s
}

// user finds the user that the call names; without a name, the caller.
func (c *call) user() (*user, string) {
	name := c.form.Get("UserName")
	if name == "" && !c.principal.isRole {
		name = c.principal.entity.name
	}
	if u := c.account().users[name]; u != nil {
		return u, u.arn
	}
	return nil, c.account().iamARN("user", "/", printable(name))
}

func (c *call) mayUser() (*user, *apiError) {
	if c.form.Get("UserName") == "" && c.principal.isRole {
		return nil, badRequest("ValidationError", "Must specify userName when calling with non-User credentials")
	}
	u, arn := c.user()
	var context map[string][]string
	if u != nil {
		context = resourceTags(u.tags)
	}
	if err := c.may(arn, context); err != nil {
		return nil, err
	}
	if u == nil {
		return nil, errNoSuchEntity("user", c.form.Get("UserName"))
	}
	return u, nil
}

func createUser(c *call) (any, *apiError) {
	tags, err := c.formTags()
	if err != nil {
		return nil, err
	}
	name, path, boundary := c.form.Get("UserName"), pathOr(c.form.Get("Path")), c.form.Get("PermissionsBoundary")
	context := requestTags(tags)
	if boundary != "" {
		context["iam:PermissionsBoundary"] = []string{boundary}
	}
	if err := c.may(c.account().iamARN("user", path, name), context); err != nil {
		return nil, err
	}
	u, err := c.account().newUser(name, path, boundary, tags, c.now)
	if err != nil {
		return nil, err
	}
	return struct{ User userShape }{u.shape(true)}, nil
}

func getUser(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	return struct{ User userShape }{u.shape(true)}, nil
}

func listUsers(c *call) (any, *apiError) {
	if err := c.may(c.account().iamARN("user", "/", ""), nil); err != nil {
		return nil, err
	}
	users := byName(c, c.account().users, func(u *user) string { return u.path })
	users, rest, err := items(c, users, func(u *user) string { return u.name })
	if err != nil {
		return nil, err
	}
	list := members[userShape]{}
	for _, u := range users {
		list = append(list, u.shape(false))
	}
	return struct {
		Users members[userShape]
		truncation
	}{list, rest}, nil
}

// updateUser renames. Keys follow by name, sessions by the unchanged unique id.
func updateUser(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	name, path := u.name, u.path
	if c.form.Has("NewUserName") {
		name = c.form.Get("NewUserName")
	}
	if c.form.Has("NewPath") {
		path = c.form.Get("NewPath")
	}
	if err := checkName("newUserName", name, maxEntityName); err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	users := c.account().users
	if name != u.name && users[name] != nil {
		return nil, errAlreadyExists("User", name)
	}
	delete(users, u.name)
	users[name] = u
	for _, k := range c.box.state.keys {
		if k.userID == u.id {
			k.userName = name
		}
		if k.session != nil && k.session.ownerID == u.id {
			k.session.owner = name
		}
	}
	old := u.arn
	u.name, u.path, u.arn = name, path, c.account().iamARN("user", path, name)
	c.box.state.rename(old, u.arn)
	return nil, nil
}

func deleteUser(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	if err := u.checkEmpty(); err != nil {
		return nil, err
	}
	if len(u.keys) > 0 {
		return nil, errDeleteConflict("Cannot delete entity, must delete access keys first.")
	}
	delete(c.account().users, u.name)
	c.box.state.rename(u.arn, u.id)
	return nil, nil
}

type accessKeyShape struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      isoTime
}

func keyStatus(k *credential) string {
	if k.inactive {
		return "Inactive"
	}
	return "Active"
}

func createAccessKey(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	if len(u.keys) >= 2 {
		return nil, apiErrorf(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	}
	k := c.box.state.addKey(c.account(), u, newAccessKeyID(prefixAccessKey), pullpass.NewSecret(newSecretKey()), c.now)
	return struct{ AccessKey accessKeyShape }{
		accessKeyShape{u.name, k.id, keyStatus(k), k.secret.Reveal(), isoTime(k.created)},
	}, nil
}

func listAccessKeys(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	list := members[accessKeyShape]{}
	for _, k := range u.keys {
		list = append(list, accessKeyShape{u.name, k.id, keyStatus(k), "", isoTime(k.created)})
	}
	return struct {
		AccessKeyMetadata members[accessKeyShape]
		truncation
	}{list, truncation{}}, nil
}

func updateAccessKey(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	id, status := c.form.Get("AccessKeyId"), c.form.Get("Status")
	i := slices.IndexFunc(u.keys, func(k *credential) bool { return k.id == id })
	if i < 0 {
		return nil, errNoSuchKey(id)
	}
	if status != "Active" && status != "Inactive" {
		return nil, errConstraint("status", "Member must satisfy enum value set: [Active, Inactive]")
	}
	u.keys[i].inactive = status == "Inactive"
	return nil, nil
}

func deleteAccessKey(c *call) (any, *apiError) {
	u, err := c.mayUser()
	if err != nil {
		return nil, err
	}
	if id := c.form.Get("AccessKeyId"); !c.box.state.removeKey(u, id) {
		return nil, errNoSuchKey(id)
	}
	return nil, nil
}

func errNoSuchKey(id string) *apiError {
	return apiErrorf(http.StatusNotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", printable(id))
}

type keyLastUsed struct {
	LastUsedDate isoTime
	ServiceName  string
	Region       string
}

func getAccessKeyLastUsed(c *call) (any, *apiError) {
	k := c.box.state.keys[c.form.Get("AccessKeyId")]
	if k == nil || k.session != nil || k.account != c.account() {
		return nil, errNoSuchKey(c.form.Get("AccessKeyId"))
	}
	u := k.account.users[k.userName]
	if err := c.may(u.arn, nil); err != nil {
		return nil, err
	}
	used := keyLastUsed{isoTime(k.lastUsed), "N/A", "N/A"}
	if !time.Time(used.LastUsedDate).IsZero() {
		used.ServiceName, used.Region = k.lastUse[0], k.lastUse[1]
	}
	return struct {
		UserName          string
		AccessKeyLastUsed keyLastUsed
	}{u.name, used}, nil
}
