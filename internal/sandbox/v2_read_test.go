package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/sandbox"
)

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
)

func (b *box) registryClient(t *testing.T, c aws.Config) *registryClient {
	t.Helper()
	auth := must[string](t)(basicAuth(t, b, c))
	return &registryClient{t: t, box: b, auth: auth}
}

func basicAuth(t *testing.T, b *box, c aws.Config) (string, error) {
	t.Helper()
	out, err := ecrOf(c).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return "", err
	}
	token := aws.ToString(out.AuthorizationData[0].AuthorizationToken)
	b.log.secret(token)
	return "Basic " + token, nil
}

// blob uploads a layer in one request.
func (c *registryClient) blob(content string) string {
	c.t.Helper()
	digest := digestOf(content)
	c.want("blob", c.send(http.MethodPost, "/v2/team/app/blobs/uploads/?digest="+digest, content, ""), http.StatusCreated, "")
	return digest
}

// manifest pushes a manifest and returns the answer.
func (c *registryClient) manifest(reference, mediaType, body string) registryAnswer {
	c.t.Helper()
	c.contentType = mediaType
	defer func() { c.contentType = "" }()
	return c.send(http.MethodPut, "/v2/team/app/manifests/"+reference, body, "")
}

func (c *registryClient) image(more string) string {
	config := c.blob("{}")
	return `{"schemaVersion":2,"mediaType":"` + ociManifest + `","config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":"` +
		config + `"},"layers":[]` + more + `}`
}

func tagsIn(t *testing.T, a registryAnswer) []string {
	t.Helper()
	var list struct {
		Name string
		Tags []string
	}
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Name != "team/app" || list.Tags == nil {
		t.Errorf("the list of tags is %q: %v", a.body, err)
	}
	return list.Tags
}

// Tags are listed as ECR lists them: pages of at most 1,000, with a Link.
func TestTagsList(t *testing.T) {
	b := start(t, defaultConfig())
	c := b.registryClient(t, b.owner())
	empty := c.send(http.MethodGet, "/v2/team/app/tags/list", "", "")
	c.want("an empty repository", empty, http.StatusOK, `{"name":"team/app","tags":[]}`)
	if got := empty.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("content type %q", got)
	}
	c.want("no repository", c.send(http.MethodGet, "/v2/team/other/tags/list", "", ""), http.StatusNotFound, "NAME_UNKNOWN")

	image := c.image("")
	const count = 1234
	var want []string
	for i := range count {
		tag := "v" + strconv.Itoa(10000+i)
		want = append(want, tag)
		c.want("push "+tag, c.manifest(tag, ociManifest, image), http.StatusCreated, "")
	}
	first := c.send(http.MethodGet, "/v2/team/app/tags/list", "", "")
	wantEqual(t, "the first page", len(tagsIn(t, first)), 1000)
	link := first.header.Get("Link")
	if link != `</v2/team/app/tags/list?last=v10999&n=1000>; rel="next"` {
		t.Errorf("Link: %s", link)
	}
	rest := c.send(http.MethodGet, strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<"), "", "")
	wantEqual(t, "the second page", len(tagsIn(t, rest)), count-1000)
	wantEqual(t, "Link of the last page", rest.header.Get("Link"), "")
	wantEqual(t, "n and last", tagsIn(t, c.send(http.MethodGet, "/v2/team/app/tags/list?n=2&last=v10003", "", "")), []string{"v10004", "v10005"})
	wantEqual(t, "last is not a tag", tagsIn(t, c.send(http.MethodGet, "/v2/team/app/tags/list?n=1&last=v100035", "", "")), []string{"v10004"})
	wantEqual(t, "past the end", tagsIn(t, c.send(http.MethodGet, "/v2/team/app/tags/list?n=3&last=zzzz", "", "")), []string{})
	for _, n := range []string{"-1", "0", "1001", "x", ""} {
		c.want("n="+n, c.send(http.MethodGet, "/v2/team/app/tags/list?n="+n, "", ""), http.StatusBadRequest, "Invalid parameter at 'maxResults'")
	}

	repo := must[name.Repository](t)(name.NewRepository(b.Registry(owner, region)+"/team/app", name.Insecure))
	all := must[[]string](t)(remote.List(repo, b.options(b.login(t, b.owner()))...))
	if !slices.Equal(all, want) {
		t.Errorf("crane's library lists %d tags, want %d", len(all), count)
	}
	person := b.command(t, b.owner())
	password := must[string](t)(person.try("ecr", "get-login-password"))
	out := must[string](t)(person.run("", parts.Command(t, "skopeo"), "list-tags", "--tls-verify=false",
		"--creds", "AWS:"+strings.TrimSpace(password), "docker://"+b.Registry(owner, region)+"/team/app"))
	if got := strings.Count(out, `"v1`); got != count {
		t.Errorf("skopeo lists %d tags, want %d", got, count)
	}
}

// referrersIn reads the answer of the referrers API.
func referrersIn(t *testing.T, a registryAnswer) []v1.Descriptor {
	t.Helper()
	var index v1.IndexManifest
	if err := json.Unmarshal([]byte(a.body), &index); err != nil || a.status != http.StatusOK {
		t.Fatalf("referrers: %d %s: %v", a.status, a.body, err)
	}
	if got := a.header.Get("Content-Type"); got != ociIndex || string(index.MediaType) != ociIndex || index.SchemaVersion != 2 {
		t.Errorf("referrers are of type %q, %q, version %d", got, index.MediaType, index.SchemaVersion)
	}
	return index.Manifests
}

// Signatures and SBOMs are found by what they refer to and by what they are.
func TestReferrers(t *testing.T) {
	cfg := defaultConfig()
	cfg.Accounts[1].Repositories[0].Policy = sandbox.Document(repositoryPolicy(platform))
	b := start(t, cfg)
	c := b.registryClient(t, b.owner())
	subject := c.image("")
	digest := digestOf(subject)
	path := "/v2/team/app/referrers/" + digest
	wantEqual(t, "referrers of what is not there", len(referrersIn(t, c.send(http.MethodGet, path, "", ""))), 0)
	c.want("push the subject", c.manifest("1", ociManifest, subject), http.StatusCreated, "")
	wantEqual(t, "referrers of an image without any", len(referrersIn(t, c.send(http.MethodGet, path, "", ""))), 0)

	refer := `,"subject":{"mediaType":"` + ociManifest + `","size":` + strconv.Itoa(len(subject)) + `,"digest":"` + digest + `"}`
	signature := c.image(refer + `,"artifactType":"application/vnd.cncf.notary.signature","annotations":{"a":"b"}`)
	plain := c.image(refer)
	index := `{"schemaVersion":2,"mediaType":"` + ociIndex + `","artifactType":"example/list","manifests":[]` + refer + `}`
	for what, push := range map[string]registryAnswer{
		"signature": c.manifest(digestOf(signature), ociManifest, signature),
		"plain":     c.manifest(digestOf(plain), ociManifest, plain),
		"index":     c.manifest(digestOf(index), ociIndex, index),
	} {
		c.want(what, push, http.StatusCreated, "")
		wantEqual(t, "OCI-Subject of the "+what, push.header.Get("Oci-Subject"), digest)
	}
	found := map[string]v1.Descriptor{}
	for _, d := range referrersIn(t, c.send(http.MethodGet, path, "", "")) {
		found[d.ArtifactType] = d
	}
	wantEqual(t, "all referrers", len(found), 3)
	wantEqual(t, "the signature", found["application/vnd.cncf.notary.signature"].Digest.String(), digestOf(signature))
	wantEqual(t, "its annotations", found["application/vnd.cncf.notary.signature"].Annotations["a"], "b")
	wantEqual(t, "its size", found["application/vnd.cncf.notary.signature"].Size, int64(len(signature)))
	wantEqual(t, "an image's type is its config's", found["application/vnd.oci.empty.v1+json"].Digest.String(), digestOf(plain))
	wantEqual(t, "the index", string(found["example/list"].MediaType), ociIndex)

	filtered := c.send(http.MethodGet, path+"?artifactType=example/list", "", "")
	wantEqual(t, "filtered", len(referrersIn(t, filtered)), 1)
	wantEqual(t, "OCI-Filters-Applied", filtered.header.Get("Oci-Filters-Applied"), "artifactType")
	c.want("not a digest", c.send(http.MethodGet, "/v2/team/app/referrers/latest", "", ""), http.StatusBadRequest, "DIGEST_INVALID")

	// A principal that may only pull can verify.
	puller := b.registryClient(t, b.pullpass())
	wantEqual(t, "with pull permissions", len(referrersIn(t, puller.send(http.MethodGet, path, "", ""))), 3)
	ref := must[name.Digest](t)(name.NewDigest(b.Registry(owner, region)+"/team/app@"+digest, name.Insecure))
	seen := must[v1.ImageIndex](t)(remote.Referrers(ref, b.options(b.login(t, b.pullpass()))...))
	wantEqual(t, "crane's library finds", len(must[*v1.IndexManifest](t)(seen.IndexManifest()).Manifests), 3)
}

// Manifests and tags are taken and refused as ECR does.
func TestManifestsAsECRTakesThem(t *testing.T) {
	b := start(t, defaultConfig())
	c := b.registryClient(t, b.owner())
	image := c.image("")
	for tag, status := range map[string]int{
		"1.0": http.StatusCreated, "_x": http.StatusCreated, strings.Repeat("a", 128): http.StatusCreated,
		strings.Repeat("a", 129): http.StatusBadRequest, "2024.42.27+1234a5c05": http.StatusBadRequest,
		".x": http.StatusBadRequest, "-x": http.StatusBadRequest, "sha512:00": http.StatusBadRequest,
	} {
		c.want("tag "+tag, c.manifest(tag, ociManifest, image), status, "")
	}
	got := c.send(http.MethodGet, "/v2/team/app/manifests/1.0", "", "")
	wantEqual(t, "the manifest", got.body, image)
	wantEqual(t, "its digest", got.header.Get("Docker-Content-Digest"), digestOf(image))
	wantEqual(t, "its type", got.header.Get("Content-Type"), ociManifest)
	head := c.send(http.MethodHead, "/v2/team/app/manifests/1.0", "", "")
	wantEqual(t, "HEAD", []any{head.status, head.length, head.body}, []any{http.StatusOK, int64(len(image)), ""})

	docker := "application/vnd.docker.distribution.manifest.v2+json"
	c.want("another media type than its own", c.manifest("x", docker, image), http.StatusBadRequest, "MANIFEST_INVALID")
	c.want("no media type", c.manifest("x", "", image), http.StatusUnsupportedMediaType, "media type")
	index := `{"schemaVersion":2,"mediaType":"` + ociIndex + `","manifests":[{"mediaType":"` + ociManifest + `","size":` +
		strconv.Itoa(len(image)) + `,"digest":"` + digestOf(image) + `"}]}`
	c.want("an index", c.manifest("all", ociIndex, index), http.StatusCreated, "")

	missing := strings.ReplaceAll(image, `"layers":[]`, `"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":1,"digest":"`+
		digestOf("one")+`"},{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":1,"digest":"`+digestOf("two")+`"}]`)
	c.want("missing layers, all of them", c.manifest("x", ociManifest, missing), http.StatusNotFound, digestOf("one")+", "+digestOf("two"))

	person := b.command(t, b.owner())
	bare := strings.Replace(image, `"mediaType":"`+ociManifest+`",`, "", 1)
	person.refused("mediaType", "ecr", "put-image", "--repository-name", "team/app", "--image-tag", "bare", "--image-manifest", bare)
	person.aws("ecr", "put-image", "--repository-name", "team/app", "--image-tag", "bare", "--image-manifest", bare,
		"--image-manifest-media-type", ociManifest)
	person.refused("imageTag", "ecr", "put-image", "--repository-name", "team/app", "--image-tag", "a+b", "--image-manifest", image)

	answer := person.aws("ecr", "batch-delete-image", "--repository-name", "team/app", "--image-ids", "imageDigest="+digestOf(image))
	failure, _ := answer["failures"].([]any)[0].(map[string]any)
	wantEqual(t, "an image that an index lists", failure["failureCode"], any("ImageReferencedByManifestList"))
	c.want("the same through /v2/", c.send(http.MethodDelete, "/v2/team/app/manifests/"+digestOf(image), "", ""), http.StatusBadRequest, "manifest list")
	person.aws("ecr", "batch-delete-image", "--repository-name", "team/app", "--image-ids", "imageTag=all")
	answer = person.aws("ecr", "batch-delete-image", "--repository-name", "team/app", "--image-ids", "imageDigest="+digestOf(image))
	wantEqual(t, "once the index is gone", len(answer["failures"].([]any)), 0)
}

// A part out of order is refused with 416, also where it would be the last one.
func TestPartsOutOfOrder(t *testing.T) {
	b := start(t, defaultConfig())
	c := b.registryClient(t, b.owner())
	at := c.begin()
	c.want("first", c.send(http.MethodPatch, at, "hello", "0-4"), http.StatusAccepted, "")
	late := c.send(http.MethodPut, at+"?digest="+digestOf("hello!"), "!", "6-6")
	c.want("a gap before the last part", late, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
	wantEqual(t, "how far it came", late.header.Get("Range"), "0-4")
	c.want("in order", c.send(http.MethodPut, at+"?digest="+digestOf("hello!"), "!", "5-5"), http.StatusCreated, "")
	head := c.send(http.MethodHead, "/v2/team/app/blobs/"+digestOf("hello!"), "", "")
	wantEqual(t, "HEAD of a layer", []any{head.status, head.length, head.header.Get("Docker-Content-Digest")},
		[]any{http.StatusOK, int64(6), digestOf("hello!")})
	c.want("an unknown layer", c.send(http.MethodGet, "/v2/team/app/blobs/"+digestOf("x"), "", ""), http.StatusNotFound, "BLOB_UNKNOWN")
	c.want("not a digest", c.send(http.MethodGet, "/v2/team/app/blobs/x", "", ""), http.StatusBadRequest, "DIGEST_INVALID")
}
