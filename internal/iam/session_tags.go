package iam

import (
	"maps"
	"slices"
	"strings"
)

// sessionTagsClaim is where a token carries the tags of the session that it becomes
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html).
const sessionTagsClaim = "https://aws.amazon.com/tags"

// SessionTags reads the session tags of a token's claims: the principal's, and the keys
// of those that further roles inherit. A tag has one value.
func SessionTags(claims map[string]any) (tags map[string]string, transitive []string) {
	outer, _ := claims[sessionTagsClaim].(map[string]any)
	nested, _ := outer["principal_tags"].(map[string]any)
	principal := maps.Clone(nested)
	for claim, value := range claims { // the other form: a claim for each tag
		if key, flat := strings.CutPrefix(claim, sessionTagsClaim+"/principal_tags/"); flat {
			if principal == nil {
				principal = map[string]any{}
			}
			principal[key] = value
		}
	}
	for key, value := range principal {
		if texts, err := claimValues(value); err == nil && len(texts) == 1 {
			if tags == nil {
				tags = map[string]string{}
			}
			tags[key] = texts[0]
		}
	}
	if keys, err := claimValues(outer["transitive_tag_keys"]); err == nil {
		transitive = keys
	}
	return tags, transitive
}

// tagContext are the condition keys that session tags make in the request for the
// session.
func tagContext(tags map[string]string, transitive []string) map[string][]string {
	context := map[string][]string{}
	for key, value := range tags {
		context["aws:RequestTag/"+key] = []string{value}
	}
	if len(tags) > 0 {
		context["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	}
	if len(transitive) > 0 {
		context["sts:TransitiveTagKeys"] = transitive
	}
	return context
}
