package sandbox

import (
	"maps"
	"regexp"
	"slices"
)

// pullThroughRule is kept and given back: the sandbox fetches nothing from
// upstream registries.
type pullThroughRule struct {
	Prefix                   string `json:"ecrRepositoryPrefix"`
	UpstreamRegistryURL      string `json:"upstreamRegistryUrl"`
	RegistryID               string `json:"registryId"`
	UpstreamRegistry         string `json:"upstreamRegistry,omitempty"`
	CredentialARN            string `json:"credentialArn,omitempty"`
	CustomRoleARN            string `json:"customRoleArn,omitempty"`
	UpstreamRepositoryPrefix string `json:"upstreamRepositoryPrefix,omitempty"`
	CreatedAt                *epoch `json:"createdAt,omitempty"`
	UpdatedAt                *epoch `json:"updatedAt,omitempty"`
}

// prefixPattern is the grammar of a rule's and a template's prefix: a repository
// name, which may end with a slash, or ROOT.
var prefixPattern = regexp.MustCompile(`^((?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*/?|ROOT)$`)

// upstreams are the registries that ECR caches, and whether it needs a login there.
func upstreams() map[string]bool {
	return map[string]bool{
		"public.ecr.aws": false, "quay.io": false, "registry.k8s.io": false,
		"registry-1.docker.io": true, "ghcr.io": true, "registry.gitlab.com": true, "cgr.dev": true,
	}
}

var (
	azureRegistry = regexp.MustCompile(`^[a-z0-9]{5,50}\.azurecr\.io$`)
	ecrRegistry   = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com$`)
)

func createPullThroughCacheRule(c *call, in *pullThroughRule) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:CreatePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	login, known := upstreams()[in.UpstreamRegistryURL]
	if azureRegistry.MatchString(in.UpstreamRegistryURL) {
		login, known = true, true
	}
	switch {
	case !prefixPattern.MatchString(in.Prefix) || len(in.Prefix) < 2 || len(in.Prefix) > 30:
		return nil, errECRParameter("ecrRepositoryPrefix", "Member must be a repository's prefix of 2 to 30 characters")
	case !known && !ecrRegistry.MatchString(in.UpstreamRegistryURL):
		return nil, badRequest(
			"UnsupportedUpstreamRegistryException",
			"The specified upstream registry isn't supported: %s",
			printable(in.UpstreamRegistryURL),
		)
	case login && in.CredentialARN == "":
		return nil, errECRParameter("credentialArn", "This upstream registry needs the ARN of a secret")
	case reg.pullThrough[in.Prefix] != nil:
		return nil, badRequest(
			"PullThroughCacheRuleAlreadyExistsException",
			"A pull through cache rule with prefix %s already exists in the registry with id '%s'",
			in.Prefix,
			reg.account.id,
		)
	}
	at := epoch(c.now)
	rule := *in
	rule.RegistryID, rule.CreatedAt, rule.UpdatedAt = reg.account.id, &at, &at
	if reg.pullThrough == nil {
		reg.pullThrough = map[string]*pullThroughRule{}
	}
	reg.pullThrough[rule.Prefix] = &rule
	return rule, nil
}

// pullThroughRule finds the rule that a call names, after authorizing.
func (c *call) pullThroughRule(prefix, action string) (*registry, *pullThroughRule, *apiError) {
	reg, err := c.ownRegistry(action)
	if err != nil {
		return nil, nil, err
	}
	rule := reg.pullThrough[prefix]
	if rule == nil {
		return nil, nil, badRequest(
			"PullThroughCacheRuleNotFoundException",
			"The pull through cache rule with prefix '%s' does not exist in the registry with id '%s'",
			printable(prefix),
			reg.account.id,
		)
	}
	return reg, rule, nil
}

func updatePullThroughCacheRule(c *call, in *pullThroughRule) (any, *apiError) {
	_, rule, err := c.pullThroughRule(in.Prefix, "ecr:UpdatePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	at := epoch(c.now)
	rule.CredentialARN, rule.CustomRoleARN, rule.UpdatedAt = in.CredentialARN, in.CustomRoleARN, &at
	return *rule, nil
}

func deletePullThroughCacheRule(c *call, in *pullThroughRule) (any, *apiError) {
	reg, rule, err := c.pullThroughRule(in.Prefix, "ecr:DeletePullThroughCacheRule")
	if err != nil {
		return nil, err
	}
	delete(reg.pullThrough, rule.Prefix)
	return *rule, nil
}

type describePullThroughInput struct {
	RegistryID string   `json:"registryId"`
	Prefixes   []string `json:"ecrRepositoryPrefixes"`
	pageInput
}

func describePullThroughCacheRules(c *call, in *describePullThroughInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:DescribePullThroughCacheRules")
	if err != nil {
		return nil, err
	}
	rules := []pullThroughRule{}
	for _, prefix := range slices.Sorted(maps.Keys(reg.pullThrough)) {
		if len(in.Prefixes) == 0 || slices.Contains(in.Prefixes, prefix) {
			rules = append(rules, *reg.pullThrough[prefix])
		}
	}
	for _, prefix := range in.Prefixes {
		if _, _, err := c.pullThroughRule(prefix, "ecr:DescribePullThroughCacheRules"); err != nil {
			return nil, err
		}
	}
	rules, next, err := page(rules, in.pageInput, func(r pullThroughRule) string { return r.Prefix })
	if err != nil {
		return nil, err
	}
	return struct {
		Rules     []pullThroughRule `json:"pullThroughCacheRules"`
		NextToken string            `json:"nextToken,omitempty"`
	}{rules, next}, nil
}

// creationTemplate is kept and given back: nothing creates repositories by itself
// here.
type creationTemplate struct {
	Prefix             string                   `json:"prefix"`
	Description        string                   `json:"description,omitempty"`
	Encryption         *encryptionConfiguration `json:"encryptionConfiguration,omitempty"`
	ResourceTags       []tagEntry               `json:"resourceTags,omitempty"`
	ImageTagMutability string                   `json:"imageTagMutability,omitempty"`
	Exclusions         []mutabilityExclusion    `json:"imageTagMutabilityExclusionFilters,omitempty"`
	RepositoryPolicy   string                   `json:"repositoryPolicy,omitempty"`
	LifecyclePolicy    string                   `json:"lifecyclePolicy,omitempty"`
	AppliedFor         []string                 `json:"appliedFor,omitempty"`
	CustomRoleARN      string                   `json:"customRoleArn,omitempty"`
	CreatedAt          *epoch                   `json:"createdAt,omitempty"`
	UpdatedAt          *epoch                   `json:"updatedAt,omitempty"`
}

type templateAnswer struct {
	RegistryID string           `json:"registryId"`
	Template   creationTemplate `json:"repositoryCreationTemplate"`
}

// check refuses what a repository of this template could not have.
func (t *creationTemplate) check(b *Sandbox) *apiError {
	if t.ImageTagMutability == "" {
		t.ImageTagMutability = mutable
	}
	if t.Encryption == nil {
		t.Encryption = &encryptionConfiguration{EncryptionType: "AES256"}
	}
	if err := new(repository).setMutability(t.ImageTagMutability, t.Exclusions); err != nil {
		return err
	}
	if err := checkRepositoryTags(t.ResourceTags); err != nil {
		return err
	}
	if t.RepositoryPolicy != "" {
		if _, err := b.repositoryPolicy(t.RepositoryPolicy); err != nil {
			return err
		}
	}
	if t.LifecyclePolicy != "" {
		if reason := lifecycleFault(t.LifecyclePolicy); reason != "" {
			return errECRParameter("lifecyclePolicy", "Lifecycle policy validation failure: "+reason)
		}
	}
	for _, use := range t.AppliedFor {
		if !slices.Contains([]string{"REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"}, use) {
			return errECRParameter(
				"appliedFor",
				"Member must satisfy enum value set: [REPLICATION, PULL_THROUGH_CACHE, CREATE_ON_PUSH]",
			)
		}
	}
	return nil
}

func createRepositoryCreationTemplate(c *call, in *creationTemplate) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:CreateRepositoryCreationTemplate")
	if err != nil {
		return nil, err
	}
	switch {
	case !prefixPattern.MatchString(in.Prefix) || len(in.Prefix) > 256:
		return nil, errECRParameter("prefix", "Member must be a repository's prefix, or ROOT")
	case len(in.AppliedFor) == 0:
		return nil, errECRParameter("appliedFor", "Member must not be null")
	case reg.templates[in.Prefix] != nil:
		return nil, badRequest(
			"TemplateAlreadyExistsException",
			"The repository creation template with prefix '%s' already exists in the registry with id '%s'",
			in.Prefix,
			reg.account.id,
		)
	}
	if err := in.check(c.box); err != nil {
		return nil, err
	}
	at := epoch(c.now)
	in.CreatedAt, in.UpdatedAt = &at, &at
	if reg.templates == nil {
		reg.templates = map[string]*creationTemplate{}
	}
	reg.templates[in.Prefix] = in
	return templateAnswer{reg.account.id, *in}, nil
}

func (c *call) creationTemplate(prefix, action string) (*registry, *creationTemplate, *apiError) {
	reg, err := c.ownRegistry(action)
	if err != nil {
		return nil, nil, err
	}
	template := reg.templates[prefix]
	if template == nil {
		return nil, nil, badRequest(
			"TemplateNotFoundException",
			"The repository creation template with prefix '%s' does not exist in the registry with id '%s'",
			printable(prefix),
			reg.account.id,
		)
	}
	return reg, template, nil
}

// updateTemplateInput has pointers: what is not given stays.
type updateTemplateInput struct {
	Prefix             string                   `json:"prefix"`
	Description        *string                  `json:"description"`
	Encryption         *encryptionConfiguration `json:"encryptionConfiguration"`
	ResourceTags       *[]tagEntry              `json:"resourceTags"`
	ImageTagMutability *string                  `json:"imageTagMutability"`
	Exclusions         *[]mutabilityExclusion   `json:"imageTagMutabilityExclusionFilters"`
	RepositoryPolicy   *string                  `json:"repositoryPolicy"`
	LifecyclePolicy    *string                  `json:"lifecyclePolicy"`
	AppliedFor         *[]string                `json:"appliedFor"`
	CustomRoleARN      *string                  `json:"customRoleArn"`
}

func updateRepositoryCreationTemplate(c *call, in *updateTemplateInput) (any, *apiError) {
	reg, old, err := c.creationTemplate(in.Prefix, "ecr:UpdateRepositoryCreationTemplate")
	if err != nil {
		return nil, err
	}
	changed := *old
	replace(&changed.Description, in.Description)
	replace(&changed.ResourceTags, in.ResourceTags)
	replace(&changed.ImageTagMutability, in.ImageTagMutability)
	replace(&changed.Exclusions, in.Exclusions)
	replace(&changed.RepositoryPolicy, in.RepositoryPolicy)
	replace(&changed.LifecyclePolicy, in.LifecyclePolicy)
	replace(&changed.AppliedFor, in.AppliedFor)
	replace(&changed.CustomRoleARN, in.CustomRoleARN)
	if in.Encryption != nil {
		changed.Encryption = in.Encryption
	}
	if err := changed.check(c.box); err != nil {
		return nil, err
	}
	at := epoch(c.now)
	changed.UpdatedAt = &at
	*old = changed
	return templateAnswer{reg.account.id, changed}, nil
}

func replace[T any](old, with *T) {
	if with != nil {
		*old = *with
	}
}

type templateInput struct {
	Prefix string `json:"prefix"`
}

func deleteRepositoryCreationTemplate(c *call, in *templateInput) (any, *apiError) {
	reg, template, err := c.creationTemplate(in.Prefix, "ecr:DeleteRepositoryCreationTemplate")
	if err != nil {
		return nil, err
	}
	delete(reg.templates, template.Prefix)
	return templateAnswer{reg.account.id, *template}, nil
}

type describeTemplatesInput struct {
	Prefixes []string `json:"prefixes"`
	pageInput
}

func describeRepositoryCreationTemplates(c *call, in *describeTemplatesInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:DescribeRepositoryCreationTemplates")
	if err != nil {
		return nil, err
	}
	list := []creationTemplate{}
	for _, prefix := range slices.Sorted(maps.Keys(reg.templates)) {
		if len(in.Prefixes) == 0 || slices.Contains(in.Prefixes, prefix) {
			list = append(list, *reg.templates[prefix])
		}
	}
	list, next, err := page(list, in.pageInput, func(t creationTemplate) string { return t.Prefix })
	if err != nil {
		return nil, err
	}
	return struct {
		RegistryID string             `json:"registryId"`
		Templates  []creationTemplate `json:"repositoryCreationTemplates"`
		NextToken  string             `json:"nextToken,omitempty"`
	}{reg.account.id, list, next}, nil
}
