package seal_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

func TestKeyFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "key")
	first, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatalf("OpenKeyFile: %v", err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode().Perm(), err, want)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the key file there is more: %v, %v", left, err)
	}
	again, err := seal.OpenKeyFile(path)
	if err != nil || again.ID() != first.ID() {
		t.Errorf("opened again: %v, or another key", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.OpenKeyFile(path)
		if !pullpass.IsKind(err, pullpass.Invalid) || !strings.Contains(pullpass.HintOf(err), "chmod 600") {
			t.Errorf("a key file of mode %v: %v (hint %q), want invalid with chmod 600", mode, err, pullpass.HintOf(err))
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenKeyFile(path); err != nil {
		t.Errorf("a key file of mode 0400: %v", err)
	}
}

func TestBrokenKeyFile(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "other": "hunter2-not-a-key", "half": `{"primaryKeyId":1,"key":[{"keyData":{"value":"canary`} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := seal.OpenKeyFile(path)
		if !pullpass.IsKind(err, pullpass.Invalid) || pullpass.HintOf(err) == "" {
			t.Errorf("a key file that is %s: %v, want invalid with a hint", name, err)
		}
		for _, word := range []string{"hunter2", "canary"} {
			if strings.Contains(pullpass.Explain(err), word) {
				t.Errorf("the error repeats the content: %v", err)
			}
		}
		if got, readErr := os.ReadFile(path); readErr != nil || string(got) != content {
			t.Errorf("a broken key file was changed: %q, %v", got, readErr)
		}
	}
	if _, err := seal.OpenKeyFile(dir); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("a directory: %v, want invalid", err)
	}
}

func TestKeyFileMadeTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	ids := make([]string, 16)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			file, err := seal.OpenKeyFile(path)
			if err != nil {
				t.Errorf("OpenKeyFile: %v", err)
				return
			}
			ids[i] = file.ID()
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("servers that started together have keys %v, want one", ids)
		}
	}
}

func TestRotateKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys := newMemory()
	sealed := mustSeal(t, seal.NewKeyring(first).Sealer(keys), "p4ss", place)
	id, err := seal.RotateKeyFile(path)
	if err != nil || id == first.ID() {
		t.Fatalf("RotateKeyFile = %s, %v, want another key than %s", id, err, first.ID())
	}
	second, err := seal.OpenKeyFile(path)
	if err != nil || second.ID() != id || !second.Holds(first.ID()) {
		t.Fatalf("after the rotation: %v, key %s, want %s with the old one", err, second.ID(), id)
	}
	if _, err := seal.NewKeyring(second).Sealer(keys).Open(t.Context(), sealed, place); err != nil {
		t.Errorf("Open after the rotation: %v", err)
	}
	if removed, err := seal.RetireKeys(path, []string{first.ID()}); err != nil || len(removed) != 0 {
		t.Errorf("RetireKeys of a key in use removed %v, %v", removed, err)
	}
	if removed, err := seal.RetireKeys(path, nil); err != nil || len(removed) != 1 || removed[0] != first.ID() {
		t.Errorf("RetireKeys removed %v, %v, want %s", removed, err, first.ID())
	}
	third, err := seal.OpenKeyFile(path)
	if err != nil || third.Holds(first.ID()) || third.ID() != id {
		t.Errorf("after retiring: %v, or the old key is still there", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("after rewriting, the key file has mode %v, %v", info.Mode().Perm(), err)
	}
}

// TestKeyFileRotatedUnderway rotates the key file of a running server.
func TestKeyFileRotatedUnderway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	running, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys := newMemory()
	server := seal.NewKeyring(running).Sealer(keys)
	before := mustSeal(t, server, "before", place)
	id, err := seal.RotateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	command, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.NewKeyring(command).Sealer(keys).Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := mustSeal(t, server, "after", place)
	if n, _ := seal.KeyNumber(after); n != 2 || running.ID() != id {
		t.Errorf("the running server seals with data key %d under %s, want 2 under %s", n, running.ID(), id)
	}
	for want, sealed := range map[string][]byte{"before": before, "after": after} {
		if got, err := server.Open(t.Context(), sealed, place); err != nil || got.Reveal() != want {
			t.Errorf("the running server opens what was sealed %s: %v", want, err)
		}
	}
	if running.Holds("file:00000000") || running.Holds("aws-kms:x") {
		t.Error("Holds of a key that is not there = true")
	}
}
