// Command bench measures Pullpass beside its peers, in one run on one machine.
//
// It builds nothing and downloads nothing: `make bench` builds the binaries and
// starts the real parts first. CHECK=1 applies the thresholds; without it the
// figures are only printed. -write FILE also writes them as a page.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
)

// measurement is one part of the run. Parts are independent: each makes what it
// needs and removes it.
type measurement struct {
	name string
	run  func(context.Context, *setting) ([]figure, error)
}

func measurements() []measurement {
	return []measurement{
		{"policy", measurePolicy},
		{"issue", measureIssue},
		{"herd", measureHerd},
		{"crowd", measureCrowd},
		{"store", measureStore},
		{"start", measureStart},
		{"tokens", measureTokens},
		{"helper", measureHelper},
	}
}

// setting is what every measurement gets.
type setting struct {
	binary string // the built pullpass
	peer   string // the usual credential helper for ECR
	hello  string // a static program that does nothing
	dir    string // scratch
	// resident is the built bench/resident.
	resident string
	quick    bool // a tenth of the work, to see that everything still runs
}

func main() {
	// What asks shares the cores with what answers: it must not collect garbage
	// more often than it has to.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "comma-separated names of the measurements to make")
	binary := flags.String("binary", "bin/pullpass", "the built pullpass")
	peer := flags.String("peer", "", "the built docker-credential-ecr-login")
	hello := flags.String("hello", "", "the built bench/hello")
	resident := flags.String("resident", "", "the built bench/resident")
	write := flags.String("write", "", "also write the figures to this Markdown file")
	quick := flags.Bool("quick", false, "a tenth of the work: shows that it runs, not how fast")
	if flags.Parse(args) != nil {
		return 2
	}
	dir, err := os.MkdirTemp("", "pullpass-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	report, failed := newReport(), false
	for _, m := range measurements() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), m.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", m.name)
		figures, err := m.run(ctx, &setting{binary: *binary, peer: *peer, hello: *hello, resident: *resident, dir: dir, quick: *quick})
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.name, err)
			failed = true
		}
		report.add(m.name, figures)
	}
	_, _ = os.Stdout.WriteString(report.text())
	if *write != "" {
		if err := os.WriteFile(*write, []byte(report.markdown()), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
		}
	}
	if failed || (os.Getenv("CHECK") == "1" && report.missed()) {
		return 1
	}
	return 0
}
