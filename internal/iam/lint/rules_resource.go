package lint

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
)

func resourceRules() []Rule {
	kinds := []Kind{Identity, Boundary, Session, SCP, Registry}
	return []Rule{
		{
			ID: "resource-service-wildcard", Severity: Error, Title: "A wildcard in an ARN's service", Kinds: kinds,
			Why:   "AWS refuses wildcards there: the vendor or service has to be spelt out.",
			Fix:   "Write arn:aws:ecr:….",
			check: checkServiceWildcards,
		},
		{
			ID: "resource-repository-word", Severity: Error, Title: "The word repository/ is missing", Kinds: kinds, Mechanical: true,
			Why:   "ECR's only kind of resource is repository/NAME: without the word, the ARN matches nothing.",
			Fix:   "Write arn:aws:ecr:REGION:ACCOUNT:repository/NAME.",
			check: checkRepositoryWord,
		},
		{
			ID: "resource-image", Severity: Error, Title: "An image where a repository belongs", Kinds: kinds, Mechanical: true,
			Why:   "Resources are repositories by ARN. AWS refuses a registry's host name, and no ARN ends in a tag or digest.",
			Fix:   "Write the repository's ARN, without tag or digest.",
			check: checkImages,
		},
		{
			ID: "resource-invalid", Severity: Error, Title: "Not a resource", Kinds: kinds,
			Why:   "AWS refuses a resource that is neither \"*\" nor an ARN.",
			Fix:   "Write arn:aws:ecr:REGION:ACCOUNT:repository/NAME.",
			check: checkResourceForm,
		},
		{
			ID: "resource-refused", Severity: Error, Title: "An ARN that AWS refuses to save", Kinds: kinds,
			Why: "IAM checks the parts of an ARN: a partition that exists, no region in the ARNs of IAM and STS, 12 digits, * or nothing as the " +
				"account, and six parts.",
			Fix:   "Write the ARN as the service documents it.",
			check: checkRefusedResources,
		},
		{
			ID: "resource-matches-nothing", Severity: Warning, Title: "An ARN that no repository has", Kinds: kinds, Mechanical: true,
			Why:   "The statement is saved and allows nothing: a repository's ARN has its region and account, in the region's own partition, and a lower-case name.",
			Fix:   "Correct the part that is named.",
			check: checkImpossibleARNs,
		},
		{
			ID: "resource-any", Severity: Info, Title: "Every repository", Kinds: []Kind{Identity, Session},
			Why:   "\"*\" opens every repository of the account, and those of other accounts that let this identity in.",
			Fix:   "List the repositories' ARNs; only ecr:GetAuthorizationToken needs \"*\".",
			check: checkAnyResource,
		},
	}
}

// eachResource calls check with every resource that is meant as an ARN.
func (p *pass) eachResource(check func(s *statement, r *node)) {
	p.each(func(s *statement) {
		for _, r := range append(slices.Clone(s.resources), s.strings("NotResource")...) {
			if strings.Trim(r.text, "*") != "" && placeholder(r.text) == "" && !p.full() {
				check(s, r)
			}
		}
	})
}

// repositoryARN takes an ECR ARN apart, wildcards included.
func repositoryARN(text string) (iam.ARN, bool) {
	arn, ok := iam.ParseARN(text)
	return arn, ok && arn.Service == "ecr"
}

// checkRefusedResources leaves what is no ARN, and a wildcard in the service, to the
// rules that correct them.
func checkRefusedResources(p *pass) {
	p.eachResource(func(_ *statement, r *node) {
		fault := iam.ResourceFault(r.text)
		if fault == "" || !strings.HasPrefix(r.text, "arn:") || strings.HasPrefix(fault, "Resource vendor") {
			return
		}
		if arn, ok := repositoryARN(r.text); ok && !strings.HasPrefix(fault, "Partition") &&
			strings.Trim(arn.Account, "0123456789") == "" {
			return // resource-matches-nothing says it of a repository
		}
		p.report(r, quoted(r.text)+" is refused: "+fault)
	})
}

func checkServiceWildcards(p *pass) {
	p.eachResource(func(_ *statement, r *node) {
		if arn, ok := iam.ParseARN(r.text); ok && hasWildcard(arn.Service) {
			p.report(r, quoted(r.text)+" has a wildcard in its service")
		}
	})
}

func checkRepositoryWord(p *pass) {
	p.eachResource(func(_ *statement, r *node) {
		arn, ok := repositoryARN(r.text)
		if !ok || strings.HasPrefix(arn.Resource, "repository/") || hasWildcard(firstPart(arn.Resource)) {
			return
		}
		name := strings.TrimPrefix(arn.Resource, "/")
		for _, slip := range []string{"repository:", "repositories/", "repo/"} {
			name = strings.TrimPrefix(name, slip)
		}
		if name == "" || name == "repository" {
			p.report(r, quoted(r.text)+" names no repository")
			return
		}
		arn.Resource = "repository/" + name
		p.report(r, quoted(r.text)+" lacks repository/", replaceString(r, arn.String()))
	})
}

func firstPart(s string) string {
	part, _, _ := strings.Cut(s, "/")
	return part
}

func checkImages(p *pass) {
	p.eachResource(func(_ *statement, r *node) {
		if arn, ok := repositoryARN(r.text); ok {
			name := withoutTag(arn.Resource)
			if name != arn.Resource && strings.HasPrefix(name, "repository/") && name != "repository/" {
				arn.Resource = name
				p.report(r, quoted(r.text)+" ends in a tag or digest", replaceString(r, arn.String()))
			}
			return
		}
		if arn, ok := arnOfImage(r.text); ok {
			p.report(r, quoted(r.text)+" is an image's name", replaceString(r, arn))
		}
	})
}

func withoutTag(resource string) string {
	resource, _, _ = strings.Cut(resource, "@")
	slash := strings.LastIndexByte(resource, '/')
	if colon := strings.IndexByte(resource[slash+1:], ':'); colon >= 0 {
		return resource[:slash+1+colon]
	}
	return resource
}

// arnOfImage turns the usual name of an ECR image into its repository's ARN.
func arnOfImage(text string) (string, bool) {
	text = strings.TrimPrefix(text, "https://")
	host, path, found := strings.Cut(text, "/")
	registry, ok := awsname.ParseRegistry(host)
	if !found || !ok {
		return "", false
	}
	name := withoutTag(path)
	if name == "" || strings.Contains(name, ":") {
		return "", false
	}
	return registry.RepositoryARN(name), true
}

func checkResourceForm(p *pass) {
	p.eachResource(func(_ *statement, r *node) {
		_, image := arnOfImage(r.text)
		if _, ok := iam.ParseARN(r.text); !ok && !image {
			p.report(r, quoted(r.text)+" is neither \"*\" nor an ARN")
		}
	})
}

// checkImpossibleARNs looks at ECR ARNs only.
func checkImpossibleARNs(p *pass) {
	p.eachResource(func(_ *statement, r *node) {
		arn, ok := repositoryARN(r.text)
		if !ok {
			return
		}
		name, isRepository := strings.CutPrefix(arn.Resource, "repository/")
		partition, isRegion := awsname.PartitionOf(arn.Region)
		switch {
		case arn.Region == "":
			p.report(r, quoted(r.text)+" has no region")
		case !iam.IsAccountID(arn.Account) && !hasWildcard(arn.Account) && !strings.Contains(arn.Account, "${"):
			p.report(r, quoted(r.text)+" has no account of 12 digits")
		case isRegion && arn.Partition != string(partition) && !hasWildcard(arn.Partition):
			arn.Partition = string(partition)
			p.report(r, "region "+arn.Region+" lies in partition "+arn.Partition, replaceString(r, arn.String()))
		case isRepository && strings.ToLower(name) != name && !strings.Contains(name, "${"):
			p.report(r, "names of repositories are lower-case: "+quoted(name)+" matches none")
		}
	})
}

func checkAnyResource(p *pass) {
	p.each(func(s *statement) {
		if !s.allows() || len(s.conditions) > 0 || !s.grants(manifestAction) {
			return
		}
		for _, r := range s.resources {
			if r.text == "*" {
				p.report(r, "every repository is open to "+actionList(s))
			}
		}
	})
}
