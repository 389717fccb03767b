package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
)

const someConfig = `# mine
[default]
region = eu-central-1
s3 =
  addressing_style = path

[profile other] ; kept
# a comment of theirs
credential_process = /bin/other
[profile  dev]
credential_process=/bin/old
output = json
`

// Everything that is not ours stays as it is written.
func TestProfileKeepsTheRest(t *testing.T) {
	for _, c := range []struct{ name, file, profile, want string }{
		{"a new file", "", "default", "[default]\ncredential_process = CMD\nregion = eu-west-1\n"},
		{"the default", someConfig, "default", strings.Replace(someConfig, "[default]\n", "[default]\ncredential_process = CMD\n", 1)},
		{"one that is there", someConfig, "dev", strings.Replace(someConfig, "[profile  dev]\ncredential_process=/bin/old\n", "[profile  dev]\ncredential_process = CMD\nregion = eu-west-1\n", 1)},
		{"one that is not", someConfig, "new", someConfig + "\n[profile new]\ncredential_process = CMD\nregion = eu-west-1\n"},
	} {
		dir := t.TempDir()
		f := awsProfiles{filepath.Join(dir, "config"), filepath.Join(dir, "credentials")}
		if c.file != "" {
			if err := os.WriteFile(f.config, []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second time changes nothing
			if err := f.writeProcess(c.profile, "CMD", "eu-west-1"); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(f.config)
			if err != nil || string(got) != c.want {
				t.Errorf("%s: %v, wrote\n%s\nwant\n%s", c.name, err, got, c.want)
			}
		}
		info, err := os.Stat(f.config)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v, want 0600", c.name, info.Mode(), err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Errorf("%s: left %v behind", c.name, left)
		}
	}
}

func TestKeysAndProcessTakeTurns(t *testing.T) {
	dir := t.TempDir()
	f := awsProfiles{filepath.Join(dir, "config"), filepath.Join(dir, "credentials")}
	theirs := "[theirs]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = x\n"
	if err := os.WriteFile(f.credentials, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := awsCredentials{id: "ASIAOURS", secret: pullpass.NewSecret("s"), session: pullpass.NewSecret("t"), expires: time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC)}
	want := theirs + "\n[dev]\n# written by pullpass idp login; ends 2026-11-21T01:00:00Z\naws_access_key_id = ASIAOURS\naws_secret_access_key = s\naws_session_token = t\n"
	for range 2 {
		if err := f.writeKeys("dev", keys); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(f.credentials); string(got) != want {
			t.Errorf("keys: wrote\n%s\nwant\n%s", got, want)
		}
	}
	if err := f.writeProcess("theirs", "CMD", ""); !pullpass.IsKind(err, pullpass.Conflict) {
		t.Errorf("a profile with somebody's keys: %v, want a conflict", err)
	}
	if _, err := os.Stat(f.config); err == nil {
		t.Error("the profile was written all the same")
	}
	if err := f.writeProcess("dev", "CMD", ""); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.credentials)
	if err != nil || string(got) != theirs+"\n[dev]\n" {
		t.Errorf("after the process: %v\n%s\nwant our keys gone: they would go before it", err, got)
	}
}
