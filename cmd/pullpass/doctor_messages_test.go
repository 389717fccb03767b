package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	realparts "github.com/pullpass/pullpass/internal/parts"
)

// message is a row that is no pull's: another program's own words go into
// pullpass doctor --message.
type message struct {
	name    string
	symptom string
	say     func(w *ward) string
	cure    func(w *ward) // fails the test where it does not help
}

func messages() []message {
	return []message{
		{"skopeo pushes to a tag that cannot change", "tag_immutable",
			func(w *ward) string {
				if out, err := w.skopeoPush("team/fixed:1"); err != nil {
					w.t.Fatalf("the first push: %v\n%s", err, out)
				}
				return w.mustFail(w.skopeoPush("team/fixed:1"))
			},
			func(w *ward) {
				if out, err := w.skopeoPush("team/fixed:2"); err != nil {
					w.t.Errorf("under a new tag: %v\n%s", err, out)
				}
			}},
		{"docker login with Amazon's helper", "helper_cannot_store",
			func(w *ward) string {
				w.dockerConfig(`{"credHelpers":{"` + w.host + `":"ecr-login"}}`)
				realparts.Command(w.t, "docker-credential-ecr-login")
				return w.mustFail(w.dockerLogin())
			},
			func(w *ward) { // a helper that stores
				w.dockerConfig(`{"credHelpers":{"` + w.host + `":"pullpass"}}`)
				if out, err := w.dockerLogin(); err != nil {
					w.t.Errorf("with a helper that stores: %v\n%s", err, out)
				}
			}},
		// The text is that of kubectl: no cluster is at hand to say it.
		{"a Pod that was admitted too early", "pull_secret_late", func(*ward) string { return latePod }, func(*ward) {}},
	}
}

// latePod is kubectl describe pod, as far as it concerns the image.
const latePod = `Name:             app-6d4cf56db6-x2k9p
Namespace:        env-ada
Service Account:  default
Status:           Pending
Containers:
  app:
    Image:          222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1
    State:          Waiting
      Reason:       ImagePullBackOff
Events:
  Warning  Failed     3s (x2 over 17s)  kubelet  Failed to pull image "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1": failed to resolve reference: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials
  Warning  Failed     3s (x2 over 17s)  kubelet  Error: ErrImagePull
  Normal   BackOff    2s                kubelet  Back-off pulling image "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1"
  Warning  Failed     2s                kubelet  Error: ImagePullBackOff
`

func (w *ward) mustFail(out string, err error) string {
	w.t.Helper()
	if err == nil {
		w.t.Fatalf("it went well, want it refused:\n%s", out)
	}
	return out
}

func (w *ward) skopeoPush(to string) (string, error) {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "image")
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: amd64(w.t)})); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), realparts.Command(w.t, "skopeo"), "copy", "--insecure-policy", "--dest-tls-verify=false",
		"--dest-creds", "AWS:"+w.token(ownerAdminID, ownerAdminKey, sickHome), "oci:"+dir, "docker://"+w.host+"/"+to)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *ward) dockerLogin() (string, error) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), realparts.Command(w.t, "docker"), "--host", realparts.Docker(w.t), "login", "--username", "AWS", "--password-stdin", w.host)
	cmd.Stdin = strings.NewReader(w.token(keyID("well"), keyText("well"), sickHome))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestDoctorFindsWhatOthersSay(t *testing.T) {
	dir := t.TempDir() // for the helper, built before a ward has a home of its own
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../docker-credential-pullpass")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, m := range messages() {
		t.Run(m.name, func(t *testing.T) {
			w := newWard(t)
			said := m.say(w)
			var out, talk bytes.Buffer
			code := run(t.Context(), []string{"--json", "doctor", "--message", "-"}, strings.NewReader(said), &out, &talk)
			if code != exitDone || !strings.Contains(out.String(), `"symptom": "`+m.symptom+`"`) {
				t.Errorf("doctor --message of %q = %d %s%s, want %s", said, code, out.String(), talk.String(), m.symptom)
			}
			m.cure(w)
		})
	}
}
