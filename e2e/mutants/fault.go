package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed faults.txt
var faultsText string

// fault is a deliberate fault, and the test that notices it.
type fault struct {
	name  string
	file  string
	was   string
	now   string
	where string // package below internal
	test  string // expression of test names
}

// parseFaults reads paragraphs of fault, file, was, now and test; was and now may
// go on over several lines.
func parseFaults(text string) ([]fault, error) {
	var list []fault
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, "#") {
			continue
		}
		var f fault
		var at *string
		for _, line := range strings.Split(strings.Trim(paragraph, "\n"), "\n") {
			word, rest, _ := strings.Cut(line, " ")
			field := map[string]*string{"fault": &f.name, "file": &f.file, "was": &f.was, "now": &f.now, "test": &f.test}[word]
			switch {
			case field != nil && *field == "":
				*field, at = rest, field
			case at != nil:
				*at += "\n" + line
			}
		}
		f.where, f.test, _ = strings.Cut(f.test, " ")
		if f.name == "" || f.file == "" || f.was == "" || f.now == "" || f.test == "" {
			return nil, fmt.Errorf("the fault %q lacks a part", f.name)
		}
		list = append(list, f)
	}
	return list, nil
}

// runFaults puts in one fault after the other and returns an error that names each
// that its test did not notice. In packages, if given, only.
func runFaults(ctx context.Context, only string, out io.Writer) error {
	list, err := parseFaults(faultsText)
	if err != nil {
		return fmt.Errorf("faults.txt: %w", err)
	}
	var failed []string
	count := 0
	for _, f := range list {
		if only != "" && !strings.Contains(","+only+",", ","+f.where+",") {
			continue
		}
		count++
		if why := f.notice(ctx); why != "" {
			failed = append(failed, fmt.Sprintf("%s (%s): %s", f.name, f.file, why))
			_, _ = fmt.Fprintln(out, "NOT NOTICED", failed[len(failed)-1])
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	_, _ = fmt.Fprintf(out, "faults: %d of %d noticed\n", count-len(failed), count)
	if len(failed) > 0 {
		return errors.New("faults that are not noticed:\n  " + strings.Join(failed, "\n  "))
	}
	return nil
}

// notice puts the fault in and returns why it is not noticed, or "". A test that
// is skipped or not there does not notice.
func (f fault) notice(ctx context.Context) string {
	src, err := os.ReadFile(f.file)
	if err != nil {
		return err.Error()
	}
	if n := strings.Count(string(src), f.was); n != 1 {
		return fmt.Sprintf("what it changes is there %d times: correct faults.txt", n)
	}
	work, err := os.MkdirTemp("", "fault-")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = os.RemoveAll(work) }()
	root, err := os.Getwd()
	if err != nil {
		return err.Error()
	}
	changed := filepath.Join(work, "changed.go")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, f.file): changed}})
	if err != nil {
		return err.Error()
	}
	overlay := filepath.Join(work, "overlay.json")
	err = errors.Join(os.WriteFile(overlay, text, 0o600),
		os.WriteFile(changed, []byte(strings.Replace(string(src), f.was, f.now, 1)), 0o600))
	if err != nil {
		return err.Error()
	}
	binary := filepath.Join(work, "binary.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./internal/"+f.where)
	if output, err := build.CombinedOutput(); err != nil {
		return "it does not compile:\n" + string(output)
	}
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.failfast", "-test.timeout=5m", "-test.run", "^("+f.test+")$")
	cmd.Dir = filepath.Join("internal", f.where)
	output, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return ""
	case !strings.Contains(string(output), "--- PASS"):
		return f.test + " did not run"
	}
	return f.test + " passes"
}
