package sandbox_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// What Terraform sets on a registry is kept, given back as it was, and refused
// where ECR refuses it.
func TestRegistrySettings(t *testing.T) {
	b := start(t, defaultConfig())
	c, ctx := ecrOf(b.owner()), t.Context()

	rules := &types.ReplicationConfiguration{Rules: []types.ReplicationRule{{
		Destinations:      []types.ReplicationDestination{{Region: aws.String("us-east-1"), RegistryId: aws.String(owner)}},
		RepositoryFilters: []types.RepositoryFilter{{Filter: aws.String("team/"), FilterType: types.RepositoryFilterTypePrefixMatch}},
	}}}
	must[*ecr.PutReplicationConfigurationOutput](t)(c.PutReplicationConfiguration(ctx, &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: rules}))
	kept := must[*ecr.DescribeRegistryOutput](t)(c.DescribeRegistry(ctx, nil)).ReplicationConfiguration.Rules
	wantEqual(t, "replication", aws.ToString(kept[0].Destinations[0].Region)+aws.ToString(kept[0].RepositoryFilters[0].Filter), "us-east-1team/")
	rules.Rules[0].Destinations[0].Region = aws.String(region)
	_, err := c.PutReplicationConfiguration(ctx, &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: rules})
	wantCode(t, "replication to itself", err, "InvalidParameterException", "same as the source")

	scanning := must[*ecr.GetRegistryScanningConfigurationOutput](t)(c.GetRegistryScanningConfiguration(ctx, nil))
	wantEqual(t, "the default scan type", scanning.ScanningConfiguration.ScanType, types.ScanTypeBasic)
	filter := []types.ScanningRepositoryFilter{{Filter: aws.String("*"), FilterType: types.ScanningRepositoryFilterTypeWildcard}}
	put := func(scan types.ScanType, frequency types.ScanFrequency) error {
		_, err := c.PutRegistryScanningConfiguration(ctx, &ecr.PutRegistryScanningConfigurationInput{
			ScanType: scan, Rules: []types.RegistryScanningRule{{ScanFrequency: frequency, RepositoryFilters: filter}},
		})
		return err
	}
	if err := put(types.ScanTypeEnhanced, types.ScanFrequencyContinuousScan); err != nil {
		t.Errorf("enhanced scanning: %v", err)
	}
	wantCode(t, "continuous basic scanning", put(types.ScanTypeBasic, types.ScanFrequencyContinuousScan), "InvalidParameterException", "scanFrequency")
	scanning = must[*ecr.GetRegistryScanningConfigurationOutput](t)(c.GetRegistryScanningConfiguration(ctx, nil))
	wantEqual(t, "the scan type kept", scanning.ScanningConfiguration.ScanType, types.ScanTypeEnhanced)

	setting := func(name, value string) error {
		_, err := c.PutAccountSetting(ctx, &ecr.PutAccountSettingInput{Name: aws.String(name), Value: aws.String(value)})
		return err
	}
	if err := setting("BASIC_SCAN_TYPE_VERSION", "CLAIR"); err != nil {
		t.Errorf("a scan type: %v", err)
	}
	got := must[*ecr.GetAccountSettingOutput](t)(c.GetAccountSetting(ctx, &ecr.GetAccountSettingInput{Name: aws.String("BASIC_SCAN_TYPE_VERSION")}))
	wantEqual(t, "the setting kept", aws.ToString(got.Value), "CLAIR")
	wantCode(t, "what the sandbox does not play", setting("BLOB_MOUNTING", "ENABLED"), "InvalidParameterException", "The sandbox plays")

	reader := b.as(sandbox.PlatformKeyID)
	_, err = ecrOf(reader).PutReplicationConfiguration(ctx, &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: rules})
	wantCode(t, "without the permission", err, "AccessDeniedException", "ecr:PutReplicationConfiguration")
}

func TestPullThroughCacheRules(t *testing.T) {
	b := start(t, defaultConfig())
	person := b.command(t, b.owner())
	person.aws("ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "quay", "--upstream-registry-url", "quay.io")
	person.refused("AlreadyExists", "ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "quay", "--upstream-registry-url", "quay.io")
	person.refused("credentialArn", "ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "hub", "--upstream-registry-url", "registry-1.docker.io")
	person.refused("UnsupportedUpstreamRegistry", "ecr", "create-pull-through-cache-rule", "--ecr-repository-prefix", "x1", "--upstream-registry-url", "registry.example.com")
	must[*ecr.CreatePullThroughCacheRuleOutput](t)(ecrOf(b.owner()).CreatePullThroughCacheRule(t.Context(), &ecr.CreatePullThroughCacheRuleInput{
		EcrRepositoryPrefix: aws.String("hub"), UpstreamRegistryUrl: aws.String("registry-1.docker.io"),
		CredentialArn: aws.String("arn:aws:secretsmanager:eu-west-1:222222222222:secret:ecr-pullthroughcache/hub"),
	}))
	all := person.aws("ecr", "describe-pull-through-cache-rules")["pullThroughCacheRules"].([]any)
	wantEqual(t, "rules", len(all), 2)
	person.aws("ecr", "delete-pull-through-cache-rule", "--ecr-repository-prefix", "hub")
	person.refused("PullThroughCacheRuleNotFound", "ecr", "describe-pull-through-cache-rules", "--ecr-repository-prefixes", "hub")
}

func TestCreationTemplates(t *testing.T) {
	b := start(t, defaultConfig())
	c, ctx := ecrOf(b.owner()), t.Context()
	in := &ecr.CreateRepositoryCreationTemplateInput{
		Prefix: aws.String("cache"), AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForPullThroughCache},
		RepositoryPolicy: aws.String(repositoryPolicy(platform)), ImageTagMutability: types.ImageTagMutabilityImmutable,
	}
	must[*ecr.CreateRepositoryCreationTemplateOutput](t)(c.CreateRepositoryCreationTemplate(ctx, in))
	_, err := c.CreateRepositoryCreationTemplate(ctx, in)
	wantCode(t, "the same again", err, "TemplateAlreadyExistsException", "")
	in.Prefix, in.RepositoryPolicy = aws.String("other"), aws.String("{}")
	_, err = c.CreateRepositoryCreationTemplate(ctx, in)
	wantCode(t, "a policy that no repository could have", err, "InvalidParameterException", "Invalid repository policy")
	must[*ecr.UpdateRepositoryCreationTemplateOutput](t)(c.UpdateRepositoryCreationTemplate(ctx, &ecr.UpdateRepositoryCreationTemplateInput{
		Prefix: aws.String("cache"), Description: aws.String("changed"),
	}))
	list := must[*ecr.DescribeRepositoryCreationTemplatesOutput](t)(c.DescribeRepositoryCreationTemplates(ctx, nil)).RepositoryCreationTemplates
	wantEqual(t, "what was not given stays", list[0].ImageTagMutability, types.ImageTagMutabilityImmutable)
	wantEqual(t, "what was given changed", aws.ToString(list[0].Description), "changed")
	must[*ecr.DeleteRepositoryCreationTemplateOutput](t)(c.DeleteRepositoryCreationTemplate(ctx, &ecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("cache")}))
	_, err = c.DeleteRepositoryCreationTemplate(ctx, &ecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("cache")})
	wantCode(t, "once it is gone", err, "TemplateNotFoundException", "")
}

func TestListImageReferrers(t *testing.T) {
	b := start(t, defaultConfig())
	raw := b.registryClient(t, b.owner())
	subject := raw.image("")
	raw.want("subject", raw.manifest("1", ociManifest, subject), http.StatusCreated, "")
	signature := raw.image(`,"artifactType":"example/sig","subject":{"mediaType":"` + ociManifest + `","size":` + strconv.Itoa(len(subject)) + `,"digest":"` + digestOf(subject) + `"}`)
	raw.want("signature", raw.manifest(digestOf(signature), ociManifest, signature), http.StatusCreated, "")
	find := func(kind string) []types.ImageReferrer {
		return must[*ecr.ListImageReferrersOutput](t)(ecrOf(b.owner()).ListImageReferrers(t.Context(), &ecr.ListImageReferrersInput{
			RepositoryName: aws.String("team/app"), SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String(digestOf(subject))},
			Filter: &types.ListImageReferrersFilter{ArtifactTypes: []string{kind}},
		})).Referrers
	}
	wantEqual(t, "of the type", aws.ToString(find("example/sig")[0].Digest), digestOf(signature))
	wantEqual(t, "of another type", len(find("example/other")), 0)
}

// What ECR refuses when a lifecycle policy is saved.
func TestLifecyclePolicies(t *testing.T) {
	b := start(t, defaultConfig())
	rule := func(priority int, selection, action string) string {
		return `{"rulePriority":` + strconv.Itoa(priority) + `,"description":"` + strings.Repeat("d", 60) + `","selection":{` + selection + `},"action":{` + action + `}}`
	}
	const (
		untagged = `"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14`
		tagged   = `"tagStatus":"tagged","tagPrefixList":["v"],"countType":"imageCountMoreThan","countNumber":3`
		everyone = `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":3`
		expire   = `"type":"expire"`
	)
	for _, test := range []struct{ name, rules, refusal string }{
		{"usual", rule(1, untagged, expire) + "," + rule(2, tagged, expire) + "," + rule(3, everyone, expire), ""},
		{"pattern", rule(1, strings.Replace(tagged, `tagPrefixList":["v"]`, `tagPatternList":["v*","*-rc"]`, 1), expire), ""},
		{"archive", rule(1, untagged, `"type":"transition","targetStorageClass":"archive"`), ""},
		{"tagged without a list", rule(1, strings.Replace(tagged, `"tagPrefixList":["v"],`, "", 1), expire), "tagPrefixList or tagPatternList"},
		{"untagged with a list", rule(1, `"tagPrefixList":["v"],`+untagged, expire), "go with tagStatus tagged"},
		{"any is not last", rule(1, everyone, expire) + "," + rule(2, tagged, expire), "highest rulePriority"},
		{"untagged twice", rule(1, untagged, expire) + "," + rule(2, untagged, expire), "only one rule can select untagged"},
		{"since without a unit", rule(1, strings.Replace(untagged, `"countUnit":"days",`, "", 1), expire), "needs countUnit days"},
		{"count with a unit", rule(1, `"countUnit":"days",`+tagged, expire), "countUnit goes with"},
		{"unknown count", rule(1, strings.Replace(everyone, "imageCountMoreThan", "imageAge", 1), expire), "countType must be one of"},
		{"unknown member", rule(1, `"x":1,`+everyone, expire), "expected shape"},
		{"unknown action", rule(1, everyone, `"type":"delete"`), "action is expire"},
		{"five wildcards", rule(1, strings.Replace(tagged, `tagPrefixList":["v"]`, `tagPatternList":["*a*b*c*d*"]`, 1), expire), "four wildcards"},
		{"priority twice", rule(1, tagged, expire) + "," + rule(1, everyone, expire), "unique"},
	} {
		_, err := ecrOf(b.owner()).PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{
			RepositoryName: aws.String("team/app"), LifecyclePolicyText: aws.String(`{"rules":[` + test.rules + `]}`),
		})
		if test.refusal != "" {
			wantCode(t, test.name, err, "InvalidParameterException", test.refusal)
		} else if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// Smaller refusals of ECR.
func TestECRRefusals(t *testing.T) {
	cfg := defaultConfig()
	user := &cfg.Accounts[1].Users[0]
	user.AttachedPolicies = nil
	user.InlinePolicies = map[string]sandbox.Document{"ecr": allow(`["ecr:*","kms:DescribeKey","kms:RetireGrant"]`)}
	b := start(t, cfg)
	c, ctx := ecrOf(b.owner()), t.Context()
	create := func(change func(*ecr.CreateRepositoryInput)) error {
		in := &ecr.CreateRepositoryInput{RepositoryName: aws.String("new/one")}
		change(in)
		_, err := c.CreateRepository(ctx, in)
		return err
	}
	key := func(name string) func(*ecr.CreateRepositoryInput) {
		return func(in *ecr.CreateRepositoryInput) {
			in.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKms, KmsKey: aws.String(name)}
		}
	}
	wantCode(t, "a KMS key without kms:CreateGrant", create(key("alias/mine")), "KmsException", "kms:CreateGrant")
	wantCode(t, "a key elsewhere", create(key("arn:aws:kms:us-east-1:222222222222:key/1")), "KmsException", "not a KMS key of this account and region")
	wantCode(t, "AWS's own tags", create(func(in *ecr.CreateRepositoryInput) {
		in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}
	}), "InvalidTagParameterException", "aws:")
	if err := create(func(in *ecr.CreateRepositoryInput) {
		in.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKms}
	}); err != nil {
		t.Errorf("AWS's key: %v", err)
	}
	_, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{NextToken: aws.String("xyz")})
	wantCode(t, "a token that ECR did not give", err, "InvalidParameterException", "nextToken")
	one := must[*ecr.DescribeRepositoriesOutput](t)(c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1)}))
	two := must[*ecr.DescribeRepositoriesOutput](t)(c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{NextToken: one.NextToken}))
	wantEqual(t, "the next page", aws.ToString(two.Repositories[0].RepositoryName), "team/app")
	person := b.command(t, b.owner())
	person.refused("The sandbox does not know the operation StartImageScan", "ecr", "start-image-scan", "--repository-name", "team/app", "--image-id", "imageTag=1")
	person.refused("the sandbox does not know it", "iam", "create-group", "--group-name", "g")
}
