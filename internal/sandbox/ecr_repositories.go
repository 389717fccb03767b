package sandbox

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
)

const (
	mutable              = "MUTABLE"
	immutable            = "IMMUTABLE"
	immutableExcluding   = "IMMUTABLE_WITH_EXCLUSION"
	mutableExcluding     = "MUTABLE_WITH_EXCLUSION"
	defaultPage, maxPage = 100, 1000
)

type encryptionConfiguration struct {
	EncryptionType string `json:"encryptionType"`
	KMSKey         string `json:"kmsKey,omitempty"`
}

type scanningConfiguration struct {
	ScanOnPush bool `json:"scanOnPush"`
}

type mutabilityExclusion struct {
	FilterType string `json:"filterType"`
	Filter     string `json:"filter"`
}

type repositoryShape struct {
	RepositoryARN      string                  `json:"repositoryArn"`
	RegistryID         string                  `json:"registryId"`
	RepositoryName     string                  `json:"repositoryName"`
	RepositoryURI      string                  `json:"repositoryUri"`
	CreatedAt          epoch                   `json:"createdAt"`
	ImageTagMutability string                  `json:"imageTagMutability"`
	Exclusions         []mutabilityExclusion   `json:"imageTagMutabilityExclusionFilters,omitempty"`
	Scanning           scanningConfiguration   `json:"imageScanningConfiguration"`
	Encryption         encryptionConfiguration `json:"encryptionConfiguration"`
}

type repositoryAnswer struct {
	Repository repositoryShape `json:"repository"`
}

type createRepositoryInput struct {
	RegistryID         string                   `json:"registryId"`
	RepositoryName     string                   `json:"repositoryName"`
	Tags               []tagEntry               `json:"tags"`
	ImageTagMutability string                   `json:"imageTagMutability"`
	Exclusions         []mutabilityExclusion    `json:"imageTagMutabilityExclusionFilters"`
	Scanning           *scanningConfiguration   `json:"imageScanningConfiguration"`
	Encryption         *encryptionConfiguration `json:"encryptionConfiguration"`
}

func createRepository(c *call, in *createRepositoryInput) (any, *apiError) {
	reg, err := c.registryIn(in.RegistryID)
	if err != nil {
		return nil, err
	}
	if !awsname.ValidRepository(in.RepositoryName) {
		return nil, errECRParameter(
			"repositoryName",
			"must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
		)
	}
	if err := checkRepositoryTags(in.Tags); err != nil {
		return nil, err
	}
	tags := tagMap(in.Tags)
	q := question{
		principal: c.principal, action: "ecr:CreateRepository", region: reg.region, account: reg.account,
		resource: repositoryARN(reg.account.id, reg.region, in.RepositoryName), context: requestTags(tags),
	}
	if reg.policy != nil {
		q.resourcePolicies = []policyDocument{*reg.policy}
	}
	if err := c.decide(q); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		q.action = "ecr:TagResource"
		if err := c.decide(q); err != nil {
			return nil, err
		}
	}
	if err := c.mayEncrypt(in.Encryption); err != nil {
		return nil, err
	}
	if reg.repositories[in.RepositoryName] != nil {
		return nil, badRequest(
			"RepositoryAlreadyExistsException",
			"The repository with name '%s' already exists in the registry with id '%s'",
			in.RepositoryName,
			reg.account.id,
		)
	}
	repo, err := c.box.newRepository(reg, in, tags)
	if err != nil {
		return nil, err
	}
	reg.repositories[repo.name] = repo
	return repositoryAnswer{reg.shape(repo)}, nil
}

// mayEncrypt asks for what the creator of a repository needs on its own KMS key:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
// The sandbox has no keys; it takes each to have the default key policy, which
// leaves the decision to identity policies.
func (c *call) mayEncrypt(e *encryptionConfiguration) *apiError {
	if e == nil {
		return nil
	}
	switch e.EncryptionType {
	case "AES256":
		if e.KMSKey != "" {
			return errECRParameter("encryptionConfiguration", "kmsKey goes with the encryption types KMS and KMS_DSSE")
		}
		return nil
	case "KMS", "KMS_DSSE":
	default:
		return errECRParameter("encryptionConfiguration", "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]")
	}
	if e.KMSKey == "" {
		return nil // AWS's own key for ECR is open to whoever may use ECR
	}
	key, ok := awsname.ParseARN(e.KMSKey)
	if !ok {
		key = awsname.ARN{
			Partition: string(c.account().partition),
			Region:    c.region,
			Account:   c.account().id,
			Resource:  "key/" + e.KMSKey,
		}
		if strings.HasPrefix(e.KMSKey, "alias/") {
			key.Resource = e.KMSKey
		}
		key.Service = "kms"
	}
	if key.Service != "kms" || key.Region != c.region || key.Account != c.account().id {
		return badRequest("KmsException", "The key %s is not a KMS key of this account and region", printable(e.KMSKey))
	}
	for _, action := range []string{"kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant"} {
		if err := c.authorize(action, key.String(), c.account(), nil); err != nil {
			return badRequest("KmsException", "%s", err.message)
		}
	}
	return nil
}

// newRepository makes a repository with AWS's defaults.
func (b *Sandbox) newRepository(
	reg *registry,
	in *createRepositoryInput,
	tags map[string]string,
) (*repository, *apiError) {
	repo := &repository{
		name: in.RepositoryName, created: b.now(), mutability: mutable, tags: tags,
		encryption: encryptionConfiguration{EncryptionType: "AES256"},
		store:      b.newImageStore(reg.account.id, reg.region, in.RepositoryName),
	}
	if in.ImageTagMutability != "" {
		if err := repo.setMutability(in.ImageTagMutability, in.Exclusions); err != nil {
			return nil, err
		}
	}
	if in.Scanning != nil {
		repo.scanOnPush = in.Scanning.ScanOnPush
	}
	if in.Encryption != nil {
		repo.encryption = *in.Encryption
	}
	return repo, nil
}

type describeRepositoriesInput struct {
	RegistryID      string   `json:"registryId"`
	RepositoryNames []string `json:"repositoryNames"`
	pageInput
}

func describeRepositories(c *call, in *describeRepositoriesInput) (any, *apiError) {
	const action = "ecr:DescribeRepositories"
	var answer struct {
		Repositories []repositoryShape `json:"repositories"`
		NextToken    string            `json:"nextToken,omitempty"`
	}
	answer.Repositories = []repositoryShape{}
	if len(in.RepositoryNames) > 0 {
		for _, name := range in.RepositoryNames {
			reg, repo, err := c.repository(in.RegistryID, name, action)
			if err != nil {
				return nil, err
			}
			answer.Repositories = append(answer.Repositories, reg.shape(repo))
		}
		return answer, nil
	}
	reg, err := c.registryIn(in.RegistryID)
	if err != nil {
		return nil, err
	}
	if err := c.decide(reg.listing(c.principal, action)); err != nil {
		return nil, err
	}
	names, next, err := page(slices.Sorted(maps.Keys(reg.repositories)), in.pageInput, func(s string) string { return s })
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		answer.Repositories = append(answer.Repositories, reg.shape(reg.repositories[name]))
	}
	answer.NextToken = next
	return answer, nil
}

type deleteRepositoryInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	Force          bool   `json:"force"`
}

func deleteRepository(c *call, in *deleteRepositoryInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:DeleteRepository")
	if err != nil {
		return nil, err
	}
	if len(repo.store.images) > 0 && !in.Force {
		return nil, badRequest(
			"RepositoryNotEmptyException",
			"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images",
			repo.name,
			reg.account.id,
		)
	}
	if err := errors.Join(repo.store.uploads.clear(), repo.store.blobs.clear()); err != nil {
		c.box.log.ErrorContext(c.ctx, "cannot remove layers", "repository", repo.name, "error", err)
		return nil, apiErrorf(500, "ServerException", "The sandbox could not remove the repository's layers.")
	}
	delete(reg.repositories, repo.name)
	return repositoryAnswer{reg.shape(repo)}, nil
}

type putImageTagMutabilityInput struct {
	RegistryID         string                `json:"registryId"`
	RepositoryName     string                `json:"repositoryName"`
	ImageTagMutability string                `json:"imageTagMutability"`
	Exclusions         []mutabilityExclusion `json:"imageTagMutabilityExclusionFilters"`
}

func putImageTagMutability(c *call, in *putImageTagMutabilityInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:PutImageTagMutability")
	if err != nil {
		return nil, err
	}
	if err := repo.setMutability(in.ImageTagMutability, in.Exclusions); err != nil {
		return nil, err
	}
	return struct {
		RegistryID         string                `json:"registryId"`
		RepositoryName     string                `json:"repositoryName"`
		ImageTagMutability string                `json:"imageTagMutability"`
		Exclusions         []mutabilityExclusion `json:"imageTagMutabilityExclusionFilters,omitempty"`
	}{reg.account.id, repo.name, repo.mutability, repo.exclusions}, nil
}

func (r *repository) setMutability(value string, exclusions []mutabilityExclusion) *apiError {
	excluding := value == immutableExcluding || value == mutableExcluding
	switch {
	case !excluding && value != mutable && value != immutable:
		return errECRParameter(
			"imageTagMutability",
			"Member must satisfy enum value set: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]",
		)
	case excluding != (len(exclusions) > 0):
		return errECRParameter(
			"imageTagMutabilityExclusionFilters",
			"Filters go with a mutability that has exclusions, and only with that",
		)
	}
	for _, x := range exclusions {
		if x.FilterType != "WILDCARD" || x.Filter == "" {
			return errECRParameter("imageTagMutabilityExclusionFilters", "Filters are of type WILDCARD and not empty")
		}
	}
	r.mutability, r.exclusions = value, exclusions
	return nil
}

// fixed reports whether tag, once pushed, stays where it is.
func (r *repository) fixed(tag string) bool {
	excluded := slices.ContainsFunc(r.exclusions, func(x mutabilityExclusion) bool { return wildcardMatch(x.Filter, tag) })
	switch r.mutability {
	case immutable:
		return true
	case immutableExcluding:
		return !excluded
	case mutableExcluding:
		return excluded
	}
	return false
}

// wildcardMatch matches a filter in which * stands for any text.
func wildcardMatch(filter, text string) bool {
	parts := strings.Split(filter, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return filter == text
	}
	if !strings.HasPrefix(text, first) || len(text) < len(first)+len(last) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

type putImageScanningConfigurationInput struct {
	RegistryID     string                `json:"registryId"`
	RepositoryName string                `json:"repositoryName"`
	Scanning       scanningConfiguration `json:"imageScanningConfiguration"`
}

func putImageScanningConfiguration(c *call, in *putImageScanningConfigurationInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:PutImageScanningConfiguration")
	if err != nil {
		return nil, err
	}
	repo.scanOnPush = in.Scanning.ScanOnPush
	return struct {
		RegistryID     string                `json:"registryId"`
		RepositoryName string                `json:"repositoryName"`
		Scanning       scanningConfiguration `json:"imageScanningConfiguration"`
	}{reg.account.id, repo.name, scanningConfiguration{repo.scanOnPush}}, nil
}
