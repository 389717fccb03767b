package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/iam/generate"
	"github.com/pullpass/pullpass/internal/iam/lint"
)

// printedCommand finds the commands in what is printed: from "pullpass" to the end of
// the sentence.
var printedCommand = regexp.MustCompile("pullpass policy [a-z]+[^;`()\n]*")

// TestPolicyHintsParse: every command that the policy packages print is one that the
// product's own parser takes.
func TestPolicyHintsParse(t *testing.T) {
	texts := map[string]string{}
	fails := func(name string, err error) {
		if err == nil {
			t.Errorf("%s: no error for empty options", name)
		}
		texts["hint of "+name] = pullpass.HintOf(err)
	}
	_, err := generate.Repository(generate.RepositoryOptions{})
	fails("repository", err)
	_, err = generate.Registry(generate.RegistryOptions{})
	fails("registry", err)
	_, err = generate.Role(generate.RoleOptions{})
	fails("role", err)
	_, err = generate.Trust(generate.TrustOptions{})
	fails("trust", err)
	_, err = generate.Runner(generate.RunnerOptions{})
	fails("runner", err)
	for _, p := range generate.Presets() {
		_, err = generate.FromPreset(p.Name, generate.PresetOptions{})
		fails("preset "+p.Name, err)
	}
	registry := generate.ECR{Account: "222222222222", Region: "eu-west-1"}
	for name, make := range map[string]func() (generate.Stack, error){
		"repository": func() (generate.Stack, error) {
			return generate.Repository(generate.RepositoryOptions{Registry: registry, Repository: "team/app", Principals: []string{"111111111111"}, Access: []generate.Access{generate.Pull}})
		},
		"registry": func() (generate.Stack, error) {
			return generate.Registry(generate.RegistryOptions{Registry: registry, Repositories: []string{"team/*"}, Principals: []string{"111111111111"}, Access: []generate.Access{generate.Pull}})
		},
		"role": func() (generate.Stack, error) {
			return generate.Role(generate.RoleOptions{Registry: registry, Repositories: []string{"team/*"}, Access: []generate.Access{generate.Push}, Account: "111111111111"})
		},
		"runner": func() (generate.Stack, error) {
			return generate.Runner(generate.RunnerOptions{Registry: registry, Repositories: []string{"team/*"}, Access: []generate.Access{generate.Pull}, Account: "111111111111", Compute: generate.EC2})
		},
	} {
		stack, err := make()
		if err != nil {
			t.Fatal(err)
		}
		for i, note := range stack.Notes {
			texts[fmt.Sprintf("note %d of %s", i, name)] = note
		}
	}
	for _, r := range lint.Rules() {
		texts["rule "+r.ID] = r.Fix
	}
	for _, s := range doctor.Symptoms() {
		texts["symptom "+s.Code] = s.Fix
	}
	found := 0
	for where, text := range texts {
		for _, command := range printedCommand.FindAllString(text, -1) {
			found++
			if err := parses(command); err != nil {
				t.Errorf("%s prints %q: %v", where, command, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found: the test would prove little", found)
	}
}

// parses gives the words of a command to the parser. Words in capitals stand for what
// the reader fills in.
func parses(command string) error {
	for _, end := range []string{", ", ": ", ". "} {
		command, _, _ = strings.Cut(command, end)
	}
	if command = strings.TrimSpace(command); !strings.HasSuffix(command, " .") { // a directory
		command = strings.TrimRight(command, ".")
	}
	words := strings.Fields(command)
	for i, w := range words {
		words[i] = strings.Trim(w, "'\",")
	}
	var cli commandLine
	parser, err := newParser(&cli, words[1:], io.Discard, io.Discard)
	if err != nil {
		return err
	}
	if _, err = parser.Parse(words[1:]); err != nil {
		return errors.New(err.Error())
	}
	return nil
}
