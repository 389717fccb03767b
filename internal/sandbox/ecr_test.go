package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass/internal/sandbox"
)

func TestTerraformRepository(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), ecrOf(b.owner())
	name := aws.String("team/new")
	must[*ecr.CreateRepositoryOutput](t)(c.CreateRepository(ctx, &ecr.CreateRepositoryInput{
		RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
		Tags:                       []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}))
	read := func() types.Repository {
		t.Helper()
		return must[*ecr.DescribeRepositoriesOutput](t)(c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/new"}})).Repositories[0]
	}
	got := read()
	arn := got.RepositoryArn
	wantEqual(t, "arn", aws.ToString(arn), "arn:aws:ecr:eu-west-1:222222222222:repository/team/new")
	wantEqual(t, "uri", aws.ToString(got.RepositoryUri), "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/new")
	wantEqual(t, "mutability", got.ImageTagMutability, types.ImageTagMutabilityImmutable)
	wantEqual(t, "scanning", got.ImageScanningConfiguration.ScanOnPush, true)
	wantEqual(t, "encryption", got.EncryptionConfiguration.EncryptionType, types.EncryptionTypeAes256)
	tags := func() map[string]string {
		m := map[string]string{}
		for _, tag := range must[*ecr.ListTagsForResourceOutput](t)(c.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: arn})).Tags {
			m[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		return m
	}
	wantEqual(t, "tags", tags(), iamTags("team", "blue"))
	must[*ecr.TagResourceOutput](t)(c.TagResource(ctx, &ecr.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("cost"), Value: aws.String("1")}}}))
	must[*ecr.UntagResourceOutput](t)(c.UntagResource(ctx, &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))
	wantEqual(t, "tags after", tags(), iamTags("cost", "1"))
	must[*ecr.PutImageScanningConfigurationOutput](t)(c.PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{RepositoryName: name, ImageScanningConfiguration: &types.ImageScanningConfiguration{}}))
	wantEqual(t, "scanning after", read().ImageScanningConfiguration.ScanOnPush, false)

	// aws_ecr_repository_policy
	policy := repositoryPolicy("arn:aws:iam::111111111111:root")
	_, err := c.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: name})
	wantCode(t, "no repository policy", err, "RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name 'team/new' in the registry with id '222222222222'")
	must[*ecr.SetRepositoryPolicyOutput](t)(c.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: aws.String(policy)}))
	wantEqual(t, "repository policy", aws.ToString(must[*ecr.GetRepositoryPolicyOutput](t)(c.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: name})).PolicyText), policy)
	must[*ecr.DeleteRepositoryPolicyOutput](t)(c.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: name}))

	// aws_ecr_lifecycle_policy
	lifecycle := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}`
	_, err = c.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: name})
	wantCode(t, "no lifecycle policy", err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist")
	must[*ecr.PutLifecyclePolicyOutput](t)(c.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: aws.String(lifecycle)}))
	wantEqual(t, "lifecycle policy", aws.ToString(must[*ecr.GetLifecyclePolicyOutput](t)(c.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: name})).LifecyclePolicyText), lifecycle)
	_, err = c.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: aws.String(`{"rules":[]}`)})
	wantCode(t, "empty lifecycle policy", err, "InvalidParameterException", "Lifecycle policy validation failure")
	must[*ecr.DeleteLifecyclePolicyOutput](t)(c.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: name}))

	// aws_ecr_registry_policy
	registryPolicy := `{"Version":"2012-10-17","Statement":[{"Sid":"all","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["ecr:ReplicateImage"],"Resource":["arn:aws:ecr:eu-west-1:222222222222:repository/*"]}]}`
	_, err = c.GetRegistryPolicy(ctx, nil)
	wantCode(t, "no registry policy", err, "RegistryPolicyNotFoundException", "Registry policy does not exist in the registry with id '222222222222'")
	must[*ecr.PutRegistryPolicyOutput](t)(c.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(registryPolicy)}))
	wantEqual(t, "registry policy", aws.ToString(must[*ecr.GetRegistryPolicyOutput](t)(c.GetRegistryPolicy(ctx, nil)).PolicyText), registryPolicy)
	must[*ecr.DeleteRegistryPolicyOutput](t)(c.DeleteRegistryPolicy(ctx, nil))
	wantEqual(t, "registry", aws.ToString(must[*ecr.DescribeRegistryOutput](t)(c.DescribeRegistry(ctx, nil)).RegistryId), owner)

	_, err = c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: name})
	wantCode(t, "again", err, "RepositoryAlreadyExistsException", "The repository with name 'team/new' already exists in the registry with id '222222222222'")
	b.push(t, "team/new:1")
	_, err = c.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: name})
	wantCode(t, "with images", err, "RepositoryNotEmptyException", "still contains images")
	must[*ecr.DeleteRepositoryOutput](t)(c.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: name, Force: true}))
	_, err = c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"team/new"}})
	wantCode(t, "afterwards", err, "RepositoryNotFoundException", "The repository with name 'team/new' does not exist in the registry with id '222222222222'")
}

func TestRepositoryPolicyValidation(t *testing.T) {
	b := start(t, defaultConfig())
	const invalid = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
	tests := []struct{ name, policy, want string }{
		{"Sid with spaces", strings.Replace(repositoryPolicy(platform), `"Effect"`, `"Sid":"Gitpod Access","Effect"`, 1), ""},
		{"everyone", repositoryPolicy("*"), ""},
		{"Resource", strings.Replace(repositoryPolicy(platform), `"Effect"`, `"Resource":"*","Effect"`, 1), invalid},
		{"no principal", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*"}]}`, invalid},
		{"action of S3", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}`, invalid},
		{"not JSON", `{`, invalid},
		{"lockout", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*"}]}`, "prevent you from setting another one"},
		{"unknown role", repositoryPolicy("arn:aws:iam::111111111111:role/none"), "'Principal not found'"},
		{"role without its path", repositoryPolicy("arn:aws:iam::111111111111:user/x/pullpass"), "'Principal not found'"},
		{"too long", repositoryPolicy(platform) + strings.Repeat(" ", 10240), "less than or equal to 10240"},
	}
	for _, test := range tests {
		_, err := ecrOf(b.owner()).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("team/app"), PolicyText: aws.String(test.policy)})
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantCode(t, test.name, err, "InvalidParameterException", test.want)
	}
}

func TestImagesThroughTheAPI(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c := t.Context(), ecrOf(b.owner())
	img := b.push(t, "team/app:1")
	auth := b.login(t, b.owner())
	if err := remote.Tag(b.reference(t, owner, "team/app:1").Context().Tag("latest"), img, b.options(auth)...); err != nil {
		t.Fatalf("tag: %v", err)
	}
	digest := must[v1.Hash](t)(img.Digest()).String()
	name := aws.String("team/app")
	detail := must[*ecr.DescribeImagesOutput](t)(c.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: name})).ImageDetails
	if len(detail) != 1 {
		t.Fatalf("%d images, want 1", len(detail))
	}
	var layers int64
	for _, l := range must[[]v1.Layer](t)(img.Layers()) {
		layers += must[int64](t)(l.Size())
	}
	wantEqual(t, "digest", aws.ToString(detail[0].ImageDigest), digest)
	wantEqual(t, "tags", detail[0].ImageTags, []string{"1", "latest"})
	wantEqual(t, "size", aws.ToInt64(detail[0].ImageSizeInBytes), layers)
	wantEqual(t, "listed", len(must[*ecr.ListImagesOutput](t)(c.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: name})).ImageIds), 2)
	wantEqual(t, "untagged", len(must[*ecr.ListImagesOutput](t)(c.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: name, Filter: &types.ListImagesFilter{TagStatus: types.TagStatusUntagged}})).ImageIds), 0)

	batch := must[*ecr.BatchGetImageOutput](t)(c.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1")}, {ImageTag: aws.String("none")}}}))
	wantEqual(t, "manifest", aws.ToString(batch.Images[0].ImageManifest), string(must[[]byte](t)(img.RawManifest())))
	wantEqual(t, "failure", batch.Failures[0].FailureCode, types.ImageFailureCodeImageNotFound)

	layer := must[v1.Hash](t)(must[[]v1.Layer](t)(img.Layers())[0].Digest()).String()
	available := must[*ecr.BatchCheckLayerAvailabilityOutput](t)(c.BatchCheckLayerAvailability(ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: name, LayerDigests: []string{layer, "sha256:" + strings.Repeat("0", 64), "x"}}))
	wantEqual(t, "availability", []types.LayerAvailability{available.Layers[0].LayerAvailability, available.Layers[1].LayerAvailability}, []types.LayerAvailability{"AVAILABLE", "UNAVAILABLE"})
	wantEqual(t, "invalid digest", available.Failures[0].FailureCode, types.LayerFailureCodeInvalidLayerDigest)
	download := must[*ecr.GetDownloadUrlForLayerOutput](t)(c.GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: name, LayerDigest: aws.String(layer)}))
	r := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, aws.ToString(download.DownloadUrl), http.NoBody))
	if status, _ := b.do(t, r); status != http.StatusOK {
		t.Errorf("download: status %d", status)
	}

	// PutImage is how the API retags.
	manifest := batch.Images[0].ImageManifest
	must[*ecr.PutImageOutput](t)(c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, ImageManifest: manifest, ImageManifestMediaType: batch.Images[0].ImageManifestMediaType, ImageTag: aws.String("stable")}))
	_, err := c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, ImageManifest: manifest, ImageManifestMediaType: batch.Images[0].ImageManifestMediaType, ImageTag: aws.String("stable")})
	wantCode(t, "the same again", err, "ImageAlreadyExistsException", "already exists in the repository with name 'team/app'")
	if err := b.pull(t, auth, "team/app:stable"); err != nil {
		t.Errorf("pull of the new tag: %v", err)
	}

	remove := func(id types.ImageIdentifier) int {
		t.Helper()
		out := must[*ecr.BatchDeleteImageOutput](t)(c.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{id}}))
		return len(out.ImageIds)
	}
	wantEqual(t, "one tag removed", remove(types.ImageIdentifier{ImageTag: aws.String("latest")}), 1)
	wantStatus(t, "pull of a removed tag", b.pull(t, auth, "team/app:latest"), http.StatusNotFound, "MANIFEST_UNKNOWN")
	if err := b.pull(t, auth, "team/app:1"); err != nil {
		t.Errorf("pull of a tag that stayed: %v", err)
	}
	wantEqual(t, "image removed", remove(types.ImageIdentifier{ImageDigest: aws.String(digest)}), 2)
	wantStatus(t, "pull of a removed image", b.pull(t, auth, "team/app@"+digest), http.StatusNotFound, "MANIFEST_UNKNOWN")
	_, err = c.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("1")}}})
	wantCode(t, "afterwards", err, "ImageNotFoundException", "does not exist within the repository with name 'team/app'")
}

func TestIndexes(t *testing.T) {
	b := start(t, defaultConfig())
	img := must[v1.Image](t)(random.Image(64, 1))
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	auth := b.login(t, b.owner())
	if err := remote.WriteIndex(b.reference(t, owner, "team/app:multi"), index, b.options(auth)...); err != nil {
		t.Fatalf("push: %v", err)
	}
	if err := b.pull(t, auth, "team/app:multi"); err != nil {
		t.Errorf("pull: %v", err)
	}
}

func TestPages(t *testing.T) {
	cfg := defaultConfig()
	for i := range 150 {
		cfg.Accounts[1].Repositories = append(cfg.Accounts[1].Repositories, sandbox.Repository{Region: region, Name: fmt.Sprintf("many/r%03d", i)})
	}
	b := start(t, cfg)
	ctx, c := t.Context(), ecrOf(b.owner())
	first := must[*ecr.DescribeRepositoriesOutput](t)(c.DescribeRepositories(ctx, nil))
	wantEqual(t, "default page", len(first.Repositories), 100)
	second := must[*ecr.DescribeRepositoriesOutput](t)(c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{NextToken: first.NextToken}))
	wantEqual(t, "second page", len(second.Repositories), 51)
	if second.NextToken != nil {
		t.Errorf("there is a third page")
	}
	for _, n := range []int32{0, -1, 1001} {
		_, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(n)})
		wantCode(t, fmt.Sprint("maxResults ", n), err, "InvalidParameterException", "maxResults")
	}
	wantEqual(t, "largest page", len(must[*ecr.DescribeRepositoriesOutput](t)(c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})).Repositories), 151)
	_, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{NextToken: aws.String("%%%")})
	wantCode(t, "made-up token", err, "InvalidParameterException", "nextToken")

	// The registry's own listing refuses more than 1,000, too.
	auth := must[string](t)(basic(t, b))
	for n, want := range map[string]int{"1000": 200, "1001": 400, "0": 400, "x": 400} {
		r := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Registry(owner, region)+"/v2/_catalog?n="+n, http.NoBody))
		r.Header.Set("Authorization", auth)
		if status, body := b.do(t, r); status != want {
			t.Errorf("catalog n=%s: %d %s, want %d", n, status, body, want)
		}
	}
}

// basic is the Authorization header of the owner.
func basic(t *testing.T, b *box) (string, error) {
	t.Helper()
	cfg, err := b.login(t, b.owner()).Authorization()
	if err != nil {
		return "", err
	}
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(cfg.Username, cfg.Password)
	return r.Header.Get("Authorization"), nil
}

func TestUnknownOperationsAndMembers(t *testing.T) {
	b := start(t, defaultConfig())
	creds := must[aws.Credentials](t)(b.owner().Credentials.Retrieve(t.Context()))
	a := attempt{service: "ecr", region: region, credentials: creds, at: b.clock.now(), target: "AmazonEC2ContainerRegistry_V20150921."}
	tests := []struct{ operation, body, want string }{
		{"StartImageScan", "{}", "UnknownOperationException"},
		{"DescribeRepositories", `{"surprise":1}`, "SerializationException"},
		{"DescribeRepositories", `{`, "SerializationException"},
		{"DescribeImages", `{"repositoryName":"../etc"}`, "InvalidParameterException"},
		{"DescribeImages", `{"repositoryName":"team/app","registryId":"x"}`, "InvalidParameterException"},
	}
	for _, test := range tests {
		try := a
		try.target += test.operation
		try.body = test.body
		status, body := try.send(t, b, noChange)
		var answer struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 400 || answer.Type != test.want {
			t.Errorf("%s %s: %d %s, want %s", test.operation, test.body, status, body, test.want)
		}
	}
	for body, want := range map[string]string{
		"Action=NoSuchThing&Version=2011-06-15": "<Code>InvalidAction</Code>",
		"Version=2011-06-15":                    "<Code>MissingAction</Code>",
		"Action=GetCallerIdentity&Version=1999": "<Code>InvalidAction</Code>",
		"Action=%zz":                            "<Code>MalformedInput</Code>",
	} {
		try := attempt{service: "sts", region: region, credentials: creds, at: b.clock.now(), body: body}
		if status, answer := try.send(t, b, noChange); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want %s", body, status, answer, want)
		}
	}
	large := attempt{service: "sts", region: region, credentials: creds, at: b.clock.now(), body: whoAmI + "&x=" + strings.Repeat("x", 17<<20)}
	if status, answer := large.send(t, b, noChange); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d %.200s, want 413", status, answer)
	}
}
