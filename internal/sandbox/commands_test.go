package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass/internal/parts"
)

// command runs the unmodified AWS CLI and skopeo as one of the sandbox's
// people, with nothing of this machine's configuration.
type command struct {
	t   *testing.T
	box *box
	env []string
}

func (b *box) command(t *testing.T, who aws.Config) *command {
	t.Helper()
	creds, err := who.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatalf("credentials: %v", err)
	}
	env := []string{
		"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=",
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + creds.SecretAccessKey,
	}
	if creds.SessionToken != "" {
		env = append(env, "AWS_SESSION_TOKEN="+creds.SessionToken)
	}
	return &command{t, b, env}
}

// run returns what a program prints, and as an error what it complains of.
func (c *command) run(stdin, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(c.t.Context(), program, args...)
	cmd.Env = c.env
	cmd.Stdin = strings.NewReader(stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(program), err, complaint.String())
	}
	return out.String(), nil
}

func (c *command) try(args ...string) (string, error) {
	return c.run("", parts.AWS(c.t), append([]string{"--endpoint-url", c.box.Endpoint()}, args...)...)
}

// aws runs the AWS CLI and reads its JSON.
func (c *command) aws(args ...string) map[string]any {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
	answer := map[string]any{}
	if strings.TrimSpace(out) != "" {
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			c.t.Fatalf("aws %s printed %q: %v", strings.Join(args, " "), out, err)
		}
	}
	return answer
}

// refused runs the AWS CLI and wants it to fail with these words.
func (c *command) refused(words string, args ...string) {
	c.t.Helper()
	_, err := c.try(args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		c.t.Errorf("aws %s: error %v, want %q", strings.Join(args, " "), err, words)
	}
}

// pull copies an image out of the owner's registry with skopeo, logged in with
// `aws ecr get-login-password`.
func (c *command) pull(ref string) error {
	c.t.Helper()
	skopeo := parts.Command(c.t, "skopeo")
	password, err := c.try("ecr", "get-login-password")
	if err != nil {
		return err
	}
	host := c.box.Registry(owner, region)
	dir := c.t.TempDir()
	auth := filepath.Join(dir, "auth.json")
	if _, err := c.run(strings.TrimSpace(password), skopeo, "login", "--authfile", auth, "--tls-verify=false", "--username", "AWS", "--password-stdin", host); err != nil {
		return err
	}
	_, err = c.run("", skopeo, "--insecure-policy", "copy", "--authfile", auth, "--src-tls-verify=false", "docker://"+host+"/"+ref, "dir:"+filepath.Join(dir, "image"))
	return err
}

func (c *command) wantPull(what, ref string) {
	c.t.Helper()
	if err := c.pull(ref); err != nil {
		c.t.Errorf("%s: %v", what, err)
	}
}

func (c *command) wantNoPull(what, ref, words string) {
	c.t.Helper()
	if err := c.pull(ref); err == nil || !strings.Contains(err.Error(), words) {
		c.t.Errorf("%s: error %v, want %q", what, err, words)
	}
}

// credentialsOf reads the Credentials member of an STS answer.
func (b *box) credentialsOf(t *testing.T, answer map[string]any) aws.Config {
	t.Helper()
	c, ok := answer["Credentials"].(map[string]any)
	if !ok {
		t.Fatalf("no credentials in the answer")
	}
	text := func(name string) string { s, _ := c[name].(string); return s }
	return b.with(text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"))
}
