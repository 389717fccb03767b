package helper_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

func TestCache(t *testing.T) {
	b := newBench(t)
	ask := func(want int, when string) {
		t.Helper()
		if got := b.secret(t, "registry.example"); got != "AWS:"+canary {
			t.Errorf("%s: got %q", when, got)
		}
		if n := len(b.issuer.asked); n != want {
			t.Errorf("%s: asked %d times, want %d", when, n, want)
		}
	}
	ask(1, "cold")
	ask(1, "warm")
	b.now = b.now.Add(59 * time.Minute)
	ask(1, "after less than an hour")
	b.now = b.now.Add(2 * time.Minute)
	ask(2, "after more than an hour")
	b.issuer.id = "two"
	ask(3, "somebody else")
	b.issuer.id = "one"
	b.now = b.now.Add(-2 * time.Hour)
	ask(4, "with the clock set back")
	if code, out, _ := b.run(t.Context(), "erase", "https://registry.example"); code != 0 {
		t.Errorf("erase = %d, %s", code, out)
	}
	ask(5, "erased")
}

func TestCacheNeverServesAnExpiredOne(t *testing.T) {
	b := newBench(t)
	b.issuer.cred.Expires = b.now.Add(20 * time.Minute)
	b.secret(t, "registry.example")
	b.issuer.err = &pullpass.Error{Kind: pullpass.Unavailable, What: "the server is away"}
	b.now = b.now.Add(18 * time.Minute)
	b.secret(t, "registry.example") // two minutes left: it outlives the outage
	if len(b.issuer.asked) != 2 {
		t.Errorf("asked %d times, want 2: near its end the server is asked first", len(b.issuer.asked))
	}
	for _, later := range []time.Duration{90 * time.Second, time.Minute, time.Hour} {
		b.now = b.now.Add(later)
		if code, out, _ := b.run(t.Context(), "get", "registry.example"); code != 1 {
			t.Errorf("%s later: %d, %s", later, code, out)
		}
	}
}

func TestCacheForgetsWhatIsRefused(t *testing.T) {
	b := newBench(t)
	b.secret(t, "registry.example")
	b.now = b.now.Add(2 * time.Hour)
	b.issuer.err = &pullpass.Error{Kind: pullpass.Denied, What: "no longer"}
	for range 2 {
		if code, _, _ := b.run(t.Context(), "get", "registry.example"); code != 1 {
			t.Error("a refused credential was given out")
		}
	}
	files, err := filepath.Glob(filepath.Join(b.Cache.Dir, "*.json"))
	if err != nil || len(files) != 0 {
		t.Errorf("left on disk: %v, %v", files, err)
	}
}

func TestCacheIsForThisUserOnly(t *testing.T) {
	b := newBench(t)
	b.secret(t, "registry.example/team/app")
	info, err := os.Stat(b.Cache.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(b.Cache.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	// Others could have put anything there: it is not used.
	if err := os.Chmod(b.Cache.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	b.secret(t, "registry.example/team/app")
	if len(b.issuer.asked) != 2 {
		t.Errorf("asked %d times, want 2", len(b.issuer.asked))
	}
}

func TestManyAtOnceAskOnce(t *testing.T) {
	b := newBench(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if code, out, _ := b.run(t.Context(), "get", []string{"registry.example", "other.example"}[i%2]); code != 0 {
				t.Errorf("get = %d, %s", code, out)
			}
		})
	}
	all.Wait()
	if len(b.issuer.asked) != 2 {
		t.Errorf("asked %d times, want once for each host", len(b.issuer.asked))
	}
}
