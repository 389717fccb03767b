package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// race is one engine, one private image, a server with a runner, and a docker
// command line that is logged in.
type race struct {
	host    string // the engine
	config  string // the docker command line's
	image   string
	box     *sandbox.Sandbox
	server  *process.Server
	agent   *process.Runner
	project pullpass.ProjectID
	count   int
}

func newRace(ctx context.Context, s *setting, host string, megabytes int) (*race, error) {
	r := &race{host: host, config: filepath.Join(s.dir, "docker")}
	for _, step := range []func() error{
		func() error { return r.startBox(ctx) },
		func() error { return r.push(ctx, megabytes) },
		func() error { return r.startServer(ctx, s) },
		func() error { return r.startRunner(ctx, s) },
	} {
		if err := step(); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *race) startBox(ctx context.Context) error {
	var err error
	if r.box, err = sandbox.New(manyAccounts(1), sandbox.Options{}); err != nil {
		return err
	}
	if err := r.box.Start(ctx); err != nil {
		return err
	}
	r.image = r.registry() + "/team/app:1"
	return nil
}

func (r *race) registry() string { return r.box.Registry(account(0), sandbox.DefaultRegion) }

// push makes the image of layers that do not compress, and logs docker in.
func (r *race) push(ctx context.Context, megabytes int) error {
	api := ecr.New(ecr.Options{BaseEndpoint: aws.String(r.box.Endpoint()), Region: sandbox.DefaultRegion,
		Credentials: credentials.NewStaticCredentialsProvider(keyID(0), secretKey(0), "")})
	out, err := api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return err
	}
	encoded := aws.ToString(out.AuthorizationData[0].AuthorizationToken)
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	username, password, _ := strings.Cut(string(plain), ":")
	image, err := sleepingImage(megabytes)
	if err != nil {
		return err
	}
	tag, err := name.NewTag(r.image)
	if err != nil {
		return err
	}
	auth := authn.FromConfig(authn.AuthConfig{Username: username, Password: password})
	if err := remote.Write(tag, image, remote.WithContext(ctx), remote.WithAuth(auth)); err != nil {
		return err
	}
	return r.logIn(encoded)
}

func (r *race) logIn(encoded string) error {
	config, err := json.Marshal(map[string]any{"auths": map[string]any{r.registry(): map[string]string{"auth": encoded}}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.config, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.config, "config.json"), config, 0o600)
}

// sleepingImage has four random layers of the given size together and one with
// a static busybox that sleeps.
func sleepingImage(megabytes int) (v1.Image, error) {
	program, err := busyboxLayer("/bin/busybox")
	if err != nil {
		return nil, fmt.Errorf("busybox-static is needed: %w", err)
	}
	image, err := mutate.AppendLayers(empty.Image, program)
	if err != nil {
		return nil, err
	}
	for range 4 {
		layer, err := random.Layer(int64(megabytes)<<20/4, types.DockerLayer)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Cmd = []string{"/busybox", "sleep", "3600"}
	return mutate.ConfigFile(image, config)
}

func busyboxLayer(path string) (v1.Layer, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "busybox", Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
}

func (r *race) mapping() []string {
	return []string{"--allow-egress=127.0.0.1", fmt.Sprintf("--host=host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s",
		r.registry(), account(0), sandbox.DefaultRegion, r.box.Endpoint(), r.box.Endpoint(), r.registry())}
}

func (r *race) startServer(ctx context.Context, s *setting) error {
	var err error
	if r.server, err = s.startServer(ctx, r.mapping()...); err != nil {
		return err
	}
	c := r.server.Owner
	project, err := c.CreateProject(ctx, pullpass.Project{Name: "race"})
	if err != nil {
		return err
	}
	r.project = project.ID
	integration, err := c.CreateIntegration(ctx, pullpass.Integration{
		Name: "account", Mode: pullpass.ModeAccessKey, Account: account(0), Region: sandbox.DefaultRegion, AccessKeyID: keyID(0),
		Chain: []pullpass.RoleHop{{RoleARN: "arn:aws:iam::" + account(0) + ":role/pull"}},
	}, pullpass.NewSecret(secretKey(0)))
	if err != nil {
		return err
	}
	_, err = c.CreateRegistry(ctx, pullpass.Registry{
		Project: project.ID, Name: "registry", Host: r.registry(), Auth: pullpass.AuthIntegration, Integration: integration.ID,
	}, pullpass.Secret{})
	return err
}

func (r *race) startRunner(ctx context.Context, s *setting) error {
	var err error
	r.agent, err = process.StartRunner(ctx, r.server, filepath.Join(s.dir, "race"), r.host, append(r.mapping(), "--log-level=error")...)
	return err
}

func (r *race) close() {
	if r.agent != nil {
		r.agent.Stop()
	}
	if r.server != nil {
		r.server.Stop()
	}
	if r.box != nil {
		_ = r.box.Close()
	}
}
