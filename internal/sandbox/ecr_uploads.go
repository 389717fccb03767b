package sandbox

import (
	"bytes"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// partSize is what ECR proposes for the parts of a layer.
const partSize = 10 << 20

// minPart is the least of every part but the last one.
const minPart = 5 << 20

type initiateUploadInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
}

func initiateLayerUpload(c *call, in *initiateUploadInput) (any, *apiError) {
	_, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:InitiateLayerUpload")
	if err != nil {
		return nil, err
	}
	up, storeErr := repo.store.uploads.begin(c.now)
	if storeErr != nil {
		return nil, uploadRefusal(storeErr).api()
	}
	return struct {
		UploadID string `json:"uploadId"`
		PartSize int64  `json:"partSize"`
	}{up.id, partSize}, nil
}

type uploadPartInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	UploadID       string `json:"uploadId"`
	PartFirstByte  int64  `json:"partFirstByte"`
	PartLastByte   int64  `json:"partLastByte"`
	LayerPartBlob  []byte `json:"layerPartBlob"`
}

type uploadShape struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	UploadID       string `json:"uploadId"`
}

func uploadLayerPart(c *call, in *uploadPartInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:UploadLayerPart")
	if err != nil {
		return nil, err
	}
	up, err := repo.upload(reg, in.UploadID)
	if err != nil {
		return nil, err
	}
	invalid := badRequest(
		"InvalidLayerPartException",
		"Invalid layer part. Layer part first and last byte do not fit what was uploaded before.",
	)
	if in.PartFirstByte < 0 || in.PartLastByte-in.PartFirstByte+1 != int64(len(in.LayerPartBlob)) {
		return nil, invalid
	}
	size, addErr := up.add(in.PartFirstByte, bytes.NewReader(in.LayerPartBlob))
	switch {
	case errors.Is(addErr, errWrongPlace), errors.Is(addErr, errUploadBusy), errors.Is(addErr, errUploadDone):
		return nil, invalid
	case addErr != nil:
		return nil, uploadRefusal(addErr).api()
	}
	return struct {
		uploadShape
		LastByteReceived int64 `json:"lastByteReceived"`
	}{uploadShape{reg.account.id, repo.name, up.id}, size - 1}, nil
}

type completeUploadInput struct {
	RegistryID     string   `json:"registryId"`
	RepositoryName string   `json:"repositoryName"`
	UploadID       string   `json:"uploadId"`
	LayerDigests   []string `json:"layerDigests"`
}

func completeLayerUpload(c *call, in *completeUploadInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:CompleteLayerUpload")
	if err != nil {
		return nil, err
	}
	up, err := repo.upload(reg, in.UploadID)
	if err != nil {
		return nil, err
	}
	if up.size() == 0 {
		return nil, badRequest(
			"EmptyUploadException",
			"Upload with id '%s' in the repository with name '%s' in the registry with id '%s' is empty",
			up.id,
			repo.name,
			reg.account.id,
		)
	}
	if up.hasShortPart() {
		// Nothing can make a layer of it any more.
		if err := repo.store.uploads.cancel(up); err != nil {
			return nil, uploadRefusal(err).api()
		}
		return nil, badRequest(
			"LayerPartTooSmallException",
			"Layer parts must be at least 5 MiB in size, all but the last one",
		)
	}
	for _, digest := range in.LayerDigests {
		if h, hashErr := v1.NewHash(digest); hashErr == nil && repo.store.blobs.has(h) {
			return nil, badRequest(
				"LayerAlreadyExistsException",
				"Layer with digest '%s' already exists in the repository with name '%s' in registry with id '%s'",
				h,
				repo.name,
				reg.account.id,
			)
		}
	}
	digest, refusal := repo.store.uploads.finish(up, in.LayerDigests...)
	if refusal != nil {
		return nil, refusal.api()
	}
	return struct {
		uploadShape
		LayerDigest string `json:"layerDigest"`
	}{uploadShape{reg.account.id, repo.name, up.id}, digest.String()}, nil
}
