package sandbox

import (
	"maps"
	"slices"
)

// The claims in which a web identity token carries session tags and a source
// identity: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
const (
	tagsClaim   = "https://aws.amazon.com/tags"
	sourceClaim = "https://aws.amazon.com/source_identity"
)

// tokenTags is what a token says of its session.
type tokenTags struct {
	principal  map[string]string
	transitive []string
	source     string
}

func orObject(v any) (map[string]any, bool) {
	if v == nil {
		return map[string]any{}, true
	}
	object, ok := v.(map[string]any)
	return object, ok
}

// oneText reads "x" or ["x"]: a tag has one value.
func oneText(v any) (string, bool) {
	list, ok := texts(v)
	if !ok || len(list) != 1 {
		return "", false
	}
	return list[0], true
}

func texts(v any) ([]string, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case []any:
		var list []string
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			list = append(list, text)
		}
		return list, true
	}
	return nil, false
}

// actions are the permissions that the token's session needs of the trust policy.
func (t *tokenTags) actions() []string {
	actions := []string{"sts:AssumeRoleWithWebIdentity"}
	if len(t.principal) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if t.source != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

// describe adds the condition keys of the tags.
func (t *tokenTags) describe(context map[string][]string) {
	for k, v := range t.principal {
		context["aws:RequestTag/"+k] = []string{v}
	}
	if len(t.principal) > 0 {
		context["aws:TagKeys"] = slices.Sorted(maps.Keys(t.principal))
	}
	if len(t.transitive) > 0 {
		context["sts:TransitiveTagKeys"] = t.transitive
	}
	if t.source != "" {
		context["sts:SourceIdentity"] = []string{t.source}
	}
}
