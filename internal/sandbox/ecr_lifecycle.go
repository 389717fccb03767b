package sandbox

import (
	"bytes"
	"encoding/json"
	"strings"
)

type putLifecyclePolicyInput struct {
	RegistryID          string `json:"registryId"`
	RepositoryName      string `json:"repositoryName"`
	LifecyclePolicyText string `json:"lifecyclePolicyText"`
}

type lifecycleShape struct {
	RegistryID          string `json:"registryId"`
	RepositoryName      string `json:"repositoryName"`
	LifecyclePolicyText string `json:"lifecyclePolicyText"`
	LastEvaluatedAt     *epoch `json:"lastEvaluatedAt,omitempty"`
}

func putLifecyclePolicy(c *call, in *putLifecyclePolicyInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:PutLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	if reason := lifecycleFault(in.LifecyclePolicyText); reason != "" {
		return nil, errECRParameter("LifecyclePolicyText", "Lifecycle policy validation failure: "+reason)
	}
	repo.lifecycle, repo.evaluated = in.LifecyclePolicyText, c.now
	return lifecycleShape{reg.account.id, repo.name, repo.lifecycle, nil}, nil
}

func getLifecyclePolicy(c *call, in *repositoryInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:GetLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	if repo.lifecycle == "" {
		return nil, reg.noLifecycle(repo.name)
	}
	at := epoch(repo.evaluated)
	return lifecycleShape{reg.account.id, repo.name, repo.lifecycle, &at}, nil
}

func deleteLifecyclePolicy(c *call, in *repositoryInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:DeleteLifecyclePolicy")
	if err != nil {
		return nil, err
	}
	if repo.lifecycle == "" {
		return nil, reg.noLifecycle(repo.name)
	}
	at := epoch(repo.evaluated)
	shape := lifecycleShape{reg.account.id, repo.name, repo.lifecycle, &at}
	repo.lifecycle = ""
	return shape, nil
}

// maxLifecyclePolicy is ECR's limit of the text.
const maxLifecyclePolicy = 30720

type lifecycleRule struct {
	RulePriority int                `json:"rulePriority"`
	Description  string             `json:"description"`
	Selection    lifecycleSelection `json:"selection"`
	Action       struct {
		Type               string `json:"type"`
		TargetStorageClass string `json:"targetStorageClass"`
	} `json:"action"`
}

type lifecycleSelection struct {
	TagStatus      string   `json:"tagStatus"`
	TagPrefixList  []string `json:"tagPrefixList"`
	TagPatternList []string `json:"tagPatternList"`
	StorageClass   string   `json:"storageClass"`
	CountType      string   `json:"countType"`
	CountUnit      string   `json:"countUnit"`
	CountNumber    int      `json:"countNumber"`
}

// lifecycleFault says why ECR would not save a lifecycle policy, "" where it would:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
// The sandbox keeps the policy but expires nothing.
func lifecycleFault(text string) string {
	if len(text) < 100 || len(text) > maxLifecyclePolicy {
		return "the text has between 100 and 30720 characters"
	}
	var doc struct {
		Rules []lifecycleRule `json:"rules"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil || d.More() {
		return "the text is not a JSON object of the expected shape"
	}
	if len(doc.Rules) == 0 {
		return "object has missing required properties ([\"rules\"])"
	}
	seen, highest := map[int]bool{}, 0
	for _, r := range doc.Rules {
		if r.RulePriority < 1 || seen[r.RulePriority] {
			return "rulePriority must be unique and at least 1"
		}
		seen[r.RulePriority] = true
		highest = max(highest, r.RulePriority)
	}
	status := map[string]bool{}
	for _, r := range doc.Rules {
		if reason := r.fault(); reason != "" {
			return reason
		}
		key := r.Selection.TagStatus + "/" + r.Selection.StorageClass
		switch {
		case r.Selection.TagStatus == "tagged":
		case status[key]:
			return "only one rule can select " + r.Selection.TagStatus + " images"
		case r.Selection.TagStatus == "any" && r.RulePriority != highest:
			return "the rule with tagStatus any must have the highest rulePriority"
		}
		status[key] = true
	}
	return ""
}

func (r *lifecycleRule) fault() string {
	s := &r.Selection
	lists := len(s.TagPrefixList) > 0 || len(s.TagPatternList) > 0
	switch {
	case s.TagStatus != "tagged" && s.TagStatus != "untagged" && s.TagStatus != "any":
		return "tagStatus must be one of tagged, untagged, any"
	case s.TagStatus == "tagged" && (len(s.TagPrefixList) > 0) == (len(s.TagPatternList) > 0):
		return "tagStatus tagged needs either tagPrefixList or tagPatternList"
	case s.TagStatus != "tagged" && lists:
		return "tagPrefixList and tagPatternList go with tagStatus tagged"
	case s.CountNumber < 1:
		return "countNumber must be at least 1"
	case s.CountType == "imageCountMoreThan" && s.CountUnit != "":
		return "countUnit goes with the countTypes that begin with since"
	case strings.HasPrefix(s.CountType, "since") && s.CountUnit != "days":
		return "countType " + printable(s.CountType) + " needs countUnit days"
	}
	for _, pattern := range s.TagPatternList {
		if pattern == "" || strings.Count(pattern, "*") > 4 {
			return "a tag pattern has at most four wildcards"
		}
	}
	switch s.CountType {
	case "imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned":
	default:
		return "countType must be one of imageCountMoreThan, sinceImagePushed, sinceImagePulled, sinceImageTransitioned"
	}
	if r.Action.Type == "expire" && r.Action.TargetStorageClass == "" {
		return ""
	}
	if r.Action.Type == "transition" && r.Action.TargetStorageClass == "archive" {
		return ""
	}
	return "action is expire, or transition to the storage class archive"
}
