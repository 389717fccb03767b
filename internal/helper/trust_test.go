package helper_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onlyEntry is the one file of the cache that holds a credential.
func (b *bench) onlyEntry(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.Cache.Dir, "*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("entries: %v, %v", found, err)
	}
	return found[0]
}

// A cache file that somebody else could have written or read, or that is not whole, is
// not believed, and does not keep anybody from a credential.
func TestCacheFilesThatAreNotTrusted(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"empty":            func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"garbled":          func(path string) error { return os.WriteFile(path, []byte("\x00\xff{"), 0o600) },
		"cut off":          func(path string) error { return os.Truncate(path, 40) },
		"another object":   func(path string) error { return os.WriteFile(path, []byte(`{"username":5}`), 0o600) },
		"no user":          func(path string) error { return os.WriteFile(path, []byte(`{"secret":"x"}`), 0o600) },
		"world-readable":   func(path string) error { return os.Chmod(path, 0o644) },
		"group-writable":   func(path string) error { return os.Chmod(path, 0o620) },
		"of somebody else": func(path string) error { return os.Chown(path, 65534, 65534) },
		"a link": func(path string) error {
			if err := os.Rename(path, path+".moved"); err != nil {
				return err
			}
			return os.Symlink(path+".moved", path)
		},
		"a directory": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		},
		"too large": func(path string) error { return os.Truncate(path, 300<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "of somebody else" && os.Geteuid() != 0 {
				t.Skip("giving a file away needs root")
			}
			b := newBench(t)
			b.secret(t, "registry.example")
			if err := spoil(b.onlyEntry(t)); err != nil {
				t.Fatal(err)
			}
			b.secret(t, "registry.example")
			if len(b.issuer.asked) != 2 {
				t.Errorf("the issuer was asked %d times, want once more", len(b.issuer.asked))
			}
			if name == "a directory" {
				return // it cannot be replaced by a file: asked for each time
			}
			b.secret(t, "registry.example")
			if len(b.issuer.asked) != 2 {
				t.Error("what was asked for anew is not kept")
			}
		})
	}
}

// A cache directory that others can write to is not used.
func TestCacheDirectoryOfOthers(t *testing.T) {
	b := newBench(t)
	b.secret(t, "registry.example")
	if err := os.Chmod(b.Cache.Dir, 0o770); err != nil {
		t.Fatal(err)
	}
	b.secret(t, "registry.example")
	if len(b.issuer.asked) != 2 {
		t.Errorf("asked %d times, want 2", len(b.issuer.asked))
	}
}

// A host has one login, however it is spelled, and the latest wins.
func TestOneLoginPerHost(t *testing.T) {
	spellings := []string{"registry.example", "https://registry.example", "https://registry.example/v2/", "REGISTRY.example:443", "https://registry.example/v1/"}
	b := newBench(t)
	b.Logins.Now = func() time.Time { return b.now }
	for i, stored := range spellings {
		b.now = b.now.Add(time.Second)
		if code, out, explain := b.run(t.Context(), "store", fmt.Sprintf(`{"ServerURL":%q,"Username":"u","Secret":"s%d"}`, stored, i)); code != 0 {
			t.Fatalf("store: %s%s", out, explain)
		}
		for _, asked := range spellings {
			if got := b.secret(t, asked); got != fmt.Sprintf("u:s%d", i) {
				t.Errorf("after a login at %s, %s gets %s", stored, asked, got)
			}
		}
		_, out, _ := b.run(t.Context(), "list", "")
		if strings.Count(out, "xample") != 1 || !strings.Contains(out, stored) {
			t.Errorf("list = %s, want the latest spelling alone", out)
		}
	}
	if code, _, _ := b.run(t.Context(), "erase", "registry.example"); code != 0 {
		t.Error("erase failed")
	}
	if got := b.secret(t, spellings[1]); got != "AWS:"+canary {
		t.Errorf("after logout got %s", got)
	}
}

// What an earlier version left under several spellings gives the same one each time.
func TestOldLoginsOfSeveralSpellings(t *testing.T) {
	b := newBench(t)
	if err := os.MkdirAll(filepath.Dir(b.Logins.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"registry.example":{"username":"u","secret":"a"},"https://registry.example":{"username":"u","secret":"b"},"REGISTRY.example":{"username":"u","secret":"c"}}`
	if err := os.WriteFile(b.Logins.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	first := b.secret(t, "registry.example")
	for range 20 {
		if got := b.secret(t, "registry.example"); got != first {
			t.Fatalf("got %s and %s", first, got)
		}
	}
}

// docker logout asks Docker Hub's special keys for tokens: a password is not a token.
func TestDockerHubTokenKeys(t *testing.T) {
	const hub = "https://index.docker.io/v1/"
	b := newBench(t)
	store := func(url, secret string) {
		t.Helper()
		if code, out, _ := b.run(t.Context(), "store", `{"ServerURL":"`+url+`","Username":"ada","Secret":"`+secret+`"}`); code != 0 {
			t.Fatalf("store: %s", out)
		}
	}
	get := func(url string) string {
		_, out, _ := b.run(t.Context(), "get", url)
		return out
	}
	store(hub, "password")
	for _, key := range []string{"access-token", "refresh-token"} {
		if got := get(hub + key); got != "credentials not found in native keychain\n" || len(b.issuer.asked) != 0 {
			t.Errorf("get %s = %q, asked %v", key, got, b.issuer.asked)
		}
	}
	store(hub+"refresh-token", "token")
	if got := get(hub + "refresh-token"); !strings.Contains(got, `"Secret":"token"`) {
		t.Errorf("get refresh-token = %q", got)
	}
	if got := get(hub + "access-token"); got != "credentials not found in native keychain\n" {
		t.Errorf("get access-token = %q", got)
	}
	if got := get("docker.io"); !strings.Contains(got, `"Secret":"password"`) {
		t.Errorf("get docker.io = %q", got)
	}
	b.run(t.Context(), "erase", hub+"refresh-token")
	if got := get(hub); !strings.Contains(got, `"Secret":"password"`) {
		t.Errorf("after the token was erased, get = %q", got)
	}
}

// A password of ECR that docker login stored does not hide a source after its end, which
// it says itself.
func TestStoredECRPasswordEnds(t *testing.T) {
	const host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"
	for name, end := range map[string]time.Duration{"12 hours": 12 * time.Hour, "its own": time.Hour} {
		b := newBench(t)
		b.Logins.Now = func() time.Time { return b.now }
		password := "opaque"
		if name == "its own" {
			text, err := json.Marshal(map[string]any{"payload": "x", "expiration": b.now.Add(end).Unix()})
			if err != nil {
				t.Fatal(err)
			}
			password = base64.StdEncoding.EncodeToString(text)
		}
		b.run(t.Context(), "store", `{"ServerURL":"`+host+`","Username":"AWS","Secret":"`+password+`"}`)
		if got := b.secret(t, host); got != "AWS:"+password {
			t.Errorf("%s: got %s", name, got)
		}
		b.now = b.now.Add(end + time.Second)
		b.issuer.cred.Expires = b.now.Add(12 * time.Hour)
		if got := b.secret(t, host); got != "AWS:"+canary {
			t.Errorf("%s: after its end got %s", name, got)
		}
		if _, out, _ := b.run(t.Context(), "list", ""); strings.Contains(out, host) {
			t.Errorf("%s: list = %s", name, out)
		}
	}
}
