package main

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/helper"
)

type logoutCommand struct{}

func (logoutCommand) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	self, err := c.Self(ctx)
	switch {
	case pullpass.IsKind(err, pullpass.Unauthenticated): // over already
	case err != nil:
		return err
	case self.Kind == pullpass.CallerUser:
		if err := c.SignOut(ctx); err != nil {
			return err
		}
	default:
		t.say("The API token %s stays valid; end it with pullpass token delete %s.", self.Name, self.ID)
		if self.Role == pullpass.RoleOwner {
			t.say("It is an owner's token. Where it was the last copy, the operator of the server's machine makes another one: pullpass server recover")
		}
	}
	if err := helper.ForgetLogin(); err != nil {
		return err
	}
	t.say("Logged out of %s.", c.Base())
	return nil
}
