package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass/internal/sandbox"
)

// measureHelper runs the credential helper as a whole process, as docker does, beside
// the usual helper for ECR and beside a static program that does nothing. Runs
// alternate, so that all meet the same machine.
func measureHelper(ctx context.Context, s *setting) ([]figure, error) {
	b := &helperBench{ctx: ctx, dir: filepath.Join(s.dir, "helper"), runs: 101, bin: filepath.Dir(s.binary), measure: s.resident}
	if s.quick {
		b.runs = 11
	}
	if err := b.start(s); err != nil {
		return nil, err
	}
	defer b.close()
	var all []figure
	for _, part := range []func() ([]figure, error){b.size, b.warm, b.role, b.cold, b.list, b.lost, b.parallel, b.many} {
		figures, err := part()
		if err != nil {
			return all, err
		}
		all = append(all, figures...)
	}
	return all, nil
}

// helperBench is a person with an AWS identity, a counting AWS and two helpers.
type helperBench struct {
	ctx  context.Context //nolint:containedctx // one measurement lives in it
	dir  string
	bin  string
	runs int
	// measure runs a program and prints its memory.
	measure string
	aws     *asking
	socket  *socketServer
	peer    program
	ours    program
	hello   program
}

func (b *helperBench) start(s *setting) error {
	if s.peer == "" || s.hello == "" || s.resident == "" {
		return errors.New("no peer, hello and resident: run it through make bench, which builds them")
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	b.aws = &asking{}
	var err error
	if b.aws.box, err = sandbox.New(manyAccounts(1), sandbox.Options{}); err != nil {
		return err
	}
	if err = b.aws.box.Start(b.ctx); err != nil {
		return err
	}
	if err = b.aws.count(); err != nil {
		return err
	}
	if b.socket, err = serveSocket(b.ctx, filepath.Join(b.dir, "agent.sock")); err != nil {
		return err
	}
	b.ours, err = b.program(filepath.Join(b.bin, "docker-credential-pullpass"))
	if err == nil {
		b.peer, err = b.program(s.peer)
	}
	if err == nil {
		b.hello, err = b.program(s.hello)
	}
	return err
}

func (b *helperBench) close() {
	if b.socket != nil {
		b.socket.close()
	}
	b.aws.close()
}

// host is a registry of the one account.
func (b *helperBench) host() string { return account(0) + ".dkr.ecr.eu-west-1.amazonaws.com" }

func (b *helperBench) size() ([]figure, error) {
	info, err := os.Stat(b.ours.path)
	if err != nil {
		return nil, err
	}
	theirs, err := os.Stat(b.peer.path)
	if err != nil {
		return nil, err
	}
	const mega = 1e6
	return []figure{{what: "size of the helper", got: float64(info.Size()) / mega, unit: "MB",
		peer: fmt.Sprintf("peer: %.1f MB", float64(theirs.Size())/mega), goal: "≤ 4 MB", met: info.Size() <= 4*mega}}, nil
}

func (b *helperBench) warm() ([]figure, error) {
	calls := []call{{p: b.ours, args: "get"}, {p: b.peer, args: "get"}, {p: b.hello}, {p: b.ours.with("PULLPASS_SOCKET="+b.socket.path, "HOME="), args: "get"}}
	took, err := b.alternate(calls, nil)
	if err != nil {
		return nil, err
	}
	memory, err := b.resident(calls[0])
	if err != nil {
		return nil, err
	}
	theirs, err := b.resident(calls[1])
	if err != nil {
		return nil, err
	}
	ours, peer, hello, socket := took[0], took[1], took[2], took[3]
	return []figure{
		ratio("warm get from the file, median", ours, "peer", peer, 0.5),
		ratio("warm get from the file beside a static hello-world", ours, "hello", hello, 1.5),
		ratio("get over the socket beside a static hello-world", socket, "hello", hello, 2),
		{what: "resident memory of a warm get", got: memory, unit: "MiB", peer: fmt.Sprintf("peer: %.1f MiB", theirs), goal: "≤ 5 MiB", met: memory <= 5},
	}, nil
}

// role is a profile that assumes a role: another session, and key, each time.
func (b *helperBench) role() ([]figure, error) {
	env, err := b.profile()
	if err != nil {
		return nil, err
	}
	took, err := b.alternate([]call{{p: b.ours.with(env...), args: "get"}, {p: b.peer.with(env...), args: "get"}}, nil)
	if err != nil {
		return nil, err
	}
	return []figure{ratio("get with an assumed role, repeated", took[0], "peer", took[1], 0.2)}, nil
}

func (b *helperBench) cold() ([]figure, error) {
	forget := func() error { return errors.Join(os.RemoveAll(b.ours.in(".cache")), os.RemoveAll(b.peer.in(".ecr"))) }
	took, err := b.alternate([]call{{p: b.ours, args: "get"}, {p: b.peer, args: "get"}}, forget)
	if err != nil {
		return nil, err
	}
	return []figure{{what: "cold get", got: milliseconds(took[0]), unit: "ms", peer: fmt.Sprintf("peer: %.2f ms", milliseconds(took[1])),
		goal: "≤ peer + 30 ms", met: took[0] <= took[1]+30*time.Millisecond}}, nil
}

func (b *helperBench) list() ([]figure, error) {
	took, err := b.alternate([]call{{p: b.ours, args: "list"}, {p: b.peer, args: "list"}}, nil)
	if err != nil {
		return nil, err
	}
	return []figure{ratio("list", took[0], "peer", took[1], 0.25)}, nil
}
