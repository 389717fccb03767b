package aws_test

import (
	"errors"
	"net"
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// onlyMetadata clears every other source of an identity from this process.
func onlyMetadata(t *testing.T, endpoint string) {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
}

var ambient = pullpass.Integration{ID: "int_ambient", Name: "server", Mode: pullpass.ModeAmbient, Generation: 1}

// TestInstanceRole takes the identity from IMDSv2, as on EC2. An instance role
// does not trust itself unless somebody says so: the credential is unscoped.
func TestInstanceRole(t *testing.T) {
	c := rehearsal("")
	c.InstanceMetadata = []sandbox.InstanceMetadata{{Listen: "127.0.0.1:0", Account: platform, Region: region, InstanceProfile: "server", HopLimit: 1}}
	s := newStage(t, c, sandbox.Options{})
	s.push(t)
	onlyMetadata(t, s.box.MetadataEndpoints()[0])
	got, err := s.minter(aws.Options{}).Mint(t.Context(), s.request(ambient, "", nil))
	if err != nil {
		t.Fatal(pullpass.Explain(err))
	}
	if !got.Credential.Unscoped {
		t.Errorf("Mint = %+v, want unscoped", got)
	}
	if err := s.pull(t, got.Credential, "team/app"); err != nil {
		t.Errorf("pulling with the instance role: %v", err)
	}
}

// TestSilentMetadata: nothing answers at the metadata address, and the probe
// gives up by itself.
func TestSilentMetadata(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, by the kernel, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing was written
	onlyMetadata(t, "http://"+l.Addr().String()+"/")
	s := newStage(t, rehearsal(""), sandbox.Options{})
	_, err = s.minter(aws.Options{}).Mint(t.Context(), s.request(ambient, "", nil))
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "aws_no_identity" {
		t.Errorf("Mint = %v, want aws_no_identity", err)
	}
}
