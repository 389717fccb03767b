package sandbox

import (
	"maps"
	"strings"
)

type resourceInput struct {
	ResourceARN string `json:"resourceArn"`
}

type tagResourceInput struct {
	ResourceARN string     `json:"resourceArn"`
	Tags        []tagEntry `json:"tags"`
}

type untagResourceInput struct {
	ResourceARN string   `json:"resourceArn"`
	TagKeys     []string `json:"tagKeys"`
}

func listTagsForResource(c *call, in *resourceInput) (any, *apiError) {
	repo, err := c.repositoryByARN(in.ResourceARN, "ecr:ListTagsForResource")
	if err != nil {
		return nil, err
	}
	return struct {
		Tags []tagEntry `json:"tags"`
	}{tagEntries(repo.tags)}, nil
}

func tagResource(c *call, in *tagResourceInput) (any, *apiError) {
	repo, err := c.repositoryByARN(in.ResourceARN, "ecr:TagResource")
	if err != nil {
		return nil, err
	}
	if err := checkRepositoryTags(in.Tags); err != nil {
		return nil, err
	}
	tags := maps.Clone(repo.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, tagMap(in.Tags))
	if len(tags) > 50 {
		return nil, badRequest("TooManyTagsException", "A repository can have at most 50 tags")
	}
	repo.tags = tags
	return struct{}{}, nil
}

// checkRepositoryTags refuses what ECR refuses of tags.
func checkRepositoryTags(list []tagEntry) *apiError {
	if len(list) > 50 {
		return badRequest("TooManyTagsException", "A repository can have at most 50 tags")
	}
	for _, t := range list {
		if t.Key == "" || len(t.Key) > 128 || len(t.Value) > 256 || strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return badRequest(
				"InvalidTagParameterException",
				"A tag's key has 1 to 128 characters and does not begin with aws:, its value has at most 256",
			)
		}
	}
	return nil
}

func untagResource(c *call, in *untagResourceInput) (any, *apiError) {
	repo, err := c.repositoryByARN(in.ResourceARN, "ecr:UntagResource")
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(repo.tags, key)
	}
	return struct{}{}, nil
}

// repositoryByARN takes arn:aws:ecr:<region>:<account>:repository/<name>.
func (c *call) repositoryByARN(arn, action string) (*repository, *apiError) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "ecr" || !strings.HasPrefix(parts[5], "repository/") {
		return nil, badRequest(
			"InvalidParameterException",
			"Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'",
		)
	}
	if parts[3] != c.region {
		return nil, badRequest(
			"InvalidParameterException",
			"Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Region does not match'",
		)
	}
	_, repo, err := c.repository(parts[4], strings.TrimPrefix(parts[5], "repository/"), action)
	return repo, err
}
