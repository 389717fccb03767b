package aws

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/iam/generate"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/provision"
)

// Principal says who an integration is: its account, and the ARN that a policy
// names, which is a role's and never one of its sessions'.
func (m *Minter) Principal(ctx context.Context, id provision.Identity) (account, arn string, err error) {
	what := "cannot identify the integration " + id.Integration.Name
	l := m.ladder(asMint(id))
	top, err := l.climb(ctx, "")
	if err != nil {
		m.forget(l.key, err)
		return "", "", awscall.Explain(what, err, m.o.Now())
	}
	out, err := l.sts(top.provider).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		m.forget(l.key, err)
		return "", "", awscall.Explain(what, err, m.o.Now())
	}
	if n := len(id.Integration.Chain); n > 0 {
		return aws.ToString(out.Account), id.Integration.Chain[n-1].RoleARN, nil
	}
	arn, _ = awsname.RoleOfSession(aws.ToString(out.Arn))
	return aws.ToString(out.Account), arn, nil
}

func asMint(id provision.Identity) broker.MintRequest {
	return broker.MintRequest{
		Organization: id.Organization, Project: id.Project, Integration: id.Integration, Secret: id.Secret, Host: id.Host,
		Wait: func(ctx context.Context, s broker.Service) error { return id.Wait(ctx, string(s)) },
	}
}

// keeping is one visit to a repository: by an identity whose session reaches this
// repository alone, and does to it what has to be done.
type keeping struct {
	m      *Minter
	w      provision.Wanted
	ecr    *ecr.Client
	policy generate.Policy // what the session is limited to, and what the identity needs
	top    rung
	kept   provision.Kept
}

func (k *keeping) place() generate.ECR {
	e := k.w.Host.ECR
	return generate.ECR{Account: e.Account, Region: e.Region, Partition: string(e.Partition())}
}

// keeping climbs the integration's ladder to a session that a policy limits.
func (m *Minter) keeping(
	ctx context.Context,
	w provision.Wanted,
	policyOf func(generate.ECR, string) (generate.Policy, error),
) (*keeping, error) {
	k := &keeping{m: m, w: w}
	if w.Host.ECR == nil {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: k.what(), Cause: "its host is not an ECR host"}
	}
	var err error
	if k.policy, err = policyOf(k.place(), w.Name); err != nil {
		return nil, err
	}
	l := m.ladder(asMint(w.Identity))
	if k.top, err = l.climb(ctx, string(k.policy.Compact())); err != nil {
		m.forget(l.key, err)
		return nil, awscall.Explain(k.what(), err, m.o.Now())
	}
	k.kept.Unscoped = !k.top.narrowed
	k.ecr = ecr.NewFromConfig(
		m.config(w.Host.ECR.Region, k.top.provider, l.wait(broker.ServiceECR)),
		func(o *ecr.Options) {
			o.BaseEndpoint = aws.String(w.Host.ECR.APIEndpoint())
		},
	)
	return k, nil
}

func (k *keeping) what() string {
	return "cannot keep the repository " + k.w.Host.Name + "/" + k.w.Name
}

// explain adds to a refusal the very statement that is missing.
func (k *keeping) explain(err error) error {
	out := awscall.Explain(k.what(), err, k.m.o.Now())
	var e *pullpass.Error
	if errors.As(out, &e) && e.Code == pullpass.CodeAWSDenied && !strings.Contains(e.Cause, "explicit deny") {
		e.Code = "repository_denied"
		e.Hint = "add to the identity policy of " + k.top.principal + ": " + string(k.policy.Compact())
	}
	return out
}

// KeepRepository makes a repository as wanted, and changes only what is not.
func (m *Minter) KeepRepository(ctx context.Context, w provision.Wanted) (provision.Kept, error) {
	k, err := m.keeping(ctx, w, generate.Keep)
	if err != nil {
		return provision.Kept{}, err
	}
	policy, err := generate.Shared(k.place(), w.Name, w.Pull, w.Push)
	if err != nil {
		return provision.Kept{}, err
	}
	found, err := k.findOrCreate(ctx)
	if err != nil {
		return provision.Kept{}, k.explain(err)
	}
	for _, step := range []func() error{
		func() error { return k.mutability(ctx, found) },
		func() error { return k.scanning(ctx, found) },
		func() error { return k.policyIs(ctx, policy) },
		func() error { return k.lifecycle(ctx) },
	} {
		if err := step(); err != nil {
			return provision.Kept{}, k.explain(err)
		}
	}
	return k.kept, nil
}

func (k *keeping) name() *string     { return aws.String(k.w.Name) }
func (k *keeping) registry() *string { return aws.String(k.w.Host.ECR.Account) }

func (k *keeping) changed(what string) { k.kept.Changed = append(k.kept.Changed, what) }

// findOrCreate finds the repository and makes sure that it is ours, or creates it
// with our tags on it from the first moment: whoever else creates it at the same
// time finds it, and knows whose it is.
func (k *keeping) findOrCreate(ctx context.Context) (*ecrtypes.Repository, error) {
	found, err := k.find(ctx)
	if found == nil && err == nil {
		out, createErr := k.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{
			RegistryId: k.registry(), RepositoryName: k.name(), Tags: ecrTags(k.tags()),
			ImageTagMutability:         mutabilityOf(k.w.Rules),
			ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{ScanOnPush: k.w.Rules.ScanOnPush},
		})
		var exists *ecrtypes.RepositoryAlreadyExistsException
		switch {
		case createErr == nil:
			k.changed("created")
			return out.Repository, nil
		case !errors.As(createErr, &exists):
			return nil, createErr
		}
		if found, err = k.find(ctx); found == nil && err == nil {
			err = createErr // there a moment ago
		}
	}
	if err != nil {
		return nil, err
	}
	return found, k.claim(ctx, aws.ToString(found.RepositoryArn))
}

// find returns nil for what is not there.
func (k *keeping) find(ctx context.Context) (*ecrtypes.Repository, error) {
	out, err := k.ecr.DescribeRepositories(
		ctx,
		&ecr.DescribeRepositoriesInput{RegistryId: k.registry(), RepositoryNames: []string{k.w.Name}},
	)
	var none *ecrtypes.RepositoryNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(out.Repositories) != 1 {
		return nil, &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "aws_answer",
			Cause: "ECR's answer names another number of repositories than was asked for",
		}
	}
	return &out.Repositories[0], nil
}

// claim refuses a repository that is somebody else's, or puts our tags right.
func (k *keeping) claim(ctx context.Context, arn string) error {
	tags, err := k.tagsOf(ctx, arn)
	if err != nil {
		return err
	}
	if err := k.ours(tags); err != nil {
		return err
	}
	missing := map[string]string{}
	for key, value := range k.tags() {
		if have, ok := tags[key]; !ok || have != value {
			missing[key] = value
		}
	}
	if len(missing) == 0 {
		return nil
	}
	k.changed("tags")
	_, err = k.ecr.TagResource(ctx, &ecr.TagResourceInput{ResourceArn: aws.String(arn), Tags: ecrTags(missing)})
	return err
}

// ours: a repository with the tags of another project or organization is never
// taken over; one without any only if that was asked for.
func (k *keeping) ours(tags map[string]string) error {
	unmarked := true
	for key, value := range k.w.Ours {
		have, ok := tags[key]
		unmarked = unmarked && !ok
		if ok && have != value {
			return &pullpass.Error{
				Kind: pullpass.Conflict,
				Code: "repository_of_another",
				Cause: "it exists and its tag " + key + " says that it is kept for another one: " + printable.Line(
					have,
					awscall.MaxShown,
				),
				Hint: "choose another name: --name; or remove that tag in AWS if nobody keeps it any more",
			}
		}
	}
	if unmarked && !k.w.Adopt {
		return &pullpass.Error{
			Kind:  pullpass.Conflict,
			Code:  "repository_not_ours",
			Cause: "it exists and was not created by Pullpass: its policy, tags and lifecycle would be replaced",
			Hint:  "take it over with --adopt, or choose another name: --name",
		}
	}
	return nil
}

func (k *keeping) tagsOf(ctx context.Context, arn string) (map[string]string, error) {
	out, err := k.ecr.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(out.Tags))
	for _, t := range out.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// tags are everything that it is to carry; ours cannot be replaced.
func (k *keeping) tags() map[string]string {
	all := maps.Clone(k.w.Rules.Tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, k.w.Ours)
	return all
}

func (k *keeping) mutability(ctx context.Context, found *ecrtypes.Repository) error {
	want := mutabilityOf(k.w.Rules)
	if found.ImageTagMutability == want {
		return nil
	}
	k.changed("image tags")
	_, err := k.ecr.PutImageTagMutability(
		ctx,
		&ecr.PutImageTagMutabilityInput{RegistryId: k.registry(), RepositoryName: k.name(), ImageTagMutability: want},
	)
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
	out, err := k.ecr.GetRepositoryPolicy(
		ctx,
		&ecr.GetRepositoryPolicyInput{RegistryId: k.registry(), RepositoryName: k.name()},
	)
	var none *ecrtypes.RepositoryPolicyNotFoundException
	if err != nil && !errors.As(err, &none) {
		return err
	}
	text := string(want.Compact())
	if err == nil && sameJSON(aws.ToString(out.PolicyText), text) {
		return nil
	}
	k.changed("policy")
	_, err = k.ecr.SetRepositoryPolicy(
		ctx,
		&ecr.SetRepositoryPolicyInput{RegistryId: k.registry(), RepositoryName: k.name(), PolicyText: aws.String(text)},
	)
	var invalid *ecrtypes.InvalidParameterException
	if errors.As(err, &invalid) {
		return &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "repository_policy",
			Cause: "ECR does not take its policy: " + printable.Line(invalid.ErrorMessage(), awscall.MaxShown),
			Hint:  "a role or user that it names may not exist, or may have a path; where the project's own is named wrongly, let its integration assume a role by its full ARN",
		}
	}
	return err
}

// lifecycle sets the lifecycle policy, or takes it away where nothing expires.
func (k *keeping) lifecycle(ctx context.Context) error {
	want, err := lifecycleText(k.w.Rules)
	if err != nil {
		return err
	}
	out, err := k.ecr.GetLifecyclePolicy(
		ctx,
		&ecr.GetLifecyclePolicyInput{RegistryId: k.registry(), RepositoryName: k.name()},
	)
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
		_, err = k.ecr.DeleteLifecyclePolicy(
			ctx,
			&ecr.DeleteLifecyclePolicyInput{RegistryId: k.registry(), RepositoryName: k.name()},
		)
		return err
	}
	_, err = k.ecr.PutLifecyclePolicy(
		ctx,
		&ecr.PutLifecyclePolicyInput{
			RegistryId:          k.registry(),
			RepositoryName:      k.name(),
			LifecyclePolicyText: aws.String(want),
		},
	)
	return err
}

func ecrTags(tags map[string]string) []ecrtypes.Tag {
	var out []ecrtypes.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, ecrtypes.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out
}

// RemoveRepository deletes a repository with its images, if it is ours.
func (m *Minter) RemoveRepository(ctx context.Context, w provision.Wanted) error {
	k, err := m.keeping(ctx, w, generate.Remove)
	if err != nil {
		return err
	}
	found, err := k.find(ctx)
	if err != nil {
		return k.explain(err)
	}
	if found == nil {
		return nil
	}
	tags, err := k.tagsOf(ctx, aws.ToString(found.RepositoryArn))
	if err == nil {
		err = k.ours(tags)
	}
	if err != nil {
		return k.explain(err)
	}
	_, err = k.ecr.DeleteRepository(
		ctx,
		&ecr.DeleteRepositoryInput{RegistryId: k.registry(), RepositoryName: k.name(), Force: true},
	)
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "RepositoryNotFoundException" {
		return nil // somebody was faster
	}
	if err != nil {
		return k.explain(err)
	}
	return nil
}
