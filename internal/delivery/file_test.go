package delivery_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/delivery"
)

type failing struct{}

func (failing) Credential(context.Context, string) (pullpass.Credential, error) {
	return pullpass.Credential{}, errors.New("no")
}

func helperFor(key string) func(*delivery.Config) error {
	return func(c *delivery.Config) error { return c.UseHelper(key, "pullpass", false) }
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUpdateMakesAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "config.json")
	if _, err := delivery.Update(path, delivery.Options{}, helperFor("ghcr.io")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want 0600", info, err)
	}
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("its directory is %v, %v; want 0700", dir, err)
	}
}

// A link stays a link, the mode stays, a backup holds what was there, and where nothing
// changes nothing is written.
func TestUpdateKeepsWhatTheFileIs(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "dotfiles", "docker.json"), filepath.Join(dir, "config.json")
	const was = `{"detachKeys": "ctrl-e"}`
	write(t, file, was, 0o640)
	if err := os.Symlink("dotfiles/docker.json", link); err != nil {
		t.Fatal(err)
	}
	u, err := delivery.Update(link, delivery.Options{Backup: true}, helperFor("ghcr.io"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is %v, %v; want its mode kept", info, err)
	}
	if got := read(t, file); !strings.Contains(got, "ctrl-e") || !strings.Contains(got, "ghcr.io") {
		t.Errorf("the file is %s", got)
	}
	if got := read(t, u.Backup); got != was {
		t.Errorf("the backup is %s, want what was there", got)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if u, err = delivery.Update(link, delivery.Options{Backup: true}, helperFor("ghcr.io")); err != nil || u.Backup != "" || len(u.Changes) != 0 {
		t.Errorf("the same again: %+v, %v; want nothing done", u, err)
	}
	if after, err := os.Stat(file); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same again wrote the file: %v", err)
	}
}

// Of a file that cannot be read, and of a dry run, nothing is changed.
func TestUpdateLeavesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, `{"auths": `+canary, 0o600)
	_, err := delivery.Update(path, delivery.Options{}, helperFor("ghcr.io"))
	if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(pullpass.Explain(err), canary) {
		t.Errorf("of a garbled file: %v", err)
	}
	if got := read(t, path); got != `{"auths": `+canary {
		t.Errorf("a garbled file became %q", got)
	}
	write(t, path, `{}`, 0o600)
	u, err := delivery.Update(path, delivery.Options{DryRun: true}, helperFor("ghcr.io"))
	if err != nil || len(u.Changes) != 1 || read(t, path) != `{}` {
		t.Errorf("dry run: %+v, %v, %q", u, err, read(t, path))
	}
	write(t, path, `{"credHelpers":{"ghcr.io":"other"}}`, 0o600)
	_, err = delivery.Update(path, delivery.Options{}, helperFor("ghcr.io"))
	if !pullpass.IsKind(err, pullpass.Conflict) || !strings.Contains(err.Error(), path) {
		t.Errorf("a conflict: %v, want one that names the file", err)
	}
}

// What another program writes while we are at it is not lost.
func TestUpdateDoesNotLoseWhatOthersWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, `{}`, 0o600)
	first := true
	_, err := delivery.Update(path, delivery.Options{}, func(c *delivery.Config) error {
		if first {
			first = false
			write(t, path, `{"auths":{"quay.io":{"auth":"YTpi"}}}`, 0o600)
		}
		return c.UseHelper("ghcr.io", "pullpass", false)
	})
	if got := read(t, path); err != nil || !strings.Contains(got, "quay.io") || !strings.Contains(got, "ghcr.io") {
		t.Errorf("%v, %s; want both", err, got)
	}
}
