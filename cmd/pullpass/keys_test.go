package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/store"
)

// TestFilesAreForTheFirstWord: names that people gave to things are no commands.
func TestFilesAreForTheFirstWord(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
	}{
		{"server", "server"}, {"--json server --listen x", "server"}, {"--config f server", "server"}, {"--config=f runner", "runner"},
		{"runner list", "runner"}, {"keys rotate", "server"}, {"--config f keys retire", "server"},
		{"registry show runner", ""}, {"env show server", ""}, {"token create keys", ""}, {"--config runner project list", ""}, {"", ""},
	} {
		if got := fileCommand(strings.Fields(test.args)); got != test.want {
			t.Errorf("fileCommand(%q) = %q, want %q", test.args, got, test.want)
		}
	}
	t.Setenv("PULLPASS_CONFIG", filepath.Join(t.TempDir(), "none.yaml"))
	t.Setenv("HOME", t.TempDir())
	var out, talk bytes.Buffer
	if run(t.Context(), []string{"registry", "show", "runner"}, nil, &out, &talk); strings.Contains(talk.String(), "configuration") {
		t.Errorf("a registry named runner: %s, want the file unread", talk.String())
	}
}

// TestKeysAreTheServers: rotate and retire read the server's file, make no database
// where none is, and say what they work on.
func TestKeysAreTheServers(t *testing.T) {
	data, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "typo")
	keys := func(args ...string) (int, string) {
		var out, talk bytes.Buffer
		code := run(t.Context(), append([]string{"keys"}, args...), nil, &out, &talk)
		return code, out.String() + talk.String()
	}
	for _, verb := range []string{"rotate", "retire"} {
		if code, said := keys(verb, "--data", elsewhere); code == 0 || !strings.Contains(said, "no database at "+elsewhere) {
			t.Errorf("%s of a directory without a database: exit code %d, %s", verb, code, said)
		}
	}
	if _, err := os.Stat(elsewhere); !os.IsNotExist(err) {
		t.Errorf("%s was made: %v", elsewhere, err)
	}
	c := config.Server{Data: data}
	db, err := openStore(t.Context(), &c, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(c.KeyPath())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(file, []byte("data: "+data+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"rotate", "retire"} {
		code, said := keys(verb, "--config", file)
		if code != 0 || !strings.Contains(said, databasePath(&c)) || !strings.Contains(said, c.KeyPath()) {
			t.Errorf("%s --config: exit code %d, %s, want the database and the key named", verb, code, said)
		}
	}
	if after, err := os.ReadFile(c.KeyPath()); err != nil || bytes.Equal(before, after) {
		t.Errorf("the key of the file's directory is what it was: %v", err)
	}
	if err := os.WriteFile(file, []byte("nonsense: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := keys("rotate", "--config", file); code != exitMisuse {
		t.Errorf("a broken file: exit code %d, %s, want 2", code, said)
	}
}
