package reference_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseImage(t *testing.T) {
	for _, test := range []struct {
		written string
		want    reference.Image
		text    string
	}{
		{"alpine", reference.Image{Host: "docker.io", Repository: "library/alpine", Tag: "latest"}, "docker.io/library/alpine:latest"},
		{"alpine:3.20", reference.Image{Host: "docker.io", Repository: "library/alpine", Tag: "3.20"}, "docker.io/library/alpine:3.20"},
		{"team/app", reference.Image{Host: "docker.io", Repository: "team/app", Tag: "latest"}, "docker.io/team/app:latest"},
		{"index.docker.io/alpine", reference.Image{Host: "docker.io", Repository: "library/alpine", Tag: "latest"}, "docker.io/library/alpine:latest"},
		{"registry-1.docker.io/library/alpine", reference.Image{Host: "docker.io", Repository: "library/alpine", Tag: "latest"}, "docker.io/library/alpine:latest"},
		{"localhost/app", reference.Image{Host: "localhost", Repository: "app", Tag: "latest"}, "localhost/app:latest"},
		{"127.0.0.1:5001/team/app:1", reference.Image{Host: "127.0.0.1:5001", Repository: "team/app", Tag: "1"}, "127.0.0.1:5001/team/app:1"},
		{"[::1]:5001/app:1", reference.Image{Host: "[::1]:5001", Repository: "app", Tag: "1"}, "[::1]:5001/app:1"},
		{"222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4", reference.Image{Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com", Repository: "team/app", Tag: "1.4"}, "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4"},
		{"ghcr.io/a/b@" + digest, reference.Image{Host: "ghcr.io", Repository: "a/b", Digest: digest}, "ghcr.io/a/b@" + digest},
		{"ghcr.io/a/b:v1@" + digest, reference.Image{Host: "ghcr.io", Repository: "a/b", Tag: "v1", Digest: digest}, "ghcr.io/a/b:v1@" + digest},
		{"ghcr.io/a__b/c-----d/e.f", reference.Image{Host: "ghcr.io", Repository: "a__b/c-----d/e.f", Tag: "latest"}, "ghcr.io/a__b/c-----d/e.f:latest"},
	} {
		got, err := reference.ParseImage(test.written)
		if err != nil || got != test.want || got.String() != test.text {
			t.Errorf("ParseImage(%q) = %+v (%s), %v, want %+v (%s)", test.written, got, got, err, test.want, test.text)
		}
	}
}

func TestParseImageRefuses(t *testing.T) {
	for _, s := range []string{
		"", "/", ":", "@", "alpine:", "alpine@", ":tag", "@" + digest, "Alpine", "team/App", "alpine:-x", "alpine:.x",
		"alpine:" + strings.Repeat("a", 129), strings.Repeat("a/", 130) + "a",
		"ghcr.io/", "ghcr.io//app", "ghcr.io/app/", "ghcr.io/../app", "ghcr.io/./app", "ghcr.io/a/../b", "/app", "https://ghcr.io/app",
		"ghcr.io/a..b", "ghcr.io/a___b", "ghcr.io/a.-b", "ghcr.io/-a", "ghcr.io/a-", "ghcr.io/_a",
		"GHCR.io/app", "ghcr.io./app", "ghcr.io:0/app", "ghcr.io\x00/app", "ghcr.io/app\n", "ghcr.io/app ", "user@ghcr.io/app", "user:pass@ghcr.io/app",
		"ghcr.io/app@sha256:abc", "ghcr.io/app@" + strings.ToUpper(digest), "ghcr.io/app@md5:d41d8cd98f00b204e9800998ecf8427e", "ghcr.io/app@" + digest + "@" + digest, "ghcr.io/app@" + digest + ":tag",
		strings.TrimPrefix(digest, "sha256:"), digest,
		"2130706433:80/app", "0x7f.1/app", "ghcr.io/аpp",
	} {
		if got, err := reference.ParseImage(s); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("ParseImage(%q) = %+v, %v, want Invalid", s, got, err)
		}
	}
}

func TestWithDigest(t *testing.T) {
	img, err := reference.ParseImage("ghcr.io/a/b:v1")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := img.WithDigest(digest).String(), "ghcr.io/a/b@"+digest; got != want {
		t.Errorf("WithDigest = %q, want %q", got, want)
	}
	if got := img.Reference(); got != "v1" {
		t.Errorf("Reference() = %q, want v1", got)
	}
	if got := img.WithDigest(digest).Reference(); got != digest {
		t.Errorf("Reference() = %q, want the digest", got)
	}
}

func FuzzParseImage(f *testing.F) {
	for _, s := range []string{"alpine", "team/app:1", "localhost:5000/a/b:c@" + digest, "[::1]:1/a", "docker.io/localhost/x", "127.0.0.1:5001", "index.docker.io/a", digest} {
		f.Add(s)
	}
	for _, h := range confusion {
		f.Add(h + "/team/app:1")
	}
	f.Fuzz(func(t *testing.T, s string) {
		img, err := reference.ParseImage(s)
		if err != nil {
			return
		}
		again, err := reference.ParseImage(img.String())
		if err != nil || again != img {
			t.Errorf("ParseImage(%q) = %+v, whose text %q parses to %+v, %v", s, img, img, again, err)
		}
		if !reference.ValidRepository(img.Repository) || img.Reference() == "" {
			t.Errorf("ParseImage(%q) = %+v", s, img)
		}
	})
}
