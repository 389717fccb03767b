package sarif

import "testing"

func TestArtifactAt(t *testing.T) {
	for path, want := range map[string]string{
		"policies/a b.json": "policies/a%20b.json",
		"/srv/policy.json":  "file:///srv/policy.json",
		`policies\x.json`:   "policies/x.json",
		"a:b.json":          "./a:b.json",
	} {
		if got := ArtifactAt(path).URI; got != want {
			t.Errorf("ArtifactAt(%q) = %q, want %q", path, got, want)
		}
	}
}
