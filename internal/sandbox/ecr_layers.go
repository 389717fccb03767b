package sandbox

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

type layersInput struct {
	RegistryID     string   `json:"registryId"`
	RepositoryName string   `json:"repositoryName"`
	LayerDigests   []string `json:"layerDigests"`
}

type layerShape struct {
	LayerDigest       string `json:"layerDigest"`
	LayerAvailability string `json:"layerAvailability"`
	LayerSize         int64  `json:"layerSize,omitempty"`
	MediaType         string `json:"mediaType,omitempty"`
}

type layerFailure struct {
	LayerDigest   string `json:"layerDigest"`
	FailureCode   string `json:"failureCode"`
	FailureReason string `json:"failureReason"`
}

func batchCheckLayerAvailability(c *call, in *layersInput) (any, *apiError) {
	_, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:BatchCheckLayerAvailability")
	if err != nil {
		return nil, err
	}
	if len(in.LayerDigests) < 1 || len(in.LayerDigests) > 100 {
		return nil, errECRParameter(
			"layerDigests",
			"Member must have length less than or equal to 100 and greater than or equal to 1",
		)
	}
	layers, failures := []layerShape{}, []layerFailure{}
	for _, digest := range in.LayerDigests {
		h, err := v1.NewHash(digest)
		if err != nil {
			failures = append(
				failures,
				layerFailure{printable(digest), "InvalidLayerDigest", "Invalid request parameters: layer digest is not valid"},
			)
			continue
		}
		size, ok := repo.store.blobs.size(h)
		if !ok {
			layers = append(layers, layerShape{LayerDigest: digest, LayerAvailability: "UNAVAILABLE"})
			continue
		}
		layers = append(layers, layerShape{digest, "AVAILABLE", size, "application/vnd.docker.image.rootfs.diff.tar.gzip"})
	}
	return struct {
		Layers   []layerShape   `json:"layers"`
		Failures []layerFailure `json:"failures"`
	}{layers, failures}, nil
}

type downloadURLInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	LayerDigest    string `json:"layerDigest"`
}

func getDownloadURLForLayer(c *call, in *downloadURLInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:GetDownloadUrlForLayer")
	if err != nil {
		return nil, err
	}
	h, hashErr := v1.NewHash(in.LayerDigest)
	if hashErr != nil {
		return nil, errECRParameter(
			"layerDigest",
			"Member must satisfy regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+",
		)
	}
	if !repo.store.blobs.has(h) {
		return nil, badRequest(
			"LayersNotFoundException",
			"The layer with digest '%s' does not exist in the repository with name '%s' in the registry with id '%s'",
			h,
			repo.name,
			reg.account.id,
		)
	}
	return struct {
		DownloadURL string `json:"downloadUrl"`
		LayerDigest string `json:"layerDigest"`
	}{c.box.redirectFrom(c.request, reg.region)(repo.store.blobs.repository, h), h.String()}, nil
}
