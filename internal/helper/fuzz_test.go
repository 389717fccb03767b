package helper_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/helper"
)

// fuzzed is a helper whose issuer has an answer for everything.
func fuzzed(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.issuer.cred.Expires = time.Now().Add(time.Hour)
	return b
}

// Whatever a client sends: an exit code of 0 or 1, one answer, no secret in an error.
func FuzzHelperInput(f *testing.F) {
	for _, in := range []string{"registry.example", "https://index.docker.io/v1/refresh-token", "http://x", `{"ServerURL":"a","Username":"b","Secret":"` + canary + `"}`,
		"111111111111.dkr.ecr.eu-west-1.amazonaws.com:443/team/app", "[::1]:5000", "a\x00b"} {
		f.Add("get", in)
		f.Add("store", in)
		f.Add("erase", in)
	}
	f.Fuzz(func(t *testing.T, verb, in string) {
		b := fuzzed(t)
		code, out, explain := b.run(context.Background(), verb, in)
		if code != 0 && code != 1 {
			t.Errorf("%s %q = %d", verb, in, code)
		}
		if code == 1 && (strings.Contains(out+explain, canary) || strings.Count(out, "\n") != 1) {
			t.Errorf("%s %q = %q, %q", verb, in, out, explain)
		}
		if code == 0 && verb == "get" {
			for _, a := range b.issuer.asked {
				if strings.ContainsAny(a.Host, "@?#\\ \x00\r\n\t") || a.Host == "" {
					t.Errorf("get %q asked for the host %q", in, a.Host)
				}
			}
		}
	})
}

// Whatever a configuration says: it is refused, or every question of it has an answer.
func FuzzHelperConfiguration(f *testing.F) {
	for _, text := range []string{`{}`, `{"sources":["aws"],"timeout":"5s","soft":true,"helper":"x","hosts":["a.example"]}`,
		`{"registries":[{"host":"*.dkr.ecr.*.amazonaws.com","roles":[` + role + `]},{"account":"1*","region":"eu-*","profile":"p"}]}`,
		`{"registries":[{"host":"127.0.0.1:5001","ecr":{"region":"eu-west-1","endpoint":"http://127.0.0.1:1"}}]}`, `{"a":{"a":[{}]}}`} {
		f.Add(text, "111111111111.dkr.ecr.eu-west-1.amazonaws.com")
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		c, err := helper.ParseConfig("f", []byte(text))
		if err != nil {
			if pullpass.HintOf(err) == "" {
				t.Errorf("%q: an error without a hint: %v", text, err)
			}
			return
		}
		if d, err := c.Deadline(); err == nil && (d < 100*time.Millisecond || d > 5*time.Minute) {
			t.Errorf("%q: Deadline = %s", text, d)
		}
		if len(c.Order(c.For(host))) == 0 {
			t.Errorf("%q: nobody is asked for %q", text, host)
		}
	})
}

// Whatever a cache file holds: a credential comes out, and none that has ended.
func FuzzCacheFile(f *testing.F) {
	for _, text := range []string{``, `{`, `{"username":"x","secret":"stale","kept":"2000-01-01T00:00:00Z","expires":"2000-01-01T12:00:00Z"}`,
		`{"username":"x","secret":"stale","kept":"2026-01-02T03:04:05Z","expires":"0001-01-01T00:00:00Z"}`, `{"kept":"9999-01-01T00:00:00Z","half_life":true}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b := newBench(t)
		b.secret(t, "registry.example")
		found, err := filepath.Glob(filepath.Join(b.Cache.Dir, "*.json"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		if err := os.WriteFile(found[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Hour)
		code, out, explain := b.run(context.Background(), "get", "registry.example")
		if code != 0 {
			t.Errorf("get = %s%s", out, explain)
		}
		var e struct{ Kept, Expires time.Time }
		if json.Unmarshal(text, &e) != nil {
			e.Expires = time.Time{}
		}
		good := b.now.Before(e.Expires) || (e.Expires.IsZero() && b.now.Sub(e.Kept) < 5*time.Minute)
		if strings.Contains(out, `"Secret":"stale"`) && !good {
			t.Errorf("what has ended was given out: %q", text)
		}
	})
}
