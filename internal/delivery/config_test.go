package delivery_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/delivery"
	"github.com/pullpass/pullpass/internal/reference"
)

const canary = "canary-of-a-password"

func parse(t *testing.T, text string) *delivery.Config {
	t.Helper()
	c, err := delivery.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is there stays there: keys that nobody here knows, the order, numbers as they
// were written, and the file's own indentation.
func TestUseHelperKeepsTheFile(t *testing.T) {
	c := parse(t, `{
  "psFormat": "table {{.ID}} <b>",
  "auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}},
  "credHelpers": {"gcr.io": "gcloud"},
  "detachKeys": "ctrl-e,e",
  "big": 12345678901234567890
}
`)
	if err := c.UseHelper("ghcr.io", "pullpass", false); err != nil {
		t.Fatal(err)
	}
	want := `{
  "psFormat": "table {{.ID}} <b>",
  "auths": {
    "https://index.docker.io/v1/": {
      "auth": "YTpi"
    }
  },
  "credHelpers": {
    "gcr.io": "gcloud",
    "ghcr.io": "pullpass"
  },
  "detachKeys": "ctrl-e,e",
  "big": 12345678901234567890
}
`
	if got := string(c.Bytes()); got != want {
		t.Errorf("the file is now\n%s\nwant\n%s", got, want)
	}
	if len(c.Changes()) != 1 {
		t.Errorf("changes %q, want one", c.Changes())
	}
	if err := c.UseHelper("ghcr.io", "pullpass", false); err != nil || len(c.Changes()) != 1 {
		t.Errorf("the same again: %v, %q; want no change", err, c.Changes())
	}
}

// Somebody else's helper is a conflict that names it, and is replaced when asked.
func TestAnotherHelperIsAConflict(t *testing.T) {
	c := parse(t, `{"credHelpers":{"ghcr.io":"other"},"credsStore":"desktop"}`)
	err := c.UseHelper("ghcr.io", "pullpass", false)
	if !pullpass.IsKind(err, pullpass.Conflict) || !strings.Contains(err.Error(), "other") {
		t.Errorf("UseHelper = %v, want a conflict that names the other helper", err)
	}
	if err := c.UseStore("pullpass", false); !pullpass.IsKind(err, pullpass.Conflict) || !strings.Contains(err.Error(), "desktop") {
		t.Errorf("UseStore = %v, want a conflict that names the other helper", err)
	}
	if err := c.UseHelper("ghcr.io", "pullpass", true); err != nil {
		t.Error(err)
	}
	if err := c.UseStore("pullpass", true); err != nil {
		t.Error(err)
	}
	if got := c.Line(); got != `{"credHelpers":{"ghcr.io":"pullpass"},"credsStore":"pullpass"}` {
		t.Errorf("replaced: %s", got)
	}
}

// Docker reads names of fields whatever their case; a second field beside the one that
// it reads would change nothing.
func TestFieldsAreFoundInAnyCase(t *testing.T) {
	c := parse(t, `{"CredHelpers":{"a.example":"x"}}`)
	if err := c.UseHelper("ghcr.io", "pullpass", false); err != nil {
		t.Fatal(err)
	}
	if got := c.Line(); got != `{"CredHelpers":{"a.example":"x","ghcr.io":"pullpass"}}` {
		t.Errorf("%s, want one field", got)
	}
}

// Nothing that cannot be read is written over, and nothing of it is repeated.
func TestParseConfigRefuses(t *testing.T) {
	for _, text := range []string{
		`[]`, `"` + canary + `"`, `{"auths":`, `{"auths":{"` + canary + `"}}`, `{"a":1}{"b":2}`, `{"credHelpers":[]}`, `{"credsStore":1}`,
		`{"auths":{"a":{"auth":"` + canary + `}}`, `{"credHelpers":{},"credHelpers":{}}`, "\xef\xbb\xbf{}",
	} {
		_, err := delivery.ParseConfig([]byte(text))
		if err == nil {
			t.Errorf("ParseConfig(%q) takes it", text)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("ParseConfig(%q) repeats the text: %v", text, err)
		}
	}
}

// A login takes the place of an older one whole: what is left of that would win, or be
// sent to the registry with the new password.
func TestSetLogin(t *testing.T) {
	c := parse(t, `{"auths":{"ghcr.io":{"email":"a@example.com","identitytoken":"old","Username":"old","auth":"b2xkOm9sZA=="}}}`)
	err := c.SetLogin("ghcr.io", pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret(canary)})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"auths":{"ghcr.io":{"email":"a@example.com","auth":"` + base64.StdEncoding.EncodeToString([]byte("AWS:"+canary)) + `"}}}`
	if got := c.Line(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, change := range c.Changes() {
		if strings.Contains(change, canary) {
			t.Errorf("a change shows the secret: %s", change)
		}
	}
}

func hosts(t *testing.T, written ...string) []reference.Host {
	t.Helper()
	all, err := delivery.ParseHosts(written, reference.ParseHost)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each consumer looks for Docker Hub under a name of its own.
func TestApplyNamesHostsAsTheirConsumersDo(t *testing.T) {
	for form, want := range map[delivery.Form]string{
		delivery.FormDocker:     `{"credHelpers":{"https://index.docker.io/v1/":"pullpass","ghcr.io":"pullpass"}}`,
		delivery.FormVariable:   `{"credHelpers":{"https://index.docker.io/v1/":"pullpass","ghcr.io":"pullpass"}}`,
		delivery.FormContainers: `{"credHelpers":{"docker.io":"pullpass","ghcr.io":"pullpass"}}`,
	} {
		c := parse(t, "")
		w := delivery.Wanted{Form: form, Hosts: hosts(t, "index.docker.io", "ghcr.io", "https://ghcr.io")}
		if err := w.Apply(c, nil); err != nil {
			t.Fatal(err)
		}
		if got := c.Line(); got != want {
			t.Errorf("%s: %s, want %s", form, got, want)
		}
	}
}

// A login that nobody would look at is not written: its reader would be told of an
// expired or missing helper instead.
func TestLoginBehindAHelperIsRefused(t *testing.T) {
	logins := []pullpass.Credential{{Username: "AWS", Secret: pullpass.NewSecret(canary)}}
	for text, refused := range map[string][]delivery.Form{
		`{"credHelpers":{"ghcr.io":"pullpass"}}`: {delivery.FormDocker, delivery.FormContainers},
		`{"credsStore":"desktop"}`:               {delivery.FormDocker},
	} {
		for _, form := range []delivery.Form{delivery.FormDocker, delivery.FormContainers} {
			c := parse(t, text)
			w := delivery.Wanted{Form: form, Hosts: hosts(t, "ghcr.io"), Issuer: failing{}}
			err := w.Apply(c, logins)
			if want := slices.Contains(refused, form); pullpass.IsKind(err, pullpass.Conflict) != want {
				t.Errorf("%s in %s: %v, want refused %v", form, text, err, want)
			}
		}
	}
}

func TestSecretIsAManifest(t *testing.T) {
	c := parse(t, "")
	if err := c.SetLogin("ghcr.io", pullpass.Credential{Username: "u", Secret: pullpass.NewSecret(canary)}); err != nil {
		t.Fatal(err)
	}
	var m struct {
		APIVersion, Kind, Type string
		Metadata               struct {
			Name, Namespace string
			Annotations     map[string]string
		}
		Data map[string][]byte
	}
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := json.Unmarshal(delivery.Secret(c, "pull", "payments", expires), &m); err != nil {
		t.Fatal(err)
	}
	if m.APIVersion != "v1" || m.Kind != "Secret" || m.Type != "kubernetes.io/dockerconfigjson" || m.Metadata.Name != "pull" ||
		m.Metadata.Namespace != "payments" || m.Metadata.Annotations["pullpass.dev/expires"] != "2030-01-02T03:04:05Z" {
		t.Errorf("the manifest is %+v", m)
	}
	if string(m.Data[".dockerconfigjson"]) != c.Line() {
		t.Errorf("it holds %s", m.Data[".dockerconfigjson"])
	}
}

// FuzzParseConfig: what is read is written as JSON that means the same, and takes a
// helper without losing anything.
func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{`{}`, `{"auths":{"a":{"auth":"YTpi"}},"x":[1,{"y":null}]}`, `{"credHelpers":null}`, `{"credsStore":"s"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := delivery.ParseConfig(text)
		if err != nil {
			return
		}
		before := c.Fields()
		if err := c.UseHelper("host.example", "pullpass", true); err != nil {
			return
		}
		again, err := delivery.ParseConfig(c.Bytes())
		if err != nil {
			t.Fatalf("of %q was made %q: %v", text, c.Bytes(), err)
		}
		helpers, err := again.Helpers()
		if err != nil || helpers["host.example"] != "pullpass" {
			t.Errorf("helpers %v, %v", helpers, err)
		}
		for _, field := range before {
			if !slices.Contains(again.Fields(), field) {
				t.Errorf("lost the field %q of %q", field, text)
			}
		}
	})
}
