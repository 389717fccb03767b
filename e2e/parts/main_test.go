package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pullpass/pullpass/internal/parts"
)

// TestMain lets the test binary be the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("PARTS_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// command runs parts with parts of its own, in a temporary directory of its own.
func command(t *testing.T, base string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PULLPASS_TEST_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PARTS_TEST_MAIN=1", "TMPDIR="+base)
	return cmd
}

// shortTemp makes a directory whose path leaves room for a socket's name.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // the user postgres must reach its directory in here
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(parts.Sweep(dir), os.RemoveAll(dir)); err != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	return dir
}

func TestExitCodeIsTheCommands(t *testing.T) {
	for _, test := range []struct {
		command []string
		want    int
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 7"}, 7},
		{[]string{"sh", "-c", "kill -TERM $$"}, 128 + 15},
		{[]string{"no-such-program"}, 1},
		{nil, 2},
	} {
		base := shortTemp(t)
		cmd := command(t, base, append([]string{"-only", "clients", "--"}, test.command...)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != test.want {
			t.Errorf("parts -- %q = %d, want %d\n%s", test.command, got, test.want, out)
		}
		nothingLeft(t, base)
	}
}

func TestPartsAreThereAndThenGone(t *testing.T) {
	parts.Docker(t) // where there is no engine to share, none can be started here
	base := shortTemp(t)
	cmd := command(t, base, "-only", "postgres,registry", "--", "sh", "-c",
		`echo $PULLPASS_TEST_POSTGRES $PULLPASS_TEST_REGISTRY $PULLPASS_TEST_SKIPS; echo "TestPull: docker: no" >> $PULLPASS_TEST_SKIPS`)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parts: %v\n%s", err, talk.String())
	}
	for _, want := range []string{"postgres://postgres:", "http://parts:", base} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the command's environment holds %q, want %q in it", out, want)
		}
	}
	if want := "skipped: TestPull: docker: no\n"; !strings.Contains(talk.String(), want) {
		t.Errorf("the end of the run says %q, want %q", talk.String(), want)
	}
	nothingLeft(t, base)
}

func TestGivenPartsArePreferred(t *testing.T) {
	base := shortTemp(t)
	cmd := command(t, base, "-only", "postgres", "--", "sh", "-c", "echo $PULLPASS_TEST_POSTGRES; ls "+base+"/*/")
	cmd.Env = append(cmd.Env, parts.EnvPostgres+"=postgres://elsewhere/db")
	out, err := cmd.CombinedOutput()
	if got := string(out); err != nil || !strings.Contains(got, "postgres://elsewhere/db\n") || strings.Contains(got, "data") {
		t.Errorf("parts with %s set = %q, %v, want the given one and no other", parts.EnvPostgres, got, err)
	}
}

func TestMissingPartFailsInCI(t *testing.T) {
	for _, test := range []struct {
		ci   string
		code int
		want string
	}{
		{"", 0, "missing: docker: there is no program dockerd"},
		{"true", 1, "CI=true, so a missing part is a failure"},
	} {
		base := shortTemp(t)
		cmd := command(t, base, "-only", "docker", "--", "true")
		// An engine directory whose dockerd cannot start stands for a machine where
		// none can.
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "dockerd"), []byte("#!/bin/sh\necho there is no program dockerd\n"), 0o700); err != nil { // a program must be executable
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, "CI="+test.ci, parts.EnvEngineBin+"="+bin)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != test.code {
			t.Errorf("parts with CI=%q and no engine = %d, want %d\n%s", test.ci, got, test.code, out)
		}
		if os.Geteuid() == 0 && !strings.Contains(string(out), "there is no program dockerd") {
			t.Errorf("parts with CI=%q and no engine says %q, want the end of the engine's log", test.ci, out)
		}
		nothingLeft(t, base)
	}
}

func TestSignalsEndEverything(t *testing.T) {
	parts.Docker(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		base := shortTemp(t)
		// A builtin waits: between fork and exec of another program a shell can lose a
		// signal.
		cmd := command(t, base, "-only", "docker,postgres", "--", "sh", "-c", "echo up; read forever")
		if _, err := cmd.StdinPipe(); err != nil { // stays open, so that read waits
			t.Fatal(err)
		}
		waitUp(t, cmd)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if got, want := cmd.ProcessState.ExitCode(), 128+int(sig); got != want {
			t.Errorf("parts after %v = %d, want %d", sig, got, want)
		}
		nothingLeft(t, base)
	}
}

func TestKilledRunDoesNotBlockTheNext(t *testing.T) {
	parts.Docker(t)
	base := shortTemp(t)
	killed := command(t, base, "-only", "docker,postgres,registry", "--", "sh", "-c", "echo up; read forever")
	if _, err := killed.StdinPipe(); err != nil { // Wait closes it, which ends the command; nobody else does
		t.Fatal(err)
	}
	waitUp(t, killed)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	if len(processes(t, base)) < 4 { // dockerd, containerd, postgres, docker-registry
		t.Errorf("a killed run left %v; this test would prove nothing", processes(t, base))
	}

	again := command(t, base, "-only", "docker,postgres,registry", "--", "sh", "-c", "echo up")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("parts after a killed run: %v\n%s", err, out)
	}
	nothingLeft(t, base)
}

// waitUp starts a command and waits for its first line.
func waitUp(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	// Files and pipes of our own: Wait waits for whoever holds one of its pipes, and
	// the command's children may live longer than it.
	talk, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = talk.Close() })
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = talk
	t.Cleanup(func() { _ = out.Close() })
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) || line != "up\n" {
		_ = cmd.Wait()
		said, _ := os.ReadFile(talk.Name())
		t.Fatalf("the command printed %q, %v, want up\n%s", line, err, said)
	}
}

// nothingLeft checks that a run left no process, no mount and no file.
func nothingLeft(t *testing.T, base string) {
	t.Helper()
	if left := processes(t, base); len(left) > 0 {
		t.Errorf("the run left processes: %q", left)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil && strings.Contains(string(mounts), base) {
		t.Errorf("the run left mounts in %s", base)
	}
	files, err := os.ReadDir(base)
	if err != nil || len(files) > 0 {
		t.Errorf("the run left %v, %v", files, err)
	}
}

// processes returns the command lines that name base and are not ours.
func processes(t *testing.T, base string) []string {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, path := range found {
		text, err := os.ReadFile(path)
		if line := strings.ReplaceAll(string(text), "\x00", " "); err == nil && strings.Contains(line, base) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}
