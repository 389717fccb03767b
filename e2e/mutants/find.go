package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The tool that finds the mutants, built from source into .bin.
const (
	gremlinsModule  = "github.com/go-gremlins/gremlins/cmd/gremlins"
	gremlinsVersion = "v0.6.0"
)

// finder returns the path of gremlins and builds it once.
func finder(ctx context.Context) (string, error) {
	dir, err := filepath.Abs(filepath.Join(".bin", "gremlins-"+gremlinsVersion))
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "gremlins")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", gremlinsModule+"@"+gremlinsVersion)
	cmd.Env = append(os.Environ(), "GOBIN="+dir)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building gremlins: %w", err)
	}
	return program, nil
}

// report is the part of gremlins' report that is read.
type report struct {
	Files []struct {
		Name      string `json:"file_name"`
		Mutations []struct {
			Type   string `json:"type"`
			Line   int    `json:"line"`
			Column int    `json:"column"`
		} `json:"mutations"`
	} `json:"files"`
}

// find asks gremlins for the mutants of a target's files, those that are part of
// this platform's build, and locates them in the code.
func find(ctx context.Context, gremlins string, t target) ([]*mutant, []*code, error) {
	out, err := os.CreateTemp("", "gremlins-*.json")
	if err != nil {
		return nil, nil, err
	}
	_ = out.Close()
	defer func() { _ = os.Remove(out.Name()) }()
	cmd := exec.CommandContext(ctx, gremlins, "unleash", "--dry-run", "--silent",
		"--output", out.Name(), "./internal/"+t.code[0])
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("gremlins --dry-run: %w\n%s", err, text)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return nil, nil, err
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, nil, fmt.Errorf("reading gremlins' report: %w", err)
	}
	var found []*mutant
	var codes []*code
	for _, dir := range t.code {
		c, err := loadCode(ctx, path.Join("internal", dir))
		if err != nil {
			return nil, nil, err
		}
		mutants, err := c.locate(mutantsOf(r, t, c))
		if err != nil {
			return nil, nil, err
		}
		found, codes = append(found, mutants...), append(codes, c)
	}
	if len(found) == 0 {
		return nil, nil, errors.New("gremlins found no mutants")
	}
	number(found)
	return found, codes, nil
}

// mutantsOf returns the report's mutants of the code's files. gremlins counts a
// minus sign twice, with one effect: its second name is left out.
func mutantsOf(r report, t target, c *code) []*mutant {
	var found []*mutant
	for _, f := range r.Files {
		name := path.Join("internal", t.code[0], f.Name)
		if c.files[name] == nil {
			continue
		}
		for _, m := range f.Mutations {
			if m.Type != "INVERT_NEGATIVES" {
				found = append(found, &mutant{file: name, operator: m.Type, line: m.Line, column: m.Column})
			}
		}
	}
	return found
}

// number sorts the mutants by place and tells alike ones of a function apart.
func number(found []*mutant) {
	slices.SortFunc(found, func(a, b *mutant) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		if a.line != b.line {
			return a.line - b.line
		}
		if a.column != b.column {
			return a.column - b.column
		}
		return strings.Compare(a.operator, b.operator)
	})
	counts := map[string]int{}
	for i, m := range found {
		m.id, m.number = i+1, 1
		key := m.key()
		counts[key]++
		m.number = counts[key]
	}
}
