package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/reference"
)

// TestImagesAreChecked gives each image its own verdict: what a start of the project
// would meet, without starting anything.
func TestImagesAreChecked(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p, other := o.project("payments"), o.project("other")
	i := attachable(t, o, p.ID)
	_, err := o.CreateRegistry(t.Context(), pullpass.Registry{Project: p.ID, Name: "ecr", Host: ecrHost, Auth: pullpass.AuthIntegration, Integration: i.ID}, pullpass.Secret{})
	must(t, err)
	_, err = o.CreateRegistry(t.Context(), pullpass.Registry{Project: other.ID, Name: "theirs", Host: "theirs.example.com", Auth: pullpass.AuthBasic, Username: "ada"}, pullpass.NewSecret(canary))
	must(t, err)
	r := o.trying("near")
	native := o.native("native", r.ID)
	_, err = o.CreateRegistry(t.Context(), pullpass.Registry{Project: p.ID, Name: "native", Host: "333333333333.dkr.ecr.eu-west-1.amazonaws.com", Auth: pullpass.AuthIntegration, Integration: native.ID}, pullpass.Secret{})
	must(t, err)
	_, err = w.db.CreateRepository(t.Context(), pullpass.Repository{Organization: o.org, Project: other.ID, Integration: i.ID, Puller: i.ID, Host: ecrHost,
		Account: "222222222222", Region: "eu-west-1", Name: "kept/other", State: pullpass.RepositoryReady},
		pullpass.Registry{Name: "kept", Host: ecrHost, PathPrefix: "kept/other", Auth: pullpass.AuthIntegration, Integration: i.ID})
	must(t, err)
	digest := "sha256:" + strings.Repeat("a", 64)
	w.tester.find = func(trial httpapi.RegistryTrial, image reference.Image, platform string) (httpapi.ImageFound, error) {
		switch {
		case image.Tag == "missing":
			return httpapi.ImageFound{}, &pullpass.Error{Kind: pullpass.NotFound, Code: "manifest_unknown", What: "cannot pull", Cause: "no such tag", Hint: "push it"}
		case image.Tag == "down":
			return httpapi.ImageFound{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "registry_unavailable", What: "cannot pull", Cause: "it does not answer"}
		case image.Tag == "broken":
			return httpapi.ImageFound{}, errors.New("open /secret/path: " + canary)
		case trial.Saved == (image.Host == "public.example.com"):
			return httpapi.ImageFound{}, errors.New("opened with the wrong registry")
		case platform != "linux/arm64" && platform != "linux/amd64":
			return httpapi.ImageFound{}, errors.New("platform " + platform)
		}
		return httpapi.ImageFound{Digest: digest, Bytes: 7}, nil
	}
	for _, test := range []struct {
		image, platform, registry string
		verdict                   api.Verdict
		code                      string
	}{
		{ecrHost + "/team/app:1", "linux/arm64", "ecr", api.VerdictAllowed, ""},
		{"public.example.com/team/app:1", "", "", api.VerdictAllowed, ""},
		{ecrHost + "/team/app:missing", "", "ecr", api.VerdictRefused, "manifest_unknown"},
		{ecrHost + "/team/app:down", "", "ecr", api.VerdictUnknown, "registry_unavailable"},
		{ecrHost + "/team/app:broken", "", "ecr", api.VerdictUnknown, "internal"},
		{ecrHost + "/kept/other:1", "", "ecr", api.VerdictRefused, "repository_of_another_project"},
		{"333333333333.dkr.ecr.eu-west-1.amazonaws.com/a:1", "", "native", api.VerdictUnknown, "runner_native"},
		{"theirs.example.com/a:1", "", "", api.VerdictUnknown, "internal"}, // not opened with the other project's password
		{"Not/An Image", "", "", api.VerdictRefused, "reference_invalid"},
	} {
		got, err := o.CheckImages(t.Context(), p.ID, []api.ImageAsk{{Image: test.image, Platform: test.platform}})
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", test.image, got, err)
			continue
		}
		v := got[0]
		if v.Verdict != test.verdict || v.Registry != test.registry || (v.Verdict == api.VerdictAllowed) != (v.Digest == digest) ||
			(test.code != "" && test.code != "reference_invalid" && v.Code != test.code) || (v.Verdict != api.VerdictAllowed && v.What == "") {
			t.Errorf("%s: %+v, want %s by %q, code %q", test.image, v, test.verdict, test.registry, test.code)
		}
		if strings.Contains(fmt.Sprint(v), canary) {
			t.Errorf("%s: the verdict tells %+v", test.image, v)
		}
	}
	for _, trial := range w.tester.trials {
		if trial.Registry.Name == "native" || trial.Registry.Name == "theirs" {
			t.Errorf("the server tried %s", trial.Registry.Name)
		}
	}
	if log := auditLog(t, o); !strings.Contains(log, `"image.check"`) {
		t.Errorf("the audit record lacks image.check: %s", log)
	}
	// Who may not create environments there learns nothing of its images.
	path := strings.Replace(api.PathProjectImages, "{project}", string(p.ID), 1)
	elsewhere := o.withRole(pullpass.RoleDeveloper, other.ID).Reveal()
	wantProblem(t, "a developer of another project", w.raw(http.MethodPost, path, elsewhere, `{"images":[{"image":"alpine"}]}`), 404, pullpass.NotFound)
}
