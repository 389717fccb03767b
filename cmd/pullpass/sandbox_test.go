package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// sandboxInScript starts a sandbox for the script: the rehearsal, or what FILE
// says. $SANDBOX is its address, and each account's admin is an AWS profile.
func sandboxInScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: sandbox [FILE]")
	}
	cfg := sandbox.Default()
	if len(args) == 1 {
		var err error
		cfg, err = sandbox.ParseConfig([]byte(ts.ReadFile(args[0])))
		ts.Check(err)
	}
	box, err := sandbox.New(cfg.OnFreePorts(), sandbox.Options{})
	ts.Check(err)
	ts.Check(box.Start(context.Background()))
	ts.Defer(func() { ts.Check(box.Close()) })
	ts.Setenv("SANDBOX", strings.TrimPrefix(box.Endpoint(), "http://"))
	ts.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var profiles bytes.Buffer
	for _, a := range cfg.Accounts {
		for _, u := range a.Users {
			if u.Name == "admin" && len(u.AccessKeys) > 0 {
				_, _ = fmt.Fprintf(&profiles, "[profile %s]\nregion=%s\naws_access_key_id=%s\naws_secret_access_key=%s\n",
					a.Alias, cfg.Regions[0], u.AccessKeys[0].ID, u.AccessKeys[0].Secret.Reveal())
			}
		}
	}
	ts.Check(os.MkdirAll(ts.MkAbs(".aws"), 0o700))
	ts.Check(os.WriteFile(ts.MkAbs(".aws/config"), profiles.Bytes(), 0o600))
}

// refuseInScript lets the rehearsal's user ask the sandbox for what it may not.
func refuseInScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: refuse")
	}
	client := ecr.New(ecr.Options{
		Region: sandbox.DefaultRegion, BaseEndpoint: aws.String("http://" + ts.Getenv("SANDBOX")),
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.PlatformKeyID, sandbox.PlatformKey().Reveal(), ""),
	})
	_, err := client.DescribeImages(context.Background(), &ecr.DescribeImagesInput{RegistryId: aws.String(sandbox.OwnerAccount), RepositoryName: aws.String("team/app")})
	if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
		ts.Fatalf("DescribeImages: %v, want a refusal", err)
	}
}

// TestSandboxCommand runs the command as typed: with a file, until it is
// interrupted, and with a person beside it who asks why.
func TestSandboxCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.yaml")
	content := strings.NewReplacer("127.0.0.1:4511", "127.0.0.1:0", "127.0.0.1:4512", "127.0.0.1:0", "127.0.0.1:4519", "127.0.0.1:0",
		"name: team/app", "name: team/from-the-file").Replace(string(sandbox.Example()))
	content += `
tls: {listen: 127.0.0.1:0}
instanceMetadata: [{listen: 127.0.0.1:0, account: "222222222222", region: eu-west-1, instanceProfile: runner}]
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	// A server's file has nothing to say to a sandbox.
	t.Setenv("PULLPASS_CONFIG", filepath.Join(t.TempDir(), "server.yaml"))

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	data, out := io.Pipe()
	code := make(chan int, 1)
	var talk bytes.Buffer
	go func() {
		code <- run(ctx, []string{"--json", "sandbox", "--listen", "127.0.0.1:0", "--config", file}, strings.NewReader(""), out, &talk)
		_ = out.Close()
	}()
	var at sandboxAddresses
	if err := json.NewDecoder(data).Decode(&at); err != nil {
		t.Fatalf("the sandbox printed no addresses: %v", err)
	}
	if len(at.Registries) != 2 || len(at.Metadata) != 1 || at.TLS == "" || at.CA == "" {
		t.Errorf("addresses are %+v, want two registries, metadata and TLS", at)
	}
	var human strings.Builder
	at.write(&human)
	for _, want := range []string{at.Endpoint, at.Registries[0].Host, at.Metadata[0], at.TLS, at.CA} {
		if !strings.Contains(human.String(), want) {
			t.Errorf("a person is told %q, want %s in it", human.String(), want)
		}
	}
	wantPage(t, at.CA, "BEGIN CERTIFICATE")

	address := strings.TrimPrefix(at.Endpoint, "http://")
	said := &bytes.Buffer{}
	if got := run(t.Context(), []string{"sandbox", "explain", "--listen", address}, nil, io.Discard, said); got != exitDone || !strings.Contains(said.String(), "Nothing was refused") {
		t.Errorf("explain: exit code %d, %q", got, said)
	}
	interrupt()
	if got := <-code; got != exitDone {
		t.Errorf("interrupted: exit code %d, want %d; it said %s", got, exitDone, &talk)
	}
}

func wantPage(t *testing.T, url, want string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s is %q, %v, want %q in it", url, text, err, want)
	}
}
