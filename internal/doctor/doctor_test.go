package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/reference"
)

// unreachable is a registry whose session answers as it is told: for what a real
// one does not do on command. The real ones are in cmd/pullpass.
type unreachable struct {
	open, check, parts error
	have               doctor.Parts
	blob               func(size int64) (io.ReadCloser, error)
	fetched            []int64
}

func (u *unreachable) Open(context.Context, reference.Image, pullpass.Credential) (doctor.Session, error) {
	return u, u.open
}
func (u *unreachable) Login() (asked, taken bool)                  { return true, true }
func (u *unreachable) Check(context.Context) error                 { return u.check }
func (u *unreachable) Parts(context.Context) (doctor.Parts, error) { return u.have, u.parts }
func (u *unreachable) Blob(_ context.Context, _ string, size int64) (io.ReadCloser, error) {
	u.fetched = append(u.fetched, size)
	if u.blob != nil {
		return u.blob(size)
	}
	return io.NopCloser(strings.NewReader("")), nil
}

const secret = "canary-of-the-doctor"

// examine makes a pull with a session that is played, from a registry that is
// there: a port of this machine that answers.
func examine(t *testing.T, u *unreachable, p doctor.Pull) api.Diagnosis {
	t.Helper()
	host := answering(t)
	hosts, err := reference.NewHosts(reference.Mapping{Host: host, RegistryURL: "http://" + host})
	if err != nil {
		t.Fatal(err)
	}
	client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d := doctor.New(doctor.Options{HTTP: client, Registries: u, Hosts: hosts, Where: doctor.Here})
	p.Image = host + "/" + p.Image
	if p.Opener == nil {
		p.Opener = doctor.Basic{Username: "ada", Password: pullpass.NewSecret(secret), Source: "given"}
	}
	return d.Examine(t.Context(), p)
}

func step(d api.Diagnosis, name string) api.DiagnosisStep {
	for _, s := range d.Steps {
		if s.Name == name {
			return s
		}
	}
	return api.DiagnosisStep{}
}

func TestFirstAndLargestLayer(t *testing.T) {
	u := &unreachable{have: doctor.Parts{Config: doctor.Part{Digest: "sha256:c", Size: 1}, Layers: []doctor.Part{
		{Digest: "sha256:a", Size: 20}, {Digest: "sha256:b", Size: 300 << 20}, {Digest: "sha256:d", Size: 30}}}}
	u.blob = func(size int64) (io.ReadCloser, error) {
		// Of a layer that is too large only the beginning is read: the rest breaks.
		return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, min(size, 1<<20)), broken{size})), nil
	}
	d := examine(t, u, doctor.Pull{Image: "team/app:1"})
	if !d.Healthy {
		t.Fatalf("diagnosis = %+v", d)
	}
	if len(u.fetched) != 3 || u.fetched[1] != 20 || u.fetched[2] != 300<<20 {
		t.Errorf("fetched parts of %v bytes, want the configuration, the first and the largest layer", u.fetched)
	}
	if last := d.Steps[len(d.Steps)-1]; last.Name != "layer" || !strings.Contains(last.Detail, "first MiB of 300.0 MiB") {
		t.Errorf("the last step is %+v, want the beginning of the largest layer", last)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// broken ends a small part well and a large one badly.
type broken struct{ size int64 }

func (b broken) Read([]byte) (int, error) {
	if b.size > 64<<20 {
		return 0, errors.New("read on after the first MiB")
	}
	return 0, io.EOF
}

// An error that is not one of ours may hold anything: its text is not shown.
func TestForeignErrorsAreNotShown(t *testing.T) {
	d := examine(t, &unreachable{parts: errors.New("token=" + secret)}, doctor.Pull{Image: "team/app:1"})
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Healthy || strings.Contains(string(text), "canary") || d.Fix == "" {
		t.Errorf("diagnosis = %s, want a failure without the text", text)
	}
}

// Ours may quote a registry: the secret is taken out all the same.
func TestSecretsAreTakenOut(t *testing.T) {
	e := &pullpass.Error{Kind: pullpass.Denied, Code: "denied", Cause: "it said " + secret + " and YWRhOmNhbmFyeS1vZi10aGUtZG9jdG9y", Hint: "do not use " + secret}
	d := examine(t, &unreachable{parts: e}, doctor.Pull{Image: "team/app:1"})
	if d.Cause != "it said [secret] and [secret]" || d.Fix != "do not use [secret]" {
		t.Errorf("cause %q, fix %q, want [secret] for the secret", d.Cause, d.Fix)
	}
}

func TestFrontDoor(t *testing.T) {
	token := &pullpass.Error{Kind: pullpass.Denied, Code: "token_refused", Cause: "no"}
	d := examine(t, &unreachable{check: token}, doctor.Pull{Image: "team/app:1"})
	if got := step(d, "v2"); !d.Healthy || got.Result != api.StepSkipped {
		t.Errorf("a token for the repository alone: %+v, want the door left out and the rest healthy", got)
	}
	missing := &pullpass.Error{Kind: pullpass.Unavailable, Code: "registry_answer", Cause: "no"}
	if d := examine(t, &unreachable{check: missing}, doctor.Pull{Image: "team/app:1"}); d.Symptom != "not_a_registry" || step(d, "manifest").Result != api.StepSkipped {
		t.Errorf("nothing at /v2/: %+v, want not_a_registry and the rest left out", d)
	}
}

func TestLoginOnly(t *testing.T) {
	d := doctor.New(doctor.Options{HTTP: nil, Where: doctor.Server})
	got := d.Examine(t.Context(), doctor.Pull{Image: "not a host", LoginOnly: true})
	if got.Healthy || got.Symptom != "reference_invalid" {
		t.Errorf("diagnosis = %+v, want reference_invalid", got)
	}
}

func TestClimbTellsWhatNoRungTells(t *testing.T) {
	steps := doctor.Climb(t.Context(), failing{}, nil)
	if len(steps) != 1 || doctor.Healthy(steps) || steps[0].Symptom != "no_identity" {
		t.Errorf("Climb = %+v, want one step that failed", steps)
	}
}

type failing struct{}

func (failing) Open(context.Context, reference.Host, string, func(doctor.Rung)) (pullpass.Credential, error) {
	return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_no_identity"}
}

func TestReadLogins(t *testing.T) {
	config := `{"auths":{"https://index.docker.io/v1/":{"auth":"` + secret + `"},"b.example":{}},"credHelpers":{"b.example":"ecr-login"},"credsStore":"desktop"}`
	got, err := doctor.ReadLogins([]byte(config))
	want := []doctor.Login{{Host: "b.example", Helper: "ecr-login"}, {Host: "https://index.docker.io/v1/", Helper: "desktop"}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("ReadLogins = %v, %v, want %v", got, err, want)
	}
	if _, err := doctor.ReadLogins([]byte(`{"auths":` + secret)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("ReadLogins of what is no JSON = %v, want an error without it", err)
	}
}

func TestLoginsStep(t *testing.T) {
	for _, c := range []struct {
		login  func(host string) []doctor.Login
		result api.StepResult
		detail string
	}{
		{func(string) []doctor.Login { return []doctor.Login{} }, api.StepSkipped, "nothing for this host"},
		{func(h string) []doctor.Login { return []doctor.Login{{Host: "https://" + h}} }, api.StepOK, "a stored login"},
		{func(h string) []doctor.Login { return []doctor.Login{{Host: h, Helper: "pullpass"}} }, api.StepOK, "docker-credential-pullpass"},
		{func(h string) []doctor.Login { return []doctor.Login{{Host: h, Helper: "ecr-login"}} }, api.StepWarning, "docker-credential-ecr-login"},
	} {
		u := &unreachable{}
		host := answering(t)
		hosts, err := reference.NewHosts(reference.Mapping{Host: host, RegistryURL: "http://" + host})
		if err != nil {
			t.Fatal(err)
		}
		client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		d := doctor.New(doctor.Options{HTTP: client, Registries: u, Hosts: hosts, Where: doctor.Here}).
			Examine(t.Context(), doctor.Pull{Image: host + "/team/app:1", Logins: c.login(host)})
		client.Close()
		if got := step(d, "logins"); got.Result != c.result || !strings.Contains(got.Detail, c.detail) || !d.Healthy {
			t.Errorf("logins = %+v, healthy %v, want %s, %q, and the pull still healthy", got, d.Healthy, c.result, c.detail)
		}
	}
}

func TestText(t *testing.T) {
	d := api.Diagnosis{
		Image: "ghcr.io/acme/app:1", Where: doctor.Here, Symptom: "x", Cause: "the cause", Fix: "first line\nsecond line", Started: time.Unix(0, 0),
		Steps: []api.DiagnosisStep{
			{Name: "parse", Result: api.StepOK, Detail: "host ghcr.io"},
			{Name: "tls", Result: api.StepOK, Millis: 12.6},
			{Name: "manifest", Result: api.StepFailed, Millis: 3, Cause: "the cause", Fix: "first line\nsecond line"},
			{Name: "layer", Result: api.StepSkipped, Detail: "there is no manifest"},
		},
	}
	var b bytes.Buffer
	if err := doctor.WriteText(&b, d); err != nil {
		t.Fatal(err)
	}
	want := `ghcr.io/acme/app:1, from this machine

  ok       parse    host ghcr.io
  ok       tls      (13 ms)
  failed   manifest (3 ms)
                    cause: the cause
                    fix:   first line
                           second line
  skipped  layer    there is no manifest

not healthy
cause: the cause
fix:   first line
       second line
`
	if b.String() != want {
		t.Errorf("WriteText:\n%s\nwant:\n%s", b.String(), want)
	}
}

// The clocks are compared where the registry tells its time: an hour keeps no
// image from being pulled from most registries, and AWS from answering.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		want string
	}{
		{0, ""},
		{3 * time.Minute, ""},
		{time.Hour, "ahead of the registry's"},
		{-time.Hour, "behind the registry's"},
	} {
		host := answering(t)
		hosts, err := reference.NewHosts(reference.Mapping{Host: host, RegistryURL: "http://" + host})
		if err != nil {
			t.Fatal(err)
		}
		client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		// Whole seconds, as the header has them.
		now := func() time.Time { return time.Now().Truncate(time.Second).Add(c.off) }
		d := doctor.New(doctor.Options{HTTP: client, Registries: &unreachable{}, Hosts: hosts, Where: doctor.Here, Now: now}).
			Examine(t.Context(), doctor.Pull{Image: host + "/team/app:1"})
		client.Close()
		got := step(d, "clock")
		if c.want == "" && got.Name != "" {
			t.Errorf("off by %s: %+v, want no word on the clock", c.off, got)
		}
		if c.want != "" && (got.Result != api.StepWarning || got.Symptom != "clock" || !strings.Contains(got.Cause, c.want)) {
			t.Errorf("off by %s: %+v, want a warning with %q", c.off, got, c.want)
		}
	}
}

// The form is what programs build on: names only ever get added.
func TestJSON(t *testing.T) {
	d := api.Diagnosis{
		Image: "ghcr.io/acme/app:1", Where: doctor.Here, Symptom: "dns", Cause: "c", Fix: "f", Started: time.Unix(0, 0).UTC(), Millis: 1.5,
		Steps: []api.DiagnosisStep{{Name: doctor.StepDNS, Result: api.StepFailed, Millis: 1, Detail: "d", Symptom: "dns", Cause: "c", Fix: "f"}, {Name: doctor.StepTCP, Result: api.StepSkipped}},
	}
	got, err := json.Marshal(d)
	want := `{"image":"ghcr.io/acme/app:1","where":"here","healthy":false,"symptom":"dns","cause":"c","fix":"f","started":"1970-01-01T00:00:00Z","milliseconds":1.5,` +
		`"steps":[{"name":"dns","result":"failed","milliseconds":1,"detail":"d","symptom":"dns","cause":"c","fix":"f"},{"name":"tcp","result":"skipped","milliseconds":0}]}`
	if err != nil || string(got) != want {
		t.Errorf("JSON = %s, %v\nwant %s", got, err, want)
	}
}
