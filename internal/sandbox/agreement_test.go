package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"pgregory.net/rapid"

	policy "github.com/pullpass/pullpass/internal/iam"
)

// statements draws a policy of a few statements about pulling.
func statements(rt *rapid.T, label string, principals bool) string {
	list := []string{`{"Effect":"Allow",` + subject(principals, `"*"`) + `"Action":"ecr:DescribeImages"}`}
	for i := range rapid.IntRange(0, 3).Draw(rt, label+" statements") {
		draw := func(what string, from ...string) string {
			return rapid.SampledFrom(from).Draw(rt, fmt.Sprint(label, " ", what, " ", i))
		}
		effect := draw("effect", "Allow", "Allow", "Allow", "Deny")
		action := draw("action", "ecr:*Layer", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:Batch*")
		who := draw("principal", `"*"`, `{"AWS":"arn:aws:iam::111111111111:root"}`, `{"AWS":"arn:aws:iam::111111111111:user/pullpass"}`, `{"AWS":"arn:aws:iam::222222222222:root"}`)
		list = append(list, `{"Effect":"`+effect+`",`+subject(principals, who)+`"Action":"`+action+`"}`)
	}
	text := `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
	if !principals {
		text = strings.ReplaceAll(text, `"Action"`, `"Resource":"*","Action"`)
	}
	return text
}

func subject(principals bool, who string) string {
	if !principals {
		return ""
	}
	return `"Principal":` + who + `,`
}

// Whatever the two policies say, a pull ends as the evaluator decides: at the
// manifest, at the first layer, or not at all.
func TestPullsEndAsTheEvaluatorSays(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	auth := b.login(t, b.pullpass())
	caller := must[policy.Principal](t)(policy.ParsePrincipal("arn:aws:iam::111111111111:user/pullpass"))
	ref := must[name.Reference](t)(name.ParseReference(b.Registry(owner, region)+"/team/app:1", name.Insecure))
	rapid.Check(t, func(rt *rapid.T) {
		identity, resource := statements(rt, "identity", false), statements(rt, "resource", true)
		if _, err := iamOf(b.platformAdmin()).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("pullpass"), PolicyName: aws.String("pull"), PolicyDocument: aws.String(identity)}); err != nil {
			rt.Fatalf("PutUserPolicy %s: %v", identity, err)
		}
		if _, err := ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/app"), PolicyText: aws.String(resource)}); err != nil {
			rt.Fatalf("SetRepositoryPolicy %s: %v", resource, err)
		}
		allowed := func(action string) bool {
			return policy.Evaluate(policy.Request{
				Action: action, Resource: "arn:aws:ecr:eu-west-1:222222222222:repository/team/app", Principal: caller, ResourceAccount: owner,
			}, policy.Policies{
				Identity: []*policy.Policy{must[*policy.Policy](t)(policy.Parse([]byte(identity)))},
				Resource: []*policy.Policy{must[*policy.Policy](t)(policy.Parse([]byte(resource)))},
			}).Effect == policy.Allowed
		}
		_, err := remote.Get(ref, b.options(auth)...)
		if got, want := err == nil, allowed("ecr:BatchGetImage"); got != want {
			rt.Errorf("manifest: %v, the evaluator says %v\nidentity %s\nresource %s", err, want, identity, resource)
		}
		if err != nil {
			return
		}
		err = b.pull(t, auth, "team/app:1")
		if got, want := err == nil, allowed("ecr:GetDownloadUrlForLayer"); got != want {
			rt.Errorf("layers: %v, the evaluator says %v\nidentity %s\nresource %s", err, want, identity, resource)
		}
	})
}

// What the built-in managed policies are for, and where each one ends.
func TestManagedPolicies(t *testing.T) {
	b := start(t, defaultConfig())
	b.push(t, "team/app:1")
	client := iamOf(b.owner())
	user := aws.String("ci")
	must[*iam.CreateUserOutput](t)(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: user}))
	key := must[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user})).AccessKey
	who := b.with(*key.AccessKeyId, *key.SecretAccessKey, "")
	tag := "" // a new one for each policy: what is there already needs no push
	work := []func() error{
		func() error { return b.pull(t, b.login(t, who), "team/app:1") },
		func() error {
			_, err := ecrOf(who).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("team/app")})
			return err
		},
		func() error {
			img, err := remote.Image(b.reference(t, owner, "team/app:1"), b.options(b.login(t, b.owner()))...)
			if err != nil {
				return err
			}
			return remote.Write(b.reference(t, owner, "team/app:"+tag), img, b.options(b.login(t, who))...)
		},
		func() error {
			_, err := ecrOf(who).PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("team/app"), ImageTagMutability: "MUTABLE"})
			return err
		},
		func() error {
			_, err := client.ListUsers(t.Context(), nil)
			if err != nil {
				return err
			}
			_, err = iamOf(who).ListUsers(t.Context(), nil)
			return err
		},
	}
	names := []string{"pull", "describe", "push", "manage", "IAM"}
	// Each policy allows that many of them, in this order.
	for arn, reach := range map[string]int{
		"AmazonEC2ContainerRegistryPullOnly": 1, "AmazonEC2ContainerRegistryReadOnly": 2,
		"AmazonEC2ContainerRegistryPowerUser": 3, "AmazonEC2ContainerRegistryFullAccess": 4, "AdministratorAccess": 5,
	} {
		attached := aws.String("arn:aws:iam::aws:policy/" + arn)
		must[*iam.AttachUserPolicyOutput](t)(client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: user, PolicyArn: attached}))
		tag = arn
		for i, do := range work {
			if err := do(); (err == nil) != (i < reach) {
				t.Errorf("%s: %s: error %v, want allowed %v", arn, names[i], err, i < reach)
			}
		}
		must[*iam.DetachUserPolicyOutput](t)(client.DetachUserPolicy(t.Context(), &iam.DetachUserPolicyInput{UserName: user, PolicyArn: attached}))
	}
}
