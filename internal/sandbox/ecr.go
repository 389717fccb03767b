package sandbox

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/pullpass/pullpass/internal/awsname"
)

func (b *Sandbox) ecrService() *service {
	return &service{name: "ecr", protocol: jsonProtocol{ecrTarget}, operations: map[string]operation{
		"CreateRepository":              jsonOperation(createRepository),
		"DescribeRepositories":          jsonOperation(describeRepositories),
		"DeleteRepository":              jsonOperation(deleteRepository),
		"PutImageTagMutability":         jsonOperation(putImageTagMutability),
		"PutImageScanningConfiguration": jsonOperation(putImageScanningConfiguration),
		"SetRepositoryPolicy":           jsonOperation(setRepositoryPolicy),
		"GetRepositoryPolicy":           jsonOperation(getRepositoryPolicy),
		"DeleteRepositoryPolicy":        jsonOperation(deleteRepositoryPolicy),
		"PutLifecyclePolicy":            jsonOperation(putLifecyclePolicy),
		"GetLifecyclePolicy":            jsonOperation(getLifecyclePolicy),
		"DeleteLifecyclePolicy":         jsonOperation(deleteLifecyclePolicy),
		"PutRegistryPolicy":             jsonOperation(putRegistryPolicy),
		"GetRegistryPolicy":             jsonOperation(getRegistryPolicy),
		"DeleteRegistryPolicy":          jsonOperation(deleteRegistryPolicy),
		"DescribeRegistry":              jsonOperation(describeRegistry),
		"PutReplicationConfiguration":   jsonOperation(putReplicationConfiguration),
		"GetAccountSetting":             jsonOperation(getAccountSetting),
		"PutAccountSetting":             jsonOperation(putAccountSetting),
		"ListImageReferrers":            jsonOperation(listImageReferrers),
		"CreatePullThroughCacheRule":    jsonOperation(createPullThroughCacheRule),
		"UpdatePullThroughCacheRule":    jsonOperation(updatePullThroughCacheRule),
		"DeletePullThroughCacheRule":    jsonOperation(deletePullThroughCacheRule),
		"DescribePullThroughCacheRules": jsonOperation(describePullThroughCacheRules),

		"GetRegistryScanningConfiguration":    jsonOperation(getRegistryScanningConfiguration),
		"PutRegistryScanningConfiguration":    jsonOperation(putRegistryScanningConfiguration),
		"CreateRepositoryCreationTemplate":    jsonOperation(createRepositoryCreationTemplate),
		"UpdateRepositoryCreationTemplate":    jsonOperation(updateRepositoryCreationTemplate),
		"DeleteRepositoryCreationTemplate":    jsonOperation(deleteRepositoryCreationTemplate),
		"DescribeRepositoryCreationTemplates": jsonOperation(describeRepositoryCreationTemplates),

		"ListTagsForResource":         jsonOperation(listTagsForResource),
		"TagResource":                 jsonOperation(tagResource),
		"UntagResource":               jsonOperation(untagResource),
		"GetAuthorizationToken":       jsonOperation(getAuthorizationToken),
		"ListImages":                  jsonOperation(listImages),
		"DescribeImages":              jsonOperation(describeImages),
		"BatchGetImage":               jsonOperation(batchGetImage),
		"BatchDeleteImage":            jsonOperation(batchDeleteImage),
		"PutImage":                    jsonOperation(putImage),
		"BatchCheckLayerAvailability": jsonOperation(batchCheckLayerAvailability),
		"GetDownloadUrlForLayer":      jsonOperation(getDownloadURLForLayer),
		"InitiateLayerUpload":         jsonOperation(initiateLayerUpload),
		"UploadLayerPart":             jsonOperation(uploadLayerPart),
		"CompleteLayerUpload":         jsonOperation(completeLayerUpload),
	}}
}

// jsonOperation reads the parameters before it runs.
func jsonOperation[In any](run func(*call, *In) (any, *apiError)) operation {
	return operation{run: func(c *call) (any, *apiError) {
		var in In
		if err := c.decode(&in); err != nil {
			return nil, err
		}
		return run(c, &in)
	}}
}

// host is the name by which answers point at the registry.
func (reg *registry) host() string {
	if reg.local {
		return reg.address
	}
	return registryHost(reg.account.id, reg.region)
}

// url is host with its scheme: the sandbox's own addresses have no certificate.
func (reg *registry) url() string {
	if reg.local {
		return "http://" + reg.address
	}
	return "https://" + reg.host()
}

// maxRegistries is far above the number of AWS's regions: each has a listener.
const maxRegistries = 100

// registry is the ECR of one account and region.
type registry struct {
	account      *account
	region       string
	address      string // where it listens
	local        bool   // answers name it by that address
	policy       *policyDocument
	repositories map[string]*repository
	settings     registrySettings
	pullThrough  map[string]*pullThroughRule  // by prefix
	templates    map[string]*creationTemplate // by prefix
}

// registryIn finds the registry that a call is about: the named account's, or
// the caller's own, in the region that the call was signed for.
func (c *call) registryIn(registryID string) (*registry, *apiError) {
	a := c.principal.account
	if registryID != "" && registryID != a.id {
		if !awsname.ValidAccount(registryID) {
			return nil, errECRParameter("registryId", "Member must satisfy regular expression pattern: [0-9]{12}")
		}
		a = c.box.state.accounts[registryID]
		if a == nil {
			// To AWS an account that does not exist is one that grants nothing.
			a = newAccount(registryID, "", c.principal.account.partition)
			return &registry{account: a, region: c.region, repositories: map[string]*repository{}}, nil
		}
	}
	reg, err := c.box.registryOf(a, c.region)
	if err != nil {
		c.box.log.WarnContext(c.ctx, "cannot open a registry", "account", a.id, "region", c.region, "error", err)
		return nil, apiErrorf(http.StatusInternalServerError, "ServerException", "The sandbox could not open a registry in %s.", c.region)
	}
	if reg == nil {
		return nil, badRequest("InvalidParameterException", "Account %s is in the partition %s, which has no region %s.", a.id, a.partition, c.region)
	}
	return reg, nil
}

// addRegistry gives the account a registry in a region, nil where the region is
// not of the account's partition. The caller holds the lock.
func (a *account) addRegistry(region string) *registry {
	if reg := a.registries[region]; reg != nil {
		return reg
	}
	if partition, ok := awsname.PartitionOf(region); !ok || partition != a.partition {
		return nil
	}
	reg := &registry{account: a, region: region, repositories: map[string]*repository{}}
	a.registries[region] = reg
	return reg
}

// registryOf finds an account's registry in a region. The first call about a
// region opens it. The caller holds the state's lock.
func (b *Sandbox) registryOf(a *account, region string) (*registry, error) {
	if reg := a.registries[region]; reg != nil {
		return reg, nil
	}
	if len(a.registries) >= maxRegistries {
		return nil, errors.New("the account has registries in too many regions")
	}
	reg := a.addRegistry(region)
	if reg == nil {
		return nil, nil
	}
	if err := b.openRegistry(reg); err != nil {
		delete(a.registries, region)
		return nil, err
	}
	return reg, nil
}

// repository finds a repository after deciding that the caller may do action
// on it. A repository that is not there is only reported to a caller whose own
// policies allow the action.
func (c *call) repository(registryID, name, action string) (*registry, *repository, *apiError) {
	reg, err := c.registryIn(registryID)
	if err != nil {
		return nil, nil, err
	}
	if !awsname.ValidRepository(name) {
		return nil, nil, errECRParameter("repositoryName", "Member must satisfy regular expression pattern: (?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")
	}
	repo := reg.repositories[name]
	if err := c.decide(reg.question(c.principal, action, name)); err != nil {
		return nil, nil, err
	}
	if repo == nil {
		return nil, nil, reg.unknownRepository(name)
	}
	return reg, repo, nil
}

// question asks whether p may do action on the repository called name.
func (reg *registry) question(p *principal, action, name string) question {
	q := question{
		principal: p, action: action, region: reg.region, account: reg.account,
		resource: repositoryARN(reg.account.id, reg.region, name),
	}
	repo := reg.repositories[name]
	if repo == nil {
		q.account = p.account // nobody owns what is not there
		return q
	}
	if repo.policy != nil {
		q.resourcePolicies = append(q.resourcePolicies, *repo.policy)
	}
	if reg.policy != nil {
		q.resourcePolicies = append(q.resourcePolicies, *reg.policy)
	}
	q.context = map[string][]string{}
	for k, v := range repo.tags {
		q.context["aws:ResourceTag/"+k] = []string{v}
		q.context["ecr:ResourceTag/"+k] = []string{v}
	}
	return q
}

func (reg *registry) unknownRepository(name string) *apiError {
	return badRequest("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", name, reg.account.id)
}

// errECRParameter is ECR's way to refuse a parameter.
func errECRParameter(parameter, constraint string) *apiError {
	return badRequest("InvalidParameterException", "Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint)
}

// tagList is how the JSON protocol writes tags.
type tagEntry struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

func tagEntries(tags map[string]string) []tagEntry {
	list := make([]tagEntry, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tagEntry{k, tags[k]})
	}
	return list
}

func tagMap(list []tagEntry) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags
}

// requestTags are the condition keys of tags in a request.
func requestTags(tags map[string]string) map[string][]string {
	context := map[string][]string{}
	for k, v := range tags {
		context["aws:RequestTag/"+k] = []string{v}
	}
	if len(tags) > 0 {
		context["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	}
	return context
}

// repository is one ECR repository.
type repository struct {
	name       string
	created    time.Time
	mutability string
	exclusions []mutabilityExclusion
	scanOnPush bool
	encryption encryptionConfiguration
	tags       map[string]string
	policy     *policyDocument
	lifecycle  string
	evaluated  time.Time
	store      *imageStore
}
