package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

type imageID struct {
	ImageDigest string `json:"imageDigest,omitempty"`
	ImageTag    string `json:"imageTag,omitempty"`
}

type imageFilter struct {
	TagStatus   string `json:"tagStatus"`
	ImageStatus string `json:"imageStatus"`
}

// admits applies the tag status of a filter.
func (f *imageFilter) admits(tags int) bool {
	if f == nil {
		return true
	}
	return (f.TagStatus != "TAGGED" || tags > 0) && (f.TagStatus != "UNTAGGED" || tags == 0)
}

type listImagesInput struct {
	RegistryID     string       `json:"registryId"`
	RepositoryName string       `json:"repositoryName"`
	Filter         *imageFilter `json:"filter"`
	pageInput
}

func listImages(c *call, in *listImagesInput) (any, *apiError) {
	_, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:ListImages")
	if err != nil {
		return nil, err
	}
	all := []imageID{}
	for _, img := range repo.store.sorted() {
		tags := repo.store.tagsOf(img.digest)
		if !in.Filter.admits(len(tags)) {
			continue
		}
		if len(tags) == 0 {
			all = append(all, imageID{ImageDigest: img.digest})
		}
		for _, tag := range tags {
			all = append(all, imageID{img.digest, tag})
		}
	}
	ids, next, err := page(all, in.pageInput, func(id imageID) string { return id.ImageDigest + " " + id.ImageTag })
	if err != nil {
		return nil, err
	}
	return struct {
		ImageIDs  []imageID `json:"imageIds"`
		NextToken string    `json:"nextToken,omitempty"`
	}{ids, next}, nil
}

type imageDetail struct {
	RegistryID        string   `json:"registryId"`
	RepositoryName    string   `json:"repositoryName"`
	ImageDigest       string   `json:"imageDigest"`
	ImageTags         []string `json:"imageTags,omitempty"`
	ImageSizeInBytes  int64    `json:"imageSizeInBytes"`
	ImagePushedAt     epoch    `json:"imagePushedAt"`
	LastPulledAt      *epoch   `json:"lastRecordedPullTime,omitempty"`
	ManifestMediaType string   `json:"imageManifestMediaType"`
	ArtifactMediaType string   `json:"artifactMediaType,omitempty"`
}

type describeImagesInput struct {
	RegistryID     string       `json:"registryId"`
	RepositoryName string       `json:"repositoryName"`
	ImageIDs       []imageID    `json:"imageIds"`
	Filter         *imageFilter `json:"filter"`
	pageInput
}

func describeImages(c *call, in *describeImagesInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:DescribeImages")
	if err != nil {
		return nil, err
	}
	all, err := repo.selectImages(reg, in.ImageIDs)
	if err != nil {
		return nil, err
	}
	details := []imageDetail{}
	for _, img := range all {
		tags := repo.store.tagsOf(img.digest)
		if in.Filter.admits(len(tags)) {
			details = append(details, reg.detail(repo, img, tags))
		}
	}
	details, next, err := page(details, in.pageInput, func(d imageDetail) string { return d.ImageDigest })
	if err != nil {
		return nil, err
	}
	return struct {
		ImageDetails []imageDetail `json:"imageDetails"`
		NextToken    string        `json:"nextToken,omitempty"`
	}{details, next}, nil
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

// selectImages lists the named images, or all of them.
func (r *repository) selectImages(reg *registry, ids []imageID) ([]*image, *apiError) {
	if len(ids) == 0 {
		return r.store.sorted(), nil
	}
	var list []*image
	for _, id := range ids {
		img, failure := r.image(id)
		if failure != nil {
			return nil, badRequest("ImageNotFoundException", "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
				printable(id.ImageDigest), printable(id.ImageTag), r.name, reg.account.id)
		}
		if !slices.Contains(list, img) {
			list = append(list, img)
		}
	}
	slices.SortFunc(list, func(a, b *image) int { return strings.Compare(a.digest, b.digest) })
	return list, nil
}

type imageFailure struct {
	ImageID       imageID `json:"imageId"`
	FailureCode   string  `json:"failureCode"`
	FailureReason string  `json:"failureReason"`
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

type imageShape struct {
	RegistryID        string  `json:"registryId"`
	RepositoryName    string  `json:"repositoryName"`
	ImageID           imageID `json:"imageId"`
	ImageManifest     string  `json:"imageManifest"`
	ManifestMediaType string  `json:"imageManifestMediaType"`
}

type batchImageInput struct {
	RegistryID         string    `json:"registryId"`
	RepositoryName     string    `json:"repositoryName"`
	ImageIDs           []imageID `json:"imageIds"`
	AcceptedMediaTypes []string  `json:"acceptedMediaTypes"`
}

func batchGetImage(c *call, in *batchImageInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:BatchGetImage")
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.ImageIDs); err != nil {
		return nil, err
	}
	images, failures := []imageShape{}, []imageFailure{}
	for _, id := range in.ImageIDs {
		img, failure := repo.image(id)
		if failure != nil {
			failures = append(failures, *failure)
			continue
		}
		img.pulled = c.now
		id.ImageDigest = img.digest
		images = append(images, imageShape{reg.account.id, repo.name, id, string(img.manifest), img.mediaType})
	}
	return struct {
		Images   []imageShape   `json:"images"`
		Failures []imageFailure `json:"failures"`
	}{images, failures}, nil
}

func batchDeleteImage(c *call, in *batchImageInput) (any, *apiError) {
	_, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:BatchDeleteImage")
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.ImageIDs); err != nil {
		return nil, err
	}
	deleted, failures := []imageID{}, []imageFailure{}
	for _, id := range in.ImageIDs {
		img, failure := repo.image(id)
		if failure != nil {
			failures = append(failures, *failure)
			continue
		}
		gone, failure := repo.deleteImage(img, id)
		if failure != nil {
			failures = append(failures, *failure)
			continue
		}
		deleted = append(deleted, gone...)
	}
	return struct {
		ImageIDs []imageID      `json:"imageIds"`
		Failures []imageFailure `json:"failures"`
	}{deleted, failures}, nil
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

func checkBatch(ids []imageID) *apiError {
	if len(ids) < 1 || len(ids) > 100 {
		return errECRParameter("imageIds", "Member must have length less than or equal to 100 and greater than or equal to 1")
	}
	return nil
}

type putImageInput struct {
	RegistryID        string `json:"registryId"`
	RepositoryName    string `json:"repositoryName"`
	ImageManifest     string `json:"imageManifest"`
	ManifestMediaType string `json:"imageManifestMediaType"`
	ImageTag          string `json:"imageTag"`
	ImageDigest       string `json:"imageDigest"`
}

func putImage(c *call, in *putImageInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:PutImage")
	if err != nil {
		return nil, err
	}
	manifest, mediaType := []byte(in.ImageManifest), in.ManifestMediaType
	if mediaType == "" {
		mediaType = manifestMediaType(manifest)
	}
	if mediaType == "" {
		return nil, errECRParameter("imageManifest", "The manifest has no mediaType, and imageManifestMediaType is not given")
	}
	if in.ImageTag != "" && !tagPattern.MatchString(in.ImageTag) {
		return nil, errECRParameter("imageTag", "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'")
	}
	img, refusal := repo.store.inspect(repo.name, mediaType, manifest)
	if refusal != nil {
		return nil, refusal.api()
	}
	if in.ImageDigest != "" && in.ImageDigest != img.digest {
		return nil, badRequest("ImageDigestDoesNotMatchException", "The specified image digest does not match the digest that Amazon ECR calculated for the image.")
	}
	reference := in.ImageTag
	if reference == "" {
		reference = img.digest
	}
	old := repo.store.find(reference)
	if old != nil && old.digest == img.digest {
		return nil, badRequest("ImageAlreadyExistsException", "Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'", img.digest, printable(in.ImageTag), repo.name, reg.account.id)
	}
	if refusal := repo.refuseMove(reference); refusal != nil {
		return nil, badRequest("ImageTagAlreadyExistsException", "%s", refusal.message)
	}
	if img, refusal = repo.store.put(repo.name, reference, mediaType, manifest, c.now); refusal != nil {
		return nil, refusal.api()
	}
	return struct {
		Image imageShape `json:"image"`
	}{imageShape{reg.account.id, repo.name, imageID{img.digest, in.ImageTag}, in.ImageManifest, mediaType}}, nil
}

// api says the same in the words of ECR's API.
func (e *registryError) api() *apiError {
	switch e.code {
	case "BLOB_UNKNOWN":
		return badRequest("LayersNotFoundException", "%s", e.message)
	case "MANIFEST_UNKNOWN":
		return badRequest("ReferencedImagesNotFoundException", "%s", e.message)
	case "DIGEST_INVALID":
		return badRequest("InvalidLayerException", "%s", e.message)
	case "BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID":
		return badRequest("UploadNotFoundException", "%s", e.message)
	case "UNKNOWN":
		return apiErrorf(http.StatusInternalServerError, "ServerException", "%s", e.message)
	}
	return errECRParameter("imageManifest", "Invalid image manifest provided")
}
