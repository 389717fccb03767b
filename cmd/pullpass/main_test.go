package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
)

// The command line is tested through its own main: a script in testdata runs
// `pullpass …` as a process of this test binary.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pullpass": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":  serverInScript,
			"sandbox": sandboxInScript,
			"refuse":  refuseInScript,
			"status":  exitStatus,
			"played":  playedRunner,
		},
	})
}

// serverInScript starts a server for the script and points the command line at
// it as the organization's owner. "server first" leaves it as at its first
// start, with the one-time token in the file setup-token.
func serverInScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("server cannot be negated")
	}
	ctx := context.Background()
	c := config.Server{Listen: "127.0.0.1:0", Data: filepath.Join(ts.MkAbs("."), "data"), AllowEgress: []string{"127.0.0.1"}}
	running, err := startServer(ctx, &c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ts.Check(err)
	ts.Defer(running.stop)
	ts.Setenv("SERVER", running.url)
	if len(args) == 1 && args[0] == "first" {
		ts.Check(os.WriteFile(ts.MkAbs("setup-token"), []byte(running.setup.Reveal()+"\n"), 0o600))
		return
	}
	first, err := client.New(running.url)
	ts.Check(err)
	_, owner, err := first.Setup(ctx, running.setup, "acme", "ada")
	ts.Check(err)
	ts.Setenv("PULLPASS_SERVER", running.url)
	ts.Setenv("PULLPASS_TOKEN", owner.Reveal())
}

// exitStatus runs a command and wants its exit code: status 2 pullpass …
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND [ARG …]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if _, scanErr := fmt.Sscanf(err.Error(), "exit status %d", &got); scanErr != nil {
			ts.Fatalf("%s: %v", args[1], err)
		}
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func TestRunReportsKindsAsExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{&pullpass.Error{Kind: pullpass.Denied}, exitFailed},
		{exitCode(7), 7},
		{misuse("x", "y"), exitMisuse},
		{context.Canceled, exitFailed},
	} {
		if got := (failures{to: io.Discard}).finish(c.err); got != c.want {
			t.Errorf("finish(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}
