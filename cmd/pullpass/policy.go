package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/iam"
)

type policyCommand struct {
	Evaluate   policyEvaluate   `cmd:"" help:"Decide one request as AWS would. Exit code 0 allowed, 1 denied, 2 misused."`
	Explain    policyExplain    `cmd:"" help:"Tell a whole pull or push as a story: roles, token, policies, and the fix. Exit code 0 allowed, 1 denied, 2 misused, 3 not known."`
	Lint       policyLint       `cmd:"" help:"Find mistakes in policy documents, with the corrected text."`
	Repository policyRepository `cmd:"" help:"Write the policy of an ECR repository: the owner's half of cross-account access."`
	Registry   policyRegistry   `cmd:"" help:"Write a registry policy: for all repositories of an account and region."`
	Role       policyRole       `cmd:"" help:"Write a role's permissions: the caller's half."`
	Trust      policyTrust      `cmd:"" help:"Write a role's trust policy, for OIDC tokens, roles or services."`
	Runner     policyRunner     `cmd:"" help:"Write the whole role of a runner; its ARN is an output of the stack."`
	Preset     policyPreset     `cmd:"" help:"Write a policy that a platform's guide publishes, corrected where that is wrong."`
}

type policyEvaluate struct {
	Request string `required:"" placeholder:"FILE" help:"JSON with the request and its policies; - is standard input."`
	Story   bool   `help:"Tell it as a story instead of JSON."`
}

func (p *policyEvaluate) Run(t *terminal) error {
	data, err := readFile(t, p.Request)
	if err != nil {
		return misuseError{err}
	}
	request, policies, err := iam.ParseInput(data)
	if err != nil {
		return misuseError{&pullpass.Error{Kind: pullpass.Invalid, What: "cannot evaluate the request", Err: err}}
	}
	decision := iam.Evaluate(request, policies)
	if p.Story {
		_, err = fmt.Fprint(t.out, decision)
	} else {
		err = printDecision(t, decision)
	}
	if err == nil && decision.Effect != iam.Allowed {
		return exitCode(exitFailed)
	}
	return err
}

// evaluated is what evaluate prints: all four, always, and nothing else. missing
// is null for an allowed request.
type evaluated struct {
	Decision   iam.Result    `json:"decision"`
	Layers     []iam.Layer   `json:"layers"`
	Statements []iam.Matched `json:"statements"`
	Missing    *iam.Missing  `json:"missing"`
}

// printDecision prints data, and tells the person what is easily overlooked.
func printDecision(t *terminal, d iam.Decision) error {
	for _, note := range d.Notes {
		t.say("note:  %s", note)
	}
	t.json = true
	return t.show(evaluated{d.Effect, d.Layers, d.Statements, d.Missing}, nil)
}

// maxPolicyFile is more than any document that AWS would take.
const maxPolicyFile = 4 << 20

func readFile(t *terminal, path string) ([]byte, error) {
	in := t.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the file", Err: err}
		}
		defer func() { _ = f.Close() }() // read only
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPolicyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > maxPolicyFile {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the file", Err: errors.New("it is larger than 4 MiB")}
	}
	return data, nil
}
