package config

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/pullpass/pullpass"
)

var update = flag.Bool("update", false, "write golden files")

type commandLine struct {
	Server Server `cmd:""`
	Runner struct {
		Run Runner `cmd:"" default:"withargs"`
	} `cmd:""`
}

func parse(t *testing.T, command, file string, args ...string) (commandLine, error) {
	t.Helper()
	var cli commandLine
	options := []kong.Option{kong.Vars{"data_dir": "/data", "runner_dir": "/runner"}}
	if file != "" {
		f, err := parseFile(command, "pullpass.yaml", []byte(file))
		if err != nil {
			return cli, err
		}
		options = append(options, kong.Resolvers(f))
	}
	parser, err := kong.New(&cli, options...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return cli, err
}

func TestFlagThenEnvironmentThenFileThenDefault(t *testing.T) {
	file := "listen: 127.0.0.1:3\n"
	for _, c := range []struct {
		name, env, file string
		args            []string
		want            string
	}{
		{"default", "", "", nil, "127.0.0.1:8420"},
		{"file", "", file, nil, "127.0.0.1:3"},
		{"environment", "127.0.0.1:2", file, nil, "127.0.0.1:2"},
		{"flag", "127.0.0.1:2", file, []string{"--listen=127.0.0.1:1"}, "127.0.0.1:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("PULLPASS_LISTEN", c.env)
			}
			cli, err := parse(t, "server", c.file, append([]string{"server"}, c.args...)...)
			if err != nil || cli.Server.Listen != c.want {
				t.Errorf("listen = %q, %v, want %q", cli.Server.Listen, err, c.want)
			}
		})
	}
}

func TestFileRefusesUnknownKeysTogether(t *testing.T) {
	_, err := parse(t, "server", "lisen: a\ndatabse: b\nlog-level: debug\n", "server")
	if err == nil || !strings.Contains(err.Error(), "lisen") || !strings.Contains(err.Error(), "databse") {
		t.Errorf("unknown keys: %v, want both named", err)
	}
	if err != nil && strings.Contains(err.Error(), "log-level") {
		t.Errorf("unknown keys: %v names a known one", err)
	}
}

func TestFileOfRunner(t *testing.T) {
	cli, err := parse(t, "runner", "server: http://127.0.0.1:1\nparallel: 7\n", "runner")
	if err != nil || cli.Runner.Run.Parallel != 7 {
		t.Errorf("parallel = %d, %v, want 7", cli.Runner.Run.Parallel, err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"512MiB": 512 << 20, "4GiB": 4 << 30, "1KiB": 1 << 10, "2TiB": 2 << 40, "none": Unlimited, "auto": 0} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0GiB", "-1MiB", "4", "4GB", "4 GiB", "1.5GiB", "9999999999TiB", "GiB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q = %d, want an error", text, got)
		}
	}
	r := Runner{Server: "http://127.0.0.1:1", Parallel: 4, MemoryLimit: 1 << 20, PidsLimit: -2, LogLimit: 1 << 20}
	err := r.Check()
	for _, option := range []string{"--memory-limit", "--pids-limit", "--log-limit"} {
		if err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("Check() = %v, want %s named", err, option)
		}
	}
}

func TestFileThatIsNoMapping(t *testing.T) {
	for _, file := range []string{"- a\n- b\n", "{", "listen: [", "\x00"} {
		if _, err := parse(t, "server", file, "server"); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("file %q: %v, want invalid", file, err)
		}
	}
}

func TestHostMappings(t *testing.T) {
	const want = "account=222222222222,api=http://127.0.0.1:4510,host=127.0.0.1:4600,region=eu-west-1"
	file := "host:\n  - {host: \"127.0.0.1:4600\", account: \"222222222222\", region: eu-west-1, api: \"http://127.0.0.1:4510\"}\n  - host=b,registry=http://b\n"
	cli, err := parse(t, "server", file, "server")
	if err != nil || len(cli.Server.Hosts) != 2 || cli.Server.Hosts[0] != want || cli.Server.Hosts[1] != "host=b,registry=http://b" {
		t.Errorf("from file = %q, %v, want %q and the line as it is", cli.Server.Hosts, err, want)
	}
	cli, err = parse(t, "server", "", "server", "--host", want, "--host", "host=b")
	if err != nil || len(cli.Server.Hosts) != 2 || cli.Server.Hosts[0] != want {
		t.Errorf("from flags = %q, %v, want both", cli.Server.Hosts, err)
	}
}

func TestCheckReportsEverything(t *testing.T) {
	s := Server{Listen: "x", URL: "ftp://x", Database: "mysql://", KeyFile: "a", KMSKey: "b", TLSCert: "c", AllowEgress: []string{"10.0.0.0/99"}}
	err := s.Check()
	for _, option := range []string{"--listen", "--url", "--database", "--kms-key", "--tls-cert", "--allow-egress"} {
		if err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("Check() = %v, want %s named", err, option)
		}
	}
	good := Server{Listen: "127.0.0.1:0", Data: "/data"}
	if err := good.Check(); err != nil {
		t.Errorf("Check() = %v, want nil", err)
	}
	if got := good.KeyPath(); got != "/data.key" {
		t.Errorf("KeyPath() = %q, want /data.key: not inside the data directory", got)
	}
}

func TestDocumentation(t *testing.T) {
	text := "# Configuration\n\nGenerated from the option tables in `internal/config`; `make generate` writes it anew.\n\n" +
		"A flag goes before its environment variable, that before the key in the file given by `--config`\n" +
		"(YAML; each key is the long flag without its dashes), and that before the default. Unknown keys are refused.\n" +
		"\n## `pullpass server`\n\n" + Markdown(Options(Server{}), map[string]string{"data_dir": "/var/lib/pullpass/server"}) +
		"\n## `pullpass runner`\n\n" + Markdown(Options(Runner{}), map[string]string{"runner_dir": "/var/lib/pullpass/runner"})
	path := filepath.Join("..", "..", "docs", "configuration.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("%s is stale (%v): run make generate", path, err)
	}
}

// TestUnknownKeysOfferTheNearOne: a key that is one letter off names its option.
func TestUnknownKeysOfferTheNearOne(t *testing.T) {
	known := []string{"listen", "host", "data"}
	for key, want := range map[string]string{
		"hosts": ", did you mean host?", "lisen": ", did you mean listen?", "listem": ", did you mean listen?",
		"dats": ", did you mean data?", "other": "", "": "",
	} {
		if got := didYouMean(key, known); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", key, got, want)
		}
	}
}

// The password comes from its file into the address, and is in no option.
func TestDatabasePasswordFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	const password = "canary:@/ word"
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Server{Database: "postgres://pullpass@db.example.com/pullpass?sslmode=verify-full", DatabasePass: file}
	got, err := s.DatabaseURL()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := u.User.Password(); p != password || u.User.Username() != "pullpass" || u.Host != "db.example.com" || u.RawQuery != "sslmode=verify-full" {
		t.Errorf("DatabaseURL = %v, want the address with the file's password", u)
	}
	if strings.Contains(s.Database, "canary") {
		t.Error("the option holds the password")
	}
	for what, wrong := range map[string]Server{
		"no file": {Database: s.Database, DatabasePass: file + "-missing"}, "no user": {Database: "postgres://db.example.com/pullpass", DatabasePass: file},
	} {
		if _, err := wrong.DatabaseURL(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want an error without the password", what, err)
		}
	}
}
