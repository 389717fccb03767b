package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
)

type projectProve struct {
	Project string `arg:"" help:"Name or id."`
}

// Run has the server look for the challenge; where it is not there yet, it prints
// what to commit.
func (p *projectProve) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findProject(ctx, c, p.Project)
	if err != nil {
		return err
	}
	proof, err := c.Prove(ctx, found.ID)
	if err == nil {
		t.say("The repository %s is proved: identity tokens of environments with a --ref name it.", proof.Repository)
		return t.show(proof, func(io.Writer) {})
	}
	if !pullpass.IsKind(err, pullpass.Conflict) {
		return err
	}
	proof, challengeErr := c.Proof(ctx, found.ID)
	if challengeErr != nil {
		return challengeErr
	}
	t.say("Commit this line as %s at the top of the default branch of %s, push, and run this again:", proof.File, proof.Repository)
	if err := t.show(proof, func(w io.Writer) { _, _ = fmt.Fprintln(w, proof.Content) }); err != nil {
		return err
	}
	return err
}
