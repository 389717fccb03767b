package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// program is one helper with a home of its own.
type program struct {
	path, home string
	env        []string
}

func (b *helperBench) program(path string) (program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return program{}, err
	}
	p := program{path: path, home: filepath.Join(b.dir, filepath.Base(path))}
	p.env = []string{
		"HOME=" + p.home, "PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL=" + b.aws.counter.URL, "AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=" + keyID(0), "AWS_SECRET_ACCESS_KEY=" + secretKey(0), "AWS_EC2_METADATA_DISABLED=true",
	}
	return p, os.MkdirAll(p.home, 0o700)
}

// with returns the program with further variables; the last of a name counts.
func (p program) with(env ...string) program {
	p.env = append(append([]string{}, p.env...), env...)
	return p
}

func (p program) in(name string) string { return filepath.Join(p.home, name) }

// call is one invocation.
type call struct {
	p    program
	args string
	in   string // the host unless given
}

// run returns how long the whole process took.
func (b *helperBench) run(ctx context.Context, c call) (took time.Duration, err error) {
	var args []string
	if c.args != "" {
		args = []string{c.args}
	}
	if c.in == "" {
		c.in = b.host()
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, c.p.path, args...) //nolint:gosec // what make bench built
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.p.env, strings.NewReader(c.in), &out, &out
	began := time.Now()
	err = cmd.Run()
	took = time.Since(began)
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", filepath.Base(c.p.path), c.args, err, strings.TrimSpace(out.String()))
	}
	return took, err
}

// resident is the memory of a call in MiB.
func (b *helperBench) resident(c call) (float64, error) {
	cmd := exec.CommandContext(b.ctx, b.measure, c.p.path, c.args) //nolint:gosec // what make bench built
	cmd.Env, cmd.Stdin = c.p.env, strings.NewReader(b.host())
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("measuring the memory of %s: %w", filepath.Base(c.p.path), err)
	}
	kib, err := strconv.ParseFloat(string(out), 64)
	return kib / 1024, err
}

// alternate runs the calls in turn and returns their medians; before goes before each.
func (b *helperBench) alternate(calls []call, before func() error) (took []time.Duration, err error) {
	all := make([][]time.Duration, len(calls))
	for round := range b.runs + 1 { // the first is for warming up
		for i, c := range calls {
			if before != nil {
				if err := before(); err != nil {
					return nil, err
				}
			}
			t, err := b.run(b.ctx, c)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], t)
			}
		}
	}
	for _, times := range all {
		took = append(took, median(times))
	}
	return took, nil
}

func ratio(what string, ours time.Duration, name string, theirs time.Duration, most float64) figure {
	got := float64(ours) / float64(theirs)
	return figure{what: what, got: milliseconds(ours), unit: "ms", peer: fmt.Sprintf("%s: %.2f ms (ratio %.2f)", name, milliseconds(theirs), got),
		goal: fmt.Sprintf("≤ %g×", most), met: got <= most}
}

// profile writes AWS's files for both homes.
func (b *helperBench) profile() ([]string, error) {
	dir := filepath.Join(b.dir, "aws")
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	err := errors.Join(os.MkdirAll(dir, 0o700),
		os.WriteFile(config, []byte("[default]\nsource_profile = base\nrole_arn = arn:aws:iam::"+account(0)+":role/pull\n"), 0o600),
		os.WriteFile(credentials, []byte("[base]\naws_access_key_id = "+keyID(0)+"\naws_secret_access_key = "+secretKey(0)+"\n"), 0o600))
	return []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_CONFIG_FILE=" + config, "AWS_SHARED_CREDENTIALS_FILE=" + credentials,
		"AWS_SDK_LOAD_CONFIG=1", "AWS_ENDPOINT_URL_STS=" + b.aws.counter.URL}, err
}

// socketServer answers as an environment's agent does.
type socketServer struct {
	path string
	l    net.Listener
}

func serveSocket(ctx context.Context, path string) (*socketServer, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(api.Credential{Host: "h", Username: "AWS", Secret: api.NewSecret(pullpass.NewSecret(strings.Repeat("s", 2000)))})
	if err != nil {
		return nil, err
	}
	body := string(text)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			_ = conn.Close()
		}
	}()
	return &socketServer{path: path, l: l}, nil
}

func (s *socketServer) close() { _ = s.l.Close() }
