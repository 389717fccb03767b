package sandbox

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
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
		return nil, apiErrorf(
			http.StatusInternalServerError,
			"ServerException",
			"The sandbox could not open a registry in %s.",
			c.region,
		)
	}
	if reg == nil {
		return nil, badRequest(
			"InvalidParameterException",
			"Account %s is in the partition %s, which has no region %s.",
			a.id,
			a.partition,
			c.region,
		)
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
		return nil, nil, errECRParameter(
			"repositoryName",
			"Member must satisfy regular expression pattern: (?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*",
		)
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
	return badRequest(
		"RepositoryNotFoundException",
		"The repository with name '%s' does not exist in the registry with id '%s'",
		name,
		reg.account.id,
	)
}

func (reg *registry) detail(repo *repository, img *image, tags []string) imageDetail {
	d := imageDetail{
		RegistryID: reg.account.id, RepositoryName: repo.name, ImageDigest: img.digest, ImageTags: tags,
		ImageSizeInBytes: img.size, ImagePushedAt: epoch(img.pushed),
		ManifestMediaType: img.mediaType, ArtifactMediaType: img.artifact,
	}
	if !img.pulled.IsZero() {
		at := epoch(img.pulled)
		d.LastPulledAt = &at
	}
	return d
}

func (reg *registry) noLifecycle(name string) *apiError {
	return badRequest(
		"LifecyclePolicyNotFoundException",
		"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'",
		name,
		reg.account.id,
	)
}

func (reg *registry) noRepositoryPolicy(name string) *apiError {
	return badRequest(
		"RepositoryPolicyNotFoundException",
		"Repository policy does not exist for the repository with name '%s' in the registry with id '%s'",
		name,
		reg.account.id,
	)
}

func (reg *registry) noRegistryPolicy() *apiError {
	return badRequest(
		"RegistryPolicyNotFoundException",
		"Registry policy does not exist in the registry with id '%s'",
		reg.account.id,
	)
}

func (reg *registry) scanning() registryScanning {
	if s := reg.settings.scanning; s != nil {
		return registryScanning{s.ScanType, append([]scanningRule{}, s.Rules...)}
	}
	return registryScanning{ScanType: "BASIC", Rules: []scanningRule{}}
}

func (reg *registry) shape(r *repository) repositoryShape {
	return repositoryShape{
		RepositoryARN: repositoryARN(reg.account.id, reg.region, r.name), RegistryID: reg.account.id,
		RepositoryName: r.name, RepositoryURI: reg.host() + "/" + r.name,
		CreatedAt: epoch(r.created), ImageTagMutability: r.mutability, Exclusions: r.exclusions,
		Scanning: scanningConfiguration{r.scanOnPush}, Encryption: r.encryption,
	}
}

// listing is the question about all repositories of a registry. Only the
// registry policy can open it to another account.
func (reg *registry) listing(p *principal, action string) question {
	q := question{
		principal: p, action: action, region: reg.region, account: reg.account,
		resource: repositoryARN(reg.account.id, reg.region, "*"),
	}
	if reg.policy != nil {
		q.resourcePolicies = []policyDocument{*reg.policy}
	}
	return q
}

// errECRParameter is ECR's way to refuse a parameter.
func errECRParameter(parameter, constraint string) *apiError {
	return badRequest(
		"InvalidParameterException",
		"Invalid parameter at '%s' failed to satisfy constraint: '%s'",
		parameter,
		constraint,
	)
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

// selectImages lists the named images, or all of them.
func (r *repository) selectImages(reg *registry, ids []imageID) ([]*image, *apiError) {
	if len(ids) == 0 {
		return r.store.sorted(), nil
	}
	var list []*image
	for _, id := range ids {
		img, failure := r.image(id)
		if failure != nil {
			return nil, badRequest(
				"ImageNotFoundException",
				"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
				printable(id.ImageDigest),
				printable(id.ImageTag),
				r.name,
				reg.account.id,
			)
		}
		if !slices.Contains(list, img) {
			list = append(list, img)
		}
	}
	slices.SortFunc(list, func(a, b *image) int { return strings.Compare(a.digest, b.digest) })
	return list, nil
}

// image finds an image by digest, tag or, where both are given, both.
func (r *repository) image(id imageID) (*image, *imageFailure) {
	fail := func(code, reason string) (*image, *imageFailure) { return nil, &imageFailure{id, code, reason} }
	switch {
	case id.ImageDigest == "" && id.ImageTag == "":
		return fail("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
	case id.ImageDigest == "":
		if digest, ok := r.store.tags[id.ImageTag]; ok {
			return r.store.images[digest], nil
		}
	case id.ImageTag == "":
		if img := r.store.images[id.ImageDigest]; img != nil {
			return img, nil
		}
	default:
		if digest, ok := r.store.tags[id.ImageTag]; ok {
			if digest != id.ImageDigest {
				return fail("ImageTagDoesNotMatchDigest", "Requested image tag does not match the digest")
			}
			return r.store.images[digest], nil
		}
	}
	return fail("ImageNotFound", "Requested image not found")
}

// deleteImage takes a tag off an image, and the image away with its last tag
// or when no tag is given. An image that an index lists stays.
func (r *repository) deleteImage(img *image, id imageID) ([]imageID, *imageFailure) {
	tags := r.store.tagsOf(img.digest)
	if id.ImageTag != "" && len(tags) > 1 {
		delete(r.store.tags, id.ImageTag)
		return []imageID{{img.digest, id.ImageTag}}, nil
	}
	if parents := r.store.listedBy(img.digest); len(parents) > 0 {
		return nil, &imageFailure{
			id, "ImageReferencedByManifestList",
			"Requested image referenced by manifest list: [" + strings.Join(parents, ", ") + "]",
		}
	}
	r.store.remove(img.digest)
	if len(tags) == 0 {
		return []imageID{{ImageDigest: img.digest}}, nil
	}
	var gone []imageID
	for _, t := range tags {
		gone = append(gone, imageID{img.digest, t})
	}
	return gone, nil
}

func (r *repository) upload(reg *registry, id string) (*upload, *apiError) {
	if up := r.store.uploads.find(id); up != nil {
		return up, nil
	}
	return nil, badRequest(
		"UploadNotFoundException",
		"The upload with id '%s' in the repository with name '%s' in the registry with id '%s' does not exist",
		printable(id),
		r.name,
		reg.account.id,
	)
}

// refuseMove keeps immutable tags where they are, even for the same image.
func (r *repository) refuseMove(tag string) *registryError {
	if _, exists := r.store.tags[tag]; exists && r.fixed(tag) {
		return &registryError{
			http.StatusBadRequest, "TAG_INVALID",
			"The image tag '" + tag + "' already exists in the '" + r.name + "' repository and cannot be overwritten because the tag is immutable.",
		}
	}
	return nil
}
