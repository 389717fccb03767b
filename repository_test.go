package pullpass_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

func TestRepositoryNameFor(t *testing.T) {
	for project, want := range map[string]string{
		"payments": "payments", "Payments": "payments", "team.app_one-two": "team.app_one-two", "a": "project-a", "A--b..c_.d": "a-b-c-d",
		"x-": "project-x", "9": "project-9", "web__api": "web-api", strings.Repeat("a", 300): strings.Repeat("a", 256),
	} {
		if got := pullpass.RepositoryNameFor(project); got != want {
			t.Errorf("RepositoryNameFor(%q) = %q, want %q", project, got, want)
		}
	}
}

func TestRepositorySettingsLayer(t *testing.T) {
	mutable, off, five, none := pullpass.TagsMutable, false, 5, []string{}
	team := pullpass.RepositorySettings{ImageTags: &mutable, KeepImages: &five, AllowPull: &[]string{"arn:aws:iam::111111111111:role/ci"}}
	own := pullpass.RepositorySettings{ScanOnPush: &off, AllowPull: &none}
	want := pullpass.RepositoryRules{ImageTags: mutable, KeepImages: 5, ExpireUntagged: 14, AllowPull: none}
	if diff := cmp.Diff(want, own.Over(team).Rules()); diff != "" {
		t.Errorf("own over team (-want +got):\n%s", diff)
	}
	if got := (pullpass.RepositorySettings{}).Rules(); got.ImageTags != pullpass.TagsImmutable || !got.ScanOnPush || got.ExpireUntagged != 14 || got.KeepImages != 0 || len(got.AllowPush) != 0 {
		t.Errorf("the defaults are %+v", got)
	}
}
