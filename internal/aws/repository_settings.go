package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/iam/generate"
	"github.com/pullpass/pullpass/internal/printable"
)

func mutabilityOf(r pullpass.RepositoryRules) ecrtypes.ImageTagMutability {
	if r.ImageTags == pullpass.TagsMutable {
		return ecrtypes.ImageTagMutabilityMutable
	}
	return ecrtypes.ImageTagMutabilityImmutable
}

func (k *keeping) mutability(ctx context.Context, found *ecrtypes.Repository) error {
	want := mutabilityOf(k.w.Rules)
	if found.ImageTagMutability == want {
		return nil
	}
	k.changed("image tags")
	_, err := k.ecr.PutImageTagMutability(ctx, &ecr.PutImageTagMutabilityInput{RegistryId: k.registry(), RepositoryName: k.name(), ImageTagMutability: want})
	return err
}

func (k *keeping) scanning(ctx context.Context, found *ecrtypes.Repository) error {
	if c := found.ImageScanningConfiguration; c != nil && c.ScanOnPush == k.w.Rules.ScanOnPush {
		return nil
	}
	k.changed("scan on push")
	_, err := k.ecr.PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{
		RegistryId: k.registry(), RepositoryName: k.name(),
		ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{ScanOnPush: k.w.Rules.ScanOnPush},
	})
	return err
}

// policyIs sets the policy unless it is that already: whatever else is allowed or
// denied there goes.
func (k *keeping) policyIs(ctx context.Context, want generate.Policy) error {
	out, err := k.ecr.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RegistryId: k.registry(), RepositoryName: k.name()})
	var none *ecrtypes.RepositoryPolicyNotFoundException
	if err != nil && !errors.As(err, &none) {
		return err
	}
	text := string(want.Compact())
	if err == nil && sameJSON(aws.ToString(out.PolicyText), text) {
		return nil
	}
	k.changed("policy")
	_, err = k.ecr.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RegistryId: k.registry(), RepositoryName: k.name(), PolicyText: aws.String(text)})
	var invalid *ecrtypes.InvalidParameterException
	if errors.As(err, &invalid) {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "repository_policy", Cause: "ECR does not take its policy: " + printable.Line(invalid.ErrorMessage(), awscall.MaxShown),
			Hint: "a role or user that it names may not exist, or may have a path; where the project's own is named wrongly, let its integration assume a role by its full ARN"}
	}
	return err
}

// lifecycle sets the lifecycle policy, or takes it away where nothing expires.
func (k *keeping) lifecycle(ctx context.Context) error {
	want, err := lifecycleText(k.w.Rules)
	if err != nil {
		return err
	}
	out, err := k.ecr.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RegistryId: k.registry(), RepositoryName: k.name()})
	var none *ecrtypes.LifecyclePolicyNotFoundException
	there := !errors.As(err, &none)
	switch {
	case err != nil && there:
		return err
	case want == "" && !there, there && sameJSON(aws.ToString(out.LifecyclePolicyText), want):
		return nil
	}
	k.changed("lifecycle")
	if want == "" {
		_, err = k.ecr.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RegistryId: k.registry(), RepositoryName: k.name()})
		return err
	}
	_, err = k.ecr.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RegistryId: k.registry(), RepositoryName: k.name(), LifecyclePolicyText: aws.String(want)})
	return err
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
		add("Pullpass: expire what no tag names", lifecycleSelection{"untagged", "sinceImagePushed", "days", r.ExpireUntagged})
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
