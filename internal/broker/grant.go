package broker

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
)

// grantLife is short: the runner mints at once.
const grantLife = 5 * time.Minute

// Signer signs grants; the id names one in the audit record.
type Signer interface {
	SignGrant(context.Context, pullpass.Grant) (text pullpass.Secret, id string, err error)
}

func errNative(ask Ask, p *plan) error {
	return &pullpass.Error{
		Kind:  pullpass.Denied,
		Code:  "runner_native",
		What:  "cannot issue a credential for " + place(ask),
		Cause: "the registry " + p.registry.Name + " is opened by the runner's own AWS identity, for its environments only",
		Hint:  "start an environment, or let a runner try: pullpass registry test " + p.registry.Name + " --runner RUNNER",
	}
}
