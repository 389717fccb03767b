package sandbox_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// layersIn counts the files below a directory.
func layersIn(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A reset brings the configuration back at the same addresses.
func TestReset(t *testing.T) {
	cfg := defaultConfig()
	cfg.BlobDirectory = t.TempDir()
	b := start(t, cfg)
	b.push(t, "team/app:1")
	must[*ecr.CreateRepositoryOutput](t)(createRepository(t, b.owner(), "made/since"))
	elsewhere := b.owner()
	elsewhere.Region = "us-west-2"
	must[*ecr.CreateRepositoryOutput](t)(createRepository(t, elsewhere, "made/there"))
	session := b.session(must[*sts.GetSessionTokenOutput](t)(stsOf(b.owner()).GetSessionToken(t.Context(), nil)).Credentials)
	old := b.login(t, b.owner())
	before := b.Registries()
	if layersIn(t, cfg.BlobDirectory) == 0 {
		t.Fatal("no layer is on disk: the test would show nothing")
	}

	reset := func(header string) int {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, b.Endpoint()+"/_pullpass/reset", http.NoBody))
		if header != "" {
			r.Header.Set("X-Pullpass-Sandbox", header)
		}
		status, _ := b.do(t, r)
		return status
	}
	wantEqual(t, "a plain POST, as a page could send it", reset(""), http.StatusForbidden)
	must[*ecr.CreateRepositoryOutput](t)(createRepository(t, b.owner(), "still/there"))
	wantEqual(t, "reset", reset("reset"), http.StatusOK)

	list := must[*ecr.DescribeRepositoriesOutput](t)(ecrOf(b.owner()).DescribeRepositories(t.Context(), nil)).Repositories
	if len(list) != 1 || aws.ToString(list[0].RepositoryName) != "team/app" {
		t.Errorf("after a reset there are %d repositories, want the one of the configuration", len(list))
	}
	wantEqual(t, "layers on disk", layersIn(t, cfg.BlobDirectory), 0)
	_, err := stsOf(session).GetCallerIdentity(t.Context(), nil)
	wantCode(t, "a session of before", err, "InvalidClientTokenId", "")
	wantStatus(t, "a token of before", b.pull(t, old, "team/app:1"), http.StatusBadRequest, "")
	wantEqual(t, "the addresses", b.Registries(), before)
	b.push(t, "team/app:2")
	if err := b.pull(t, b.login(t, b.owner()), "team/app:2"); err != nil {
		t.Errorf("after a reset: %v", err)
	}
}

// The layers of a run that is over are removed; what is not the sandbox's stays.
func TestBlobDirectoryIsCleared(t *testing.T) {
	dir := t.TempDir()
	cfg := defaultConfig()
	cfg.BlobDirectory = dir
	b := start(t, cfg)
	b.push(t, "team/app:1")
	foreign := filepath.Join(dir, "notes")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if layersIn(t, dir) < 2 {
		t.Fatal("no layer is on disk: the test would show nothing")
	}
	second := must[*sandbox.Sandbox](t)(sandbox.New(cfg.OnFreePorts(), sandbox.Options{}))
	if err := second.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	wantEqual(t, "files after the next start", layersIn(t, dir), 1)
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("somebody else's file: %v", err)
	}
}
