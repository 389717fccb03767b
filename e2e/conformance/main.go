// Command conformance runs the OCI distribution conformance suite against the
// sandbox's registry and compares the outcome with known.txt: what ECR itself
// does not do, with the reason. An unexpected failure is an error, and so is an
// unexpected success.
//
// The suite is built outside of this module, at a pinned version:
//
//	go run ./e2e/conformance
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// The suite. It has no releases of its own; the module proxy has this commit.
const (
	suiteModule  = "github.com/opencontainers/distribution-spec/conformance"
	suiteVersion = "v0.0.0-20260831232431-97274622c111"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	list, err := parseKnown(knownText)
	if err != nil {
		return fmt.Errorf("known.txt: %w", err)
	}
	suite, err := build(ctx)
	if err != nil {
		return err
	}
	report, err := runSuite(ctx, suite)
	if err != nil {
		return err
	}
	cases, err := parseReport(report)
	if err != nil {
		return err
	}
	if found := differences(cases, list); len(found) > 0 {
		return errors.New("the registry differs from what is known of ECR:\n  " + strings.Join(found, "\n  "))
	}
	fmt.Fprintf(os.Stderr, "conformance: %d cases of %s as expected\n", len(cases), suiteVersion)
	return nil
}

// build makes the suite in .bin, once for each version.
func build(ctx context.Context) (string, error) {
	dir, err := filepath.Abs(filepath.Join(".bin", "conformance-"+suiteVersion))
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "conformance")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", suiteModule+"@"+suiteVersion)
	cmd.Env = append(os.Environ(), "GOBIN="+dir)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the suite: %w", err)
	}
	return program, nil
}

// runSuite runs the suite as the owner of two new repositories and returns its
// report.
func runSuite(ctx context.Context, suite string) (report []byte, err error) {
	cfg := sandbox.Default().OnFreePorts()
	owner := &cfg.Accounts[1]
	for _, name := range []string{"conformance/one", "conformance/two"} {
		owner.Repositories = append(owner.Repositories, sandbox.Repository{Region: sandbox.DefaultRegion, Name: name})
	}
	box, err := sandbox.New(cfg, sandbox.Options{})
	if err != nil {
		return nil, err
	}
	if err := box.Start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	password, err := login(ctx, box, owner.Users[0].AccessKeys[0])
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "conformance-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cmd := exec.CommandContext(ctx, suite)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"OCI_REGISTRY="+box.Registry(owner.ID, sandbox.DefaultRegion), "OCI_TLS=disabled", "OCI_VERSION=1.1",
		"OCI_USERNAME=AWS", "OCI_PASSWORD="+password, "OCI_REPO1=conformance/one", "OCI_REPO2=conformance/two",
		"OCI_API_BLOBS_UPLOAD_CANCEL=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true", "OCI_RESULTS_DIR="+dir,
	)
	out, runErr := cmd.CombinedOutput()
	report, err = os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err != nil {
		return nil, fmt.Errorf("the suite left no report: %w: %w: %s", err, runErr, out)
	}
	return report, nil // the suite's own exit code counts what is known as well
}

func login(ctx context.Context, box *sandbox.Sandbox, key sandbox.AccessKey) (string, error) {
	client := ecr.NewFromConfig(aws.Config{
		Region: sandbox.DefaultRegion, BaseEndpoint: aws.String(box.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret.Reveal(), ""),
	})
	out, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return "", fmt.Errorf("asking for a token: %w", err)
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return strings.TrimPrefix(string(text), "AWS:"), nil
}
