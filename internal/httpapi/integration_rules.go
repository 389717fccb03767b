package httpapi

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// What AWS takes in an AssumeRole; what it would refuse is refused here, with the
// place where it stands.
var (
	rolePath       = regexp.MustCompile(`^role/([\x21-\x7e]+/)?[A-Za-z0-9+=,.@_-]{1,64}$`)
	externalID     = regexp.MustCompile(`^[A-Za-z0-9+=,.@:/_-]{2,}$`)
	sourceIdentity = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{2,64}$`)
	tagText        = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
)

const (
	maxTagKey   = 128
	maxTagValue = 256
	maxTags     = 50

	maxExternalID = 1224
)

// checkSettings says everything that does not fit, so that one attempt is enough.
func checkSettings(i pullpass.Integration) error {
	problems := placeProblems(i)
	if i.Mode == pullpass.ModeWebIdentity && len(i.Chain) == 0 {
		problems = append(problems, "a web identity needs a role to assume")
	}
	for n, hop := range i.Chain {
		for _, problem := range hopProblems(hop, i.Mode == pullpass.ModeWebIdentity && n == 0) {
			problems = append(problems, "role "+strconv.Itoa(n+1)+" "+problem)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "integration_settings", What: cannotSaveIntegration,
		Cause: strings.Join(problems, "; "), Hint: "a region is written eu-west-1, a role arn:aws:iam::222222222222:role/pull"}
}

// placeProblems: an identity of one partition is nobody in another, and a web
// identity is its first role's account's.
func placeProblems(i pullpass.Integration) []string {
	var problems []string
	partition, ok := awsname.PartitionOf(i.Region)
	if !ok {
		problems = append(problems, i.Region+" is not a region of AWS")
	}
	for n, hop := range i.Chain {
		arn, parsed := awsname.ParseARN(hop.RoleARN)
		if !parsed || !isRole(arn) {
			continue // said of the role itself
		}
		if ok && arn.Partition != string(partition) {
			problems = append(problems, "role "+strconv.Itoa(n+1)+" is of the partition "+arn.Partition+", and the region "+i.Region+" of "+string(partition))
		}
		if n == 0 && i.Mode == pullpass.ModeWebIdentity && i.Account != "" && i.Account != arn.Account {
			problems = append(problems, "the account "+i.Account+" is not that of role 1, "+arn.Account)
		}
	}
	return problems
}

// together is all of several refusals as one; nil where there is none.
func together(refusals ...error) error {
	var all []*pullpass.Error
	for _, err := range refusals {
		var e *pullpass.Error
		switch {
		case err == nil:
		case errors.As(err, &e):
			all = append(all, e)
		default:
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	one := *all[0]
	for _, e := range all[1:] {
		one.Cause += "; " + e.Cause
		one.Hint += "; " + e.Hint
	}
	return &one
}

func isRole(arn awsname.ARN) bool {
	return arn.Service == "iam" && arn.Region == "" && awsname.ValidPartition(arn.Partition) && awsname.ValidAccount(arn.Account) && rolePath.MatchString(arn.Resource)
}

// hopProblems: what is assumed by a token takes neither external id, nor source
// identity, nor tags: the token speaks for itself.
func hopProblems(hop pullpass.RoleHop, byToken bool) []string {
	var problems []string
	arn, ok := awsname.ParseARN(hop.RoleARN)
	if !ok || !isRole(arn) {
		problems = append(problems, "is not the ARN of a role")
	}
	if byToken && (hop.ExternalID != "" || hop.SourceIdentity != "" || len(hop.SessionTags) > 0) {
		return append(problems, "is assumed with a token, which carries no external id, source identity or session tags")
	}
	if hop.ExternalID != "" && (len(hop.ExternalID) > maxExternalID || !externalID.MatchString(hop.ExternalID)) {
		problems = append(problems, "has an external id that AWS does not take: 2 to 1,224 letters, digits and + = , . @ : / _ -")
	}
	if hop.SourceIdentity != "" && (!sourceIdentity.MatchString(hop.SourceIdentity) || strings.HasPrefix(hop.SourceIdentity, "aws:")) {
		problems = append(problems, "has a source identity that AWS does not take: 2 to 64 letters, digits and + = , . @ _ -")
	}
	return append(problems, tagProblems(hop.SessionTags)...)
}

func tagProblems(tags map[string]string) []string {
	if len(tags) > maxTags {
		return []string{"has more than 50 session tags"}
	}
	for key, value := range tags {
		switch {
		case key == "" || len([]rune(key)) > maxTagKey || len([]rune(value)) > maxTagValue,
			!tagText.MatchString(key), !tagText.MatchString(value), strings.HasPrefix(strings.ToLower(key), "aws:"):
			return []string{"has a session tag that AWS does not take: keys of 1 to 128, values of up to 256 letters, digits, spaces and _ . : / = + - @, and no key that begins with aws:"}
		}
	}
	return nil
}
