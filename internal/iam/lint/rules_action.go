package lint

import (
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/nearest"
)

func actionRules() []Rule {
	return []Rule{
		{
			ID: "action-unknown", Severity: Error, Title: "An action that does not exist", Mechanical: true,
			Why:   "ECR refuses it in a repository policy; IAM saves it, and it allows nothing (ecr:ListImage, say, is ecr:ListImages).",
			Fix:   "Write the action as the service names it.",
			check: checkUnknownActions,
		},
		{
			ID: "action-not-for-kind", Severity: Error, Title: "An action that this kind of policy cannot grant", Kinds: principalKinds(),
			Why:   "A trust policy is about sts:AssumeRole… and session tags, a repository or registry policy about ECR. AWS refuses others.",
			Fix:   "Move the action to the policy of its own resource or to an identity policy.",
			check: checkForeignActions,
		},
		{
			ID: "action-wildcard", Severity: Warning, Title: "All actions are allowed",
			Kinds: []Kind{Identity, Session, Repository, Registry},
			Why:   "ecr:* also deletes repositories and changes their policies.",
			Fix:   "List the actions: for a pull ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.",
			check: checkActionWildcards,
		},
		{
			ID: "allow-not-action", Severity: Warning, Title: "Allow with NotAction",
			Why:   "It allows everything else, of every service, and what AWS adds tomorrow.",
			Fix:   "List what is allowed under Action, or use Deny with NotAction.",
			check: func(p *pass) { p.allowNot("NotAction") },
		},
		{
			ID: "allow-not-resource", Severity: Warning, Title: "Allow with NotResource",
			Why:   "It allows everything else, also what is created tomorrow, in other accounts too.",
			Fix:   "List what is allowed under Resource, or use Deny with NotResource.",
			check: func(p *pass) { p.allowNot("NotResource") },
		},
		{
			ID: "trust-action", Severity: Error, Title: "The action does not fit the principal", Kinds: []Kind{Trust}, Mechanical: true,
			Why:   "A token's holder calls sts:AssumeRoleWithWebIdentity, an AWS principal sts:AssumeRole. The other action allows nothing here.",
			Fix:   "Write the action that this kind of principal calls.",
			check: checkTrustActions,
		},
		{
			ID: "pull-incomplete", Severity: Info, Title: "Half of a pull", Kinds: []Kind{Identity, Session, Repository, Registry},
			Why:   "A pull reads the manifest with ecr:BatchGetImage and each layer with ecr:GetDownloadUrlForLayer.",
			Fix:   "Add the other action, unless only manifests are read (image enrichment).",
			check: checkHalfPulls,
		},
		{
			ID: "pull-through-incomplete", Severity: Info, Title: "Half of a pull-through", Kinds: []Kind{Identity, Session, Registry},
			Why:   "The first pull through a cache rule needs ecr:BatchImportUpstreamImage, and ecr:CreateRepository where the repository does not exist. Without them ECR answers \"not found\", not \"denied\".",
			Fix:   "Add both actions.",
			check: checkPullThrough,
		},
	}
}

func checkUnknownActions(p *pass) {
	p.each(func(s *statement) {
		for _, a := range append(slices.Clone(s.actions), s.notActions...) {
			if !p.full() {
				p.unknownAction(a)
			}
		}
	})
}

func (p *pass) unknownAction(a *node) {
	if a.text == "*" || placeholder(a.text) != "" {
		return
	}
	service, name, found := strings.Cut(a.text, ":")
	if !found {
		for _, s := range []string{"ecr", "sts"} {
			if near := spelling(a.text, knownActions(s)); near != "" {
				p.report(a, quoted(a.text)+" has no service in front", replaceString(a, s+":"+near))
				return
			}
		}
		p.report(a, quoted(a.text)+" has no service in front, such as ecr:")
		return
	}
	known := knownActions(service)
	fault := iam.ActionFault(a.text)
	switch {
	case fault != "" && !hasWildcard(service):
		p.report(a, quoted(a.text)+" is refused: "+fault)
	case hasWildcard(service):
		p.report(a, quoted(a.text)+" has a wildcard in the service's name: it matches nothing")
	case known == nil || matchesAny(name, known):
	case hasWildcard(name):
		p.report(a, quoted(a.text)+" matches no action of "+service)
	default:
		p.misspelt(a, strings.ToLower(service)+":", name, known)
	}
}

// misspelt corrects a slip of the pen, and only proposes what may be a guess.
func (p *pass) misspelt(a *node, service, name string, known []string) {
	detail := quoted(a.text) + " does not exist"
	if right := spelling(name, known); right != "" {
		p.report(a, detail+", but "+service+right, replaceString(a, service+right))
		return
	}
	if near := nearest.Word(name, known); near != "" {
		p.suggest(a, detail+"; the nearest is "+service+near, quoted(service+near))
		return
	}
	p.report(a, detail)
}

func matchesAny(pattern string, names []string) bool {
	pattern = strings.ToLower(pattern)
	return slices.ContainsFunc(names, func(n string) bool { return iam.MatchLike(pattern, strings.ToLower(n)) })
}

func checkForeignActions(p *pass) {
	p.each(func(s *statement) {
		for _, a := range s.actions {
			service, name, _ := strings.Cut(strings.ToLower(a.text), ":")
			switch {
			case name == "" && a.text != "*" || hasWildcard(service) && a.text != "*":
				// action-unknown says it better
			case p.kind == Trust && (service != "sts" || !trustAction(name)):
				p.report(a, quoted(a.text)+" does not belong in a trust policy")
			case p.kind != Trust && service != "ecr" && a.text != "*":
				p.report(a, quoted(a.text)+" does not belong in a "+string(p.kind)+" policy")
			}
		}
	})
}

func trustAction(name string) bool {
	if matchesAny(
		name,
		[]string{
			"AssumeRole",
			"AssumeRoleWithSAML",
			"AssumeRoleWithWebIdentity",
			"TagSession",
			"SetSourceIdentity",
			"SetContext",
		},
	) {
		return true
	}
	return !matchesAny(name, stsActions()) // a misspelling has its own rule
}

func checkActionWildcards(p *pass) {
	p.each(func(s *statement) {
		if !s.allows() {
			return
		}
		for _, a := range s.actions {
			if a.text == "*" || strings.EqualFold(a.text, "ecr:*") || strings.EqualFold(a.text, "sts:*") {
				p.report(a, quoted(a.text)+" allows all actions")
			}
		}
	})
}

func (p *pass) allowNot(name string) {
	p.each(func(s *statement) {
		if m := s.element(name); m != nil && s.allows() {
			p.report(m, "Allow with "+name+" allows everything that it does not name")
		}
	})
}

func checkTrustActions(p *pass) {
	p.each(func(s *statement) {
		kinds := map[string]int{}
		for _, principal := range s.principals {
			kinds[principal.kind]++
		}
		oidc := kinds["Federated"] > 0 && !slices.ContainsFunc(s.principals, func(p principal) bool {
			return strings.Contains(p.text, ":saml-provider/")
		})
		if len(kinds) != 1 || s.element("Principal") == nil {
			return
		}
		for _, a := range s.actions {
			switch {
			case oidc && strings.EqualFold(a.text, "sts:AssumeRole"):
				p.trustAction(s, a, "sts:AssumeRoleWithWebIdentity")
			case kinds["AWS"]+kinds["Service"] > 0 && strings.EqualFold(a.text, "sts:AssumeRoleWithWebIdentity"):
				p.trustAction(s, a, "sts:AssumeRole")
			}
		}
	})
}

func (p *pass) trustAction(s *statement, a *node, right string) {
	detail := a.text + " is not what this principal calls"
	if s.hasAction(right) {
		p.report(a, detail)
		return
	}
	p.report(a, detail, replaceString(a, right))
}

const (
	manifestAction = "ecr:BatchGetImage"
	layerAction    = "ecr:GetDownloadUrlForLayer"
	importAction   = "ecr:BatchImportUpstreamImage"
	createAction   = "ecr:CreateRepository"
	loginAction    = "ecr:GetAuthorizationToken"
)

// granted reports whether some allowing statement covers the action.
func (p *pass) granted(action string) bool {
	return slices.ContainsFunc(p.statements, func(s *statement) bool { return s.allows() && s.grants(action) })
}

// where returns the first allowed action that covers the given one.
func (p *pass) where(action string) *node {
	for _, s := range p.statements {
		for _, a := range s.actions {
			if s.allows() && iam.MatchAction(a.text, action) {
				return a
			}
		}
	}
	return nil
}

func checkHalfPulls(p *pass) {
	manifest, layer := p.where(manifestAction), p.where(layerAction)
	switch {
	case manifest != nil && layer == nil:
		p.suggest(manifest, manifestAction+" is allowed, "+layerAction+" is not", quoted(layerAction))
	case manifest == nil && layer != nil:
		p.suggest(layer, layerAction+" is allowed, "+manifestAction+" is not", quoted(manifestAction))
	}
}

func checkPullThrough(p *pass) {
	imports, creates, pulls := p.where(importAction), p.granted(createAction), p.where(manifestAction)
	switch {
	case imports != nil && !creates:
		p.suggest(imports, importAction+" is allowed, "+createAction+" is not", quoted(createAction))
	case imports == nil && pulls != nil && p.facts.PullThrough:
		p.suggest(pulls, importAction+" is not allowed, but the repositories come from a pull-through cache",
			quoted(importAction)+", "+quoted(createAction))
	}
}
