package sandbox

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultMaxItems = 100

func (b *Sandbox) iamService() *service {
	operations := map[string]operation{
		"CreateRole": {run: createRole}, "GetRole": {run: getRole}, "ListRoles": {run: listRoles},
		"UpdateRole": {run: updateRole}, "UpdateRoleDescription": {run: updateRoleDescription},
		"UpdateAssumeRolePolicy": {run: updateAssumeRolePolicy}, "DeleteRole": {run: deleteRole},

		"CreateUser": {run: createUser}, "GetUser": {run: getUser}, "ListUsers": {run: listUsers},
		"UpdateUser": {run: updateUser}, "DeleteUser": {run: deleteUser},
		"CreateAccessKey": {run: createAccessKey}, "ListAccessKeys": {run: listAccessKeys},
		"UpdateAccessKey": {run: updateAccessKey}, "DeleteAccessKey": {run: deleteAccessKey},
		"GetAccessKeyLastUsed": {run: getAccessKeyLastUsed},

		"CreatePolicy": {run: createPolicy}, "GetPolicy": {run: getPolicy}, "ListPolicies": {run: listPolicies},
		"DeletePolicy": {run: deletePolicy}, "CreatePolicyVersion": {run: createPolicyVersion},
		"GetPolicyVersion": {run: getPolicyVersion}, "ListPolicyVersions": {run: listPolicyVersions},
		"SetDefaultPolicyVersion": {run: setDefaultPolicyVersion}, "DeletePolicyVersion": {run: deletePolicyVersion},
		"ListEntitiesForPolicy": {run: listEntitiesForPolicy},

		"CreateOpenIDConnectProvider": {run: createProvider}, "GetOpenIDConnectProvider": {run: getProvider},
		"ListOpenIDConnectProviders": {run: listProviders}, "DeleteOpenIDConnectProvider": {run: deleteProvider},
		"UpdateOpenIDConnectProviderThumbprint":   {run: updateThumbprint},
		"AddClientIDToOpenIDConnectProvider":      {run: addClientID},
		"RemoveClientIDFromOpenIDConnectProvider": {run: removeClientID},

		"CreateInstanceProfile": {run: createInstanceProfile}, "GetInstanceProfile": {run: getInstanceProfile},
		"ListInstanceProfiles": {run: listInstanceProfiles}, "DeleteInstanceProfile": {run: deleteInstanceProfile},
		"ListInstanceProfilesForRole":   {run: listInstanceProfilesForRole},
		"AddRoleToInstanceProfile":      {run: addRoleToInstanceProfile},
		"RemoveRoleFromInstanceProfile": {run: removeRoleFromInstanceProfile},

		"ListAccountAliases": {run: listAccountAliases}, "ListMFADevices": {run: listMFADevices},
	}
	for _, k := range []entityKind{userKind(), roleKind()} {
		maps.Copy(operations, k.operations())
	}
	maps.Copy(operations, tagOperations())
	maps.Copy(operations, absentOperations())
	return &service{
		name:       "iam",
		protocol:   queryProtocol{namespace: "https://iam.amazonaws.com/doc/2010-05-08/", version: "2010-05-08"},
		operations: operations,
	}
}

// may authorizes the running IAM operation on a resource.
func (c *call) may(resource string, context map[string][]string) *apiError {
	return c.authorize("iam:"+c.operation, resource, c.principal.account, context)
}

// account is where an IAM call acts: always the caller's own.
func (c *call) account() *account { return c.principal.account }

// encodeDocument writes a policy document as IAM's answers carry it.
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// truncation is the end of every IAM list.
type truncation struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// items cuts one page out of a list, in IAM's way.
func items[T any](c *call, all []T, key func(T) string) ([]T, truncation, *apiError) {
	size := defaultMaxItems
	if text := c.form.Get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return nil, truncation{}, errConstraint("maxItems", "Member must have value less than or equal to 1000")
		}
		size = n
	}
	list, next, err := page(all, pageInput{MaxResults: &size, NextToken: c.form.Get("Marker")}, key)
	if err != nil {
		return nil, truncation{}, badRequest("ValidationError", "Invalid Marker")
	}
	return list, truncation{next != "", next}, nil
}

// byName lists the values of a map in the order of its keys, where their path
// has the prefix that the call asks for.
func byName[T any](c *call, all map[string]T, path func(T) string) []T {
	prefix := c.form.Get("PathPrefix")
	list := make([]T, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(path(all[name]), prefix) {
			list = append(list, all[name])
		}
	}
	return list
}

type tagShape struct{ Key, Value string }

func tagShapes(tags map[string]string) members[tagShape] {
	list := members[tagShape]{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tagShape{k, tags[k]})
	}
	return list
}

// formTags reads the Tags parameter.
func (c *call) formTags() (map[string]string, *apiError) {
	tags := map[string]string{}
	for _, t := range c.structs("Tags") {
		key := t["Key"]
		if _, twice := tags[key]; twice {
			return nil, badRequest("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if key == "" || len(key) > 128 || len(t["Value"]) > 256 {
			return nil, errConstraint("tags", "A tag's key has 1 to 128 characters, its value at most 256")
		}
		tags[key] = t["Value"]
	}
	if len(tags) > 50 {
		return nil, badRequest("LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return tags, checkTags(tags)
}

func listAccountAliases(c *call) (any, *apiError) {
	if err := c.may("*", nil); err != nil {
		return nil, err
	}
	aliases := members[string]{}
	if alias := c.account().alias; alias != "" {
		aliases = append(aliases, alias)
	}
	return struct {
		AccountAliases members[string]
		truncation
	}{aliases, truncation{}}, nil
}

// absentOperations answer about what the sandbox's users never have: clients
// ask before they delete a user.
func absentOperations() map[string]operation {
	empty := map[string]any{
		"ListGroupsForUser": struct {
			Groups members[string]
			truncation
		}{},
		"ListSSHPublicKeys": struct {
			SSHPublicKeys members[string]
			truncation
		}{},
		"ListSigningCertificates": struct {
			Certificates members[string]
			truncation
		}{},
		"ListServiceSpecificCredentials": struct {
			ServiceSpecificCredentials members[string]
		}{},
		"ListVirtualMFADevices": struct {
			VirtualMFADevices members[string]
			truncation
		}{},
	}
	operations := map[string]operation{}
	for name, answer := range empty {
		operations[name] = operation{run: func(c *call) (any, *apiError) {
			resource := "*"
			if c.form.Has("UserName") {
				u, arn := c.user()
				if u == nil {
					return nil, errNoSuchEntity("user", c.form.Get("UserName"))
				}
				resource = arn
			}
			return answer, c.may(resource, nil)
		}}
	}
	for _, name := range []string{"GetLoginProfile", "DeleteLoginProfile"} {
		operations[name] = operation{run: func(c *call) (any, *apiError) {
			_, arn := c.user()
			if err := c.may(arn, nil); err != nil {
				return nil, err
			}
			return nil, apiErrorf(
				404,
				"NoSuchEntity",
				"Login Profile for User %s cannot be found.",
				printable(c.form.Get("UserName")),
			)
		}}
	}
	return operations
}

// boundaryShape is how answers show a permissions boundary.
type boundaryShape struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

func newBoundaryShape(arn string) *boundaryShape {
	if arn == "" {
		return nil
	}
	return &boundaryShape{"Policy", arn}
}

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }
