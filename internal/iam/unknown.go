package iam

import (
	"slices"
	"strings"
)

// unknowns is what to take for the condition keys that a real request has and that
// nobody can know from policies alone. A request without one has the keys that its
// context and its principal give, and no others.
type unknowns struct {
	favor bool   // take each as it favors the caller, or each as it harms
	flip  string // the one key that is taken the other way
	asked map[string]string
}

// unknowable lists the keys whose values only the real request shows: who the
// caller's organization is, the way that it takes, what its session carries. A name
// that ends in a slash stands for all keys that begin with it.
var unknowable = []string{
	"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:ResourceOrgID", "aws:ResourceOrgPaths",
	"aws:SourceIp", "aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceVpcArn",
	"aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths",
	"aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "ec2:SourceInstanceARN", "ec2:RoleDelivery",
	"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:TokenIssueTime", "aws:userid",
	"aws:SourceIdentity", "aws:FederatedProvider", "aws:UserAgent", "aws:RequestedRegion",
	"aws:PrincipalTag/", "aws:ResourceTag/", "ecr:ResourceTag/", "iam:ResourceTag/",
}

func isUnknowable(key string) bool {
	return slices.ContainsFunc(unknowable, func(k string) bool {
		if strings.HasSuffix(k, "/") {
			return len(key) > len(k) && equalFold(key[:len(k)], k)
		}
		return equalFold(key, k)
	})
}

// guess answers for a condition on a key that is not known.
func (u *unknowns) guess(key string, effect Effect) bool {
	lower := strings.ToLower(key)
	if _, found := u.asked[lower]; !found {
		u.asked[lower] = key
	}
	favor := u.favor != (u.flip == lower)
	return favor == (effect == Allow)
}
