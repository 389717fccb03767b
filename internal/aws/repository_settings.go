package aws

import (
	"encoding/json"
	"fmt"
	"reflect"

	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/pullpass/pullpass"
)

func mutabilityOf(r pullpass.RepositoryRules) ecrtypes.ImageTagMutability {
	if r.ImageTags == pullpass.TagsMutable {
		return ecrtypes.ImageTagMutabilityMutable
	}
	return ecrtypes.ImageTagMutabilityImmutable
}

type lifecycleRule struct {
	Priority    int                `json:"rulePriority"`
	Description string             `json:"description"`
	Selection   lifecycleSelection `json:"selection"`
	Action      map[string]string  `json:"action"`
}

type lifecycleSelection struct {
	TagStatus string `json:"tagStatus"`
	CountType string `json:"countType"`
	CountUnit string `json:"countUnit,omitempty"`
	Count     int    `json:"countNumber"`
}

// lifecycleText writes the rules; empty: there are none. ECR wants the rule for
// any image to come last.
func lifecycleText(r pullpass.RepositoryRules) (string, error) {
	var rules []lifecycleRule
	add := func(description string, s lifecycleSelection) {
		rules = append(rules, lifecycleRule{len(rules) + 1, description, s, map[string]string{"type": "expire"}})
	}
	if r.ExpireUntagged > 0 {
		add(
			"Pullpass: expire what no tag names",
			lifecycleSelection{"untagged", "sinceImagePushed", "days", r.ExpireUntagged},
		)
	}
	if r.KeepImages > 0 {
		add("Pullpass: keep the latest images", lifecycleSelection{"any", "imageCountMoreThan", "", r.KeepImages})
	}
	if len(rules) == 0 {
		return "", nil
	}
	text, err := json.Marshal(map[string]any{"rules": rules})
	if err != nil {
		return "", fmt.Errorf("writing a lifecycle policy: %w", err)
	}
	return string(text), nil
}

// sameJSON compares documents, not their spelling: AWS gives back its own.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
