package sandbox_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pullpass/pullpass/internal/sandbox"
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// registryClient speaks /v2/ by hand.
type registryClient struct {
	t           *testing.T
	box         *box
	auth        string
	contentType string
}

// registryAnswer is a whole answer.
type registryAnswer struct {
	status int
	header http.Header
	body   string
	length int64 // as the answer says
}

// send asks for a path, or for a Location. partRange is the Content-Range, if any.
func (c *registryClient) send(method, path, body, partRange string) registryAnswer {
	c.t.Helper()
	r := must[*http.Request](c.t)(http.NewRequestWithContext(c.t.Context(), method, "http://"+c.box.Registry(owner, region)+path, strings.NewReader(body)))
	r.Header.Set("Authorization", c.auth)
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	if partRange != "" {
		r.Header.Set("Content-Range", partRange)
	}
	resp, err := c.box.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	text := must[[]byte](c.t)(io.ReadAll(resp.Body))
	return registryAnswer{resp.StatusCode, resp.Header, string(text), resp.ContentLength}
}

func (c *registryClient) want(what string, got registryAnswer, status int, words string) {
	c.t.Helper()
	if got.status != status || !strings.Contains(got.body, words) {
		c.t.Errorf("%s: %d %s, want %d and %q", what, got.status, got.body, status, words)
	}
}

func (c *registryClient) begin() string {
	c.t.Helper()
	resp := c.send(http.MethodPost, "/v2/team/app/blobs/uploads/", "", "")
	c.want("begin", resp, http.StatusAccepted, "")
	return resp.header.Get("Location")
}

func inMemoryAndOnDisk(t *testing.T, what func(*testing.T, *box)) {
	t.Run("in memory", func(t *testing.T) { what(t, start(t, defaultConfig())) })
	t.Run("on disk", func(t *testing.T) {
		cfg := defaultConfig()
		cfg.BlobDirectory = t.TempDir()
		b := start(t, cfg)
		what(t, b)
		// What was given up, refused or is gone leaves nothing behind.
		left := must[[]string](t)(filepath.Glob(filepath.Join(cfg.BlobDirectory, owner, region, "team/app/_layers/upload-*")))
		if len(left) > 0 {
			t.Errorf("files are left: %q", left)
		}
	})
}

// An upload in parts: interrupted, asked about, gone on with, ended or given up.
func TestUploadInParts(t *testing.T) {
	inMemoryAndOnDisk(t, func(t *testing.T, b *box) {
		c := &registryClient{t: t, box: b, auth: must[string](t)(basic(t, b))}
		at := c.begin()
		resp := c.send(http.MethodPatch, at, "hello", "0-4")
		c.want("first part", resp, http.StatusAccepted, "")
		wantEqual(t, "range", resp.header.Get("Range"), "0-4")
		c.want("a gap", c.send(http.MethodPatch, at, "x", "9-9"), http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
		c.want("no range", c.send(http.MethodPatch, at, "x", "nine"), http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
		resp = c.send(http.MethodGet, at, "", "")
		c.want("how far", resp, http.StatusNoContent, "")
		wantEqual(t, "range", resp.header.Get("Range"), "0-4")
		wantEqual(t, "where", resp.header.Get("Location"), at)
		c.want("second part", c.send(http.MethodPatch, at, ", world", "5-11"), http.StatusAccepted, "")
		resp = c.send(http.MethodPut, at+"?digest="+digestOf("hello, world!"), "!", "")
		c.want("the end", resp, http.StatusCreated, "")
		wantEqual(t, "digest", resp.header.Get("Docker-Content-Digest"), digestOf("hello, world!"))
		resp = c.send(http.MethodHead, "/v2/team/app/blobs/"+digestOf("hello, world!"), "", "")
		c.want("the layer", resp, http.StatusOK, "")
		wantEqual(t, "its size", resp.length, int64(13))
		c.want("after the end", c.send(http.MethodPatch, at, "x", ""), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")

		at = c.begin()
		c.want("a part", c.send(http.MethodPatch, at, "hello", ""), http.StatusAccepted, "")
		c.want("another digest", c.send(http.MethodPut, at+"?digest="+digestOf("other"), "", ""), http.StatusBadRequest, "DIGEST_INVALID")
		c.want("afterwards", c.send(http.MethodGet, at, "", ""), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")

		at = c.begin()
		c.want("a part", c.send(http.MethodPatch, at, "hello", ""), http.StatusAccepted, "")
		c.want("given up", c.send(http.MethodDelete, at, "", ""), http.StatusNoContent, "")
		c.want("given up again", c.send(http.MethodDelete, at, "", ""), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")

		// One that nobody goes on with goes with its repository.
		c.begin()
		must[*ecr.DeleteRepositoryOutput](t)(ecrOf(b.owner()).DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("team/app"), Force: true}))
	})
}

// The same through ECR's API, as the console and some tools upload.
func TestUploadThroughTheAPI(t *testing.T) {
	inMemoryAndOnDisk(t, func(t *testing.T, b *box) {
		ctx, c, name := t.Context(), ecrOf(b.owner()), aws.String("team/app")
		begin := func() *string {
			return must[*ecr.InitiateLayerUploadOutput](t)(c.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RepositoryName: name})).UploadId
		}
		part := func(id *string, first int64, text string) (*ecr.UploadLayerPartOutput, error) {
			return c.UploadLayerPart(ctx, &ecr.UploadLayerPartInput{
				RepositoryName: name, UploadId: id, PartFirstByte: aws.Int64(first), PartLastByte: aws.Int64(first + int64(len(text)) - 1), LayerPartBlob: []byte(text),
			})
		}
		complete := func(id *string, digest string) (*ecr.CompleteLayerUploadOutput, error) {
			return c.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{RepositoryName: name, UploadId: id, LayerDigests: []string{digest}})
		}
		const minPart = 5 << 20
		whole := strings.Repeat("x", minPart) + "!"
		id := begin()
		_, err := complete(id, digestOf("x"))
		wantCode(t, "an empty upload", err, "EmptyUploadException", "is empty")
		last := must[*ecr.UploadLayerPartOutput](t)(part(id, 0, whole[:minPart])).LastByteReceived
		wantEqual(t, "last byte", aws.ToInt64(last), int64(minPart-1))
		_, err = part(id, minPart+9, "x")
		wantCode(t, "a gap", err, "InvalidLayerPartException", "")
		must[*ecr.UploadLayerPartOutput](t)(part(id, minPart, "!"))
		digest := must[*ecr.CompleteLayerUploadOutput](t)(complete(id, digestOf(whole))).LayerDigest
		wantEqual(t, "digest", aws.ToString(digest), digestOf(whole))
		layers := must[*ecr.BatchCheckLayerAvailabilityOutput](t)(c.BatchCheckLayerAvailability(ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: name, LayerDigests: []string{digestOf(whole)}})).Layers
		wantEqual(t, "availability", layers[0].LayerAvailability, types.LayerAvailabilityAvailable)
		_, err = part(id, minPart+1, "x")
		wantCode(t, "after the end", err, "UploadNotFoundException", "does not exist")

		id = begin()
		must[*ecr.UploadLayerPartOutput](t)(part(id, 0, whole[1:minPart]))
		must[*ecr.UploadLayerPartOutput](t)(part(id, minPart-1, "!"))
		_, err = complete(id, digestOf(whole[1:]))
		wantCode(t, "a short part that is not the last", err, "LayerPartTooSmallException", "5 MiB")

		id = begin()
		must[*ecr.UploadLayerPartOutput](t)(part(id, 0, "hello!"))
		must[*ecr.CompleteLayerUploadOutput](t)(complete(id, digestOf("hello!")))
		id = begin()
		must[*ecr.UploadLayerPartOutput](t)(part(id, 0, "hello!"))
		_, err = complete(id, digestOf("hello!"))
		wantCode(t, "the same again", err, "LayerAlreadyExistsException", "already exists")
		_, err = complete(id, digestOf("other"))
		wantCode(t, "another digest", err, "InvalidLayerException", "did not match")
	})
}

// The API's uploads and a manifest make an image that a client can pull.
func TestImageMadeThroughTheAPI(t *testing.T) {
	b := start(t, defaultConfig())
	ctx, c, name := t.Context(), ecrOf(b.owner()), aws.String("team/app")
	config, layer := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["`+digestOf("layer")+`"]}}`, "layer"
	for _, content := range []string{config, layer} {
		id := must[*ecr.InitiateLayerUploadOutput](t)(c.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RepositoryName: name})).UploadId
		must[*ecr.UploadLayerPartOutput](t)(c.UploadLayerPart(ctx, &ecr.UploadLayerPartInput{RepositoryName: name, UploadId: id, PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(int64(len(content) - 1)), LayerPartBlob: []byte(content)}))
		must[*ecr.CompleteLayerUploadOutput](t)(c.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{RepositoryName: name, UploadId: id, LayerDigests: []string{digestOf(content)}}))
	}
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":` +
		strconv.Itoa(len(config)) + `,"digest":"` + digestOf(config) + `"},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":` + strconv.Itoa(len(layer)) + `,"digest":"` + digestOf(layer) + `"}]}`
	must[*ecr.PutImageOutput](t)(c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: name, ImageManifest: aws.String(manifest), ImageTag: aws.String("made")}))
	if err := b.pull(t, b.login(t, b.owner()), "team/app:made"); err != nil {
		t.Errorf("pulling it: %v", err)
	}
}

// DELETE of a manifest is BatchDeleteImage, permission and effect.
func TestManifestsAreDeleted(t *testing.T) {
	cfg := defaultConfig()
	cfg.Accounts[1].Users = append(cfg.Accounts[1].Users, sandbox.User{Name: "ci"})
	b := start(t, cfg)
	b.push(t, "team/app:1")
	ref := b.reference(t, owner, "team/app:1")
	key := must[*iam.CreateAccessKeyOutput](t)(iamOf(b.owner()).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ci")})).AccessKey
	must[*iam.AttachUserPolicyOutput](t)(iamOf(b.owner()).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("ci"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly")}))
	ci := b.options(b.login(t, b.with(*key.AccessKeyId, *key.SecretAccessKey, "")))
	wantStatus(t, "without permission", remote.Delete(ref, ci...), http.StatusForbidden, "no identity-based policy allows the ecr:BatchDeleteImage action")
	admin := b.options(b.login(t, b.owner()))
	digest := must[*remote.Descriptor](t)(remote.Get(ref, admin...)).Digest.String()
	if err := remote.Tag(ref.Context().Tag("2"), must[*remote.Descriptor](t)(remote.Get(ref, admin...)), admin...); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(ref, admin...); err != nil {
		t.Errorf("a tag: %v", err)
	}
	_, err := remote.Get(ref, admin...)
	wantStatus(t, "the tag afterwards", err, http.StatusNotFound, "MANIFEST_UNKNOWN")
	if _, err := remote.Get(ref.Context().Tag("2"), admin...); err != nil {
		t.Errorf("its other tag: %v", err)
	}
	if err := remote.Delete(ref.Context().Digest(digest), admin...); err != nil {
		t.Errorf("the image: %v", err)
	}
	_, err = remote.Get(ref.Context().Tag("2"), admin...)
	wantStatus(t, "afterwards", err, http.StatusNotFound, "MANIFEST_UNKNOWN")
	wantStatus(t, "again", remote.Delete(ref.Context().Digest(digest), admin...), http.StatusNotFound, "MANIFEST_UNKNOWN")
}

// A sandbox that cannot write its layers says so, and goes on.
func TestFullDisk(t *testing.T) {
	cfg := defaultConfig()
	cfg.BlobDirectory = filepath.Join(t.TempDir(), "file")
	b := start(t, cfg)
	// A file where the directory should be made: nothing can be written there.
	if err := os.WriteFile(cfg.BlobDirectory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &registryClient{t: t, box: b, auth: must[string](t)(basic(t, b))}
	c.want("nowhere to write", c.send(http.MethodPost, "/v2/team/app/blobs/uploads/", "", ""), http.StatusInternalServerError, "the layer could not be stored")
	_, err := ecrOf(b.owner()).InitiateLayerUpload(t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: aws.String("team/app")})
	wantCode(t, "through the API", err, "ServerException", "could not be stored")
}
