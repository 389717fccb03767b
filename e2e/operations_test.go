package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
)

// writeCertificate makes a certificate for 127.0.0.1 that is its own authority.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "pullpass test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits until check is true, and fails with what otherwise.
func eventually(t *testing.T, ctx context.Context, what string, check func() bool) {
	t.Helper()
	for !check() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A renewed certificate is in force after SIGHUP, without a restart; a broken one
// leaves the old one in force.
func TestHangupReloadsTheCertificate(t *testing.T) {
	ctx := within(t, time.Minute)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeCertificate(t, cert, key, 1)
	t.Setenv("PULLPASS_CA_FILE", cert)
	s, err := process.StartServer(ctx, binary, dir, "--tls-cert="+cert, "--tls-key="+key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	serial := func() int64 {
		conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("the first certificate has serial %d, want 1", got)
	}
	writeCertificate(t, cert, key, 2)
	hangUp(t, s.PID())
	eventually(t, ctx, "the renewed certificate is not in force", func() bool { return serial() == 2 })
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp(t, s.PID())
	eventually(t, ctx, "the log does not tell of the broken certificate", func() bool {
		text, _ := os.ReadFile(s.LogPath())
		return strings.Contains(string(text), "what was in force stays")
	})
	if got := serial(); got != 2 {
		t.Errorf("after a broken certificate the server shows serial %d, want 2", got)
	}
}

func hangUp(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestHangupDoesNotEndARunner(t *testing.T) {
	host := parts.Docker(t)
	ctx := within(t, 2*time.Minute)
	s := startServer(t, ctx)
	r := startRunner(t, ctx, s, host)
	eventually(t, ctx, "the runner does not join", func() bool {
		now, err := s.Owner.Runner(ctx, r.ID)
		return err == nil && now.Phase == pullpass.RunnerActive
	})
	hangUp(t, r.PID())
	eventually(t, ctx, "the runner does not say that it reloaded", func() bool {
		text, _ := os.ReadFile(r.LogPath())
		return strings.Contains(string(text), "reloaded")
	})
	if err := syscall.Kill(r.PID(), 0); err != nil {
		t.Errorf("the runner has ended: %v", err)
	}
}

// A private authority is trusted where --ca-file names it, and the refusal names the flag.
func TestPrivateAuthority(t *testing.T) {
	ctx := within(t, time.Minute)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeCertificate(t, cert, key, 1)
	t.Setenv("PULLPASS_CA_FILE", cert)
	s, err := process.StartServer(ctx, binary, dir, "--tls-cert="+cert, "--tls-key="+key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Setenv("PULLPASS_CA_FILE", "")
	whoami := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, binary, append(args, "whoami")...)
		cmd.Env = append(os.Environ(), "PULLPASS_SERVER="+s.URL, "PULLPASS_TOKEN="+s.Token.Reveal(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := whoami(); err == nil || !strings.Contains(out, "--ca-file FILE") {
		t.Errorf("whoami without the authority = %v, want a refusal that names --ca-file\n%s", err, out)
	}
	if out, err := whoami("--ca-file", cert); err != nil {
		t.Errorf("whoami with the authority = %v\n%s", err, out)
	}
}

// A command that waits goes on when its server restarts, and does not call what was
// deleted meanwhile a success.
func TestWaitingSurvivesARestart(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	s := startServer(t, ctx)
	if _, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: "waiting"}); err != nil {
		t.Fatal(err)
	}
	runner, _, err := s.Join(ctx, "absent")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "talk")
	talk, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = talk.Close() }()
	cmd := exec.CommandContext(ctx, binary, "env", "create", "waits", "--project", "waiting", "--image", "registry.example.com/app:1", "--runner", runner.Name)
	cmd.Env = append(os.Environ(), "PULLPASS_SERVER="+s.URL, "PULLPASS_TOKEN="+s.Token.Reveal())
	cmd.Stdout, cmd.Stderr = talk, talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := func(text string) func() bool {
		return func() bool { all, _ := os.ReadFile(log); return strings.Contains(string(all), text) }
	}
	var made pullpass.Environment
	eventually(t, ctx, "the environment is not made", func() bool {
		for e, err := range s.Owner.AllEnvironments(ctx, pullpass.EnvironmentFilter{}) {
			if err == nil {
				made = e
			}
		}
		return made.ID != ""
	})
	s.Stop()
	eventually(t, ctx, "the command does not notice", said("trying for up to 30 seconds"))
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, ctx, "the command does not go on", said("answers again"))
	if err := s.Owner.DeleteEnvironment(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !said("was deleted while this command waited")() {
		text, _ := os.ReadFile(log)
		t.Errorf("env create of what was deleted meanwhile = %v\n%s", err, text)
	}
}

// A backup that is taken while environments are made is restored on another root,
// serves, and its audit chain verifies.
func TestBackupUnderLoad(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	s := startServer(t, ctx)
	project, err := s.Owner.CreateProject(ctx, pullpass.Project{Name: "load"})
	if err != nil {
		t.Fatal(err)
	}
	loading, stop := context.WithCancel(ctx)
	done := make(chan int)
	go func() {
		made := 0
		for loading.Err() == nil {
			if _, err := s.Owner.CreateRegistry(loading, pullpass.Registry{Project: project.ID, Name: "reg" + string(pullpass.NewRegistryID()),
				Host: "registry.example.com", PathPrefix: strings.ToLower(string(pullpass.NewRegistryID())), Auth: pullpass.AuthBasic, Username: "u"},
				pullpass.NewSecret("canary")); err == nil {
				made++
			}
		}
		done <- made
	}()
	copied := filepath.Join(s.Dir, "copy")
	data := filepath.Join(s.Dir, "data")
	mustRun(t, ctx, "server", "backup", copied, "--data="+data)
	stop()
	if made := <-done; made == 0 {
		t.Fatal("nothing was made during the backup: the test would prove little")
	}
	s.Stop()
	root := t.TempDir()
	key := filepath.Join(root, "kept.key")
	text, err := os.ReadFile(data + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, ctx, "server", "restore", copied, "--data="+filepath.Join(root, "data"), "--key-file="+key)
	restored, err := process.StartReplica(ctx, s, root, "--key-file="+key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(restored.Stop)
	report, err := restored.Owner.VerifyAudit(ctx, "")
	if err != nil || !report.Whole || report.Events == 0 {
		t.Errorf("the restored audit chain: %+v, %v, want it whole", report, err)
	}
	found := 0
	for _, err := range restored.Owner.AllRegistries(ctx, pullpass.RegistryFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		found++
	}
	if found == 0 {
		t.Error("the restored server has no registry")
	}
}

func mustRun(t *testing.T, ctx context.Context, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("pullpass %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The unit files are what systemd takes.
func TestUnitFiles(t *testing.T) {
	analyze := parts.Command(t, "systemd-analyze")
	dir := t.TempDir()
	for _, unit := range []string{"pullpass-server.service", "pullpass-runner.service", "pullpass-refresh.service"} {
		text, err := os.ReadFile(filepath.Join("..", "deploy", unit))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, unit)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/pullpass", binary)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("systemd-analyze verify %s = %v\n%s", unit, err, out)
		}
	}
}
