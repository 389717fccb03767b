package sandbox

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

type imageFailure struct {
	ImageID       imageID `json:"imageId"`
	FailureCode   string  `json:"failureCode"`
	FailureReason string  `json:"failureReason"`
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
		return nil, badRequest(
			"ImageDigestDoesNotMatchException",
			"The specified image digest does not match the digest that Amazon ECR calculated for the image.",
		)
	}
	reference := in.ImageTag
	if reference == "" {
		reference = img.digest
	}
	old := repo.store.find(reference)
	if old != nil && old.digest == img.digest {
		return nil, badRequest(
			"ImageAlreadyExistsException",
			"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
			img.digest,
			printable(in.ImageTag),
			repo.name,
			reg.account.id,
		)
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
