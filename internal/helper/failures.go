package helper

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// failedAge is for how long a failure is the answer for everybody who asks for the
// same: many processes that wait for one another must not fail one after the other.
const failedAge = 5 * time.Second

// failure is a kept failure, in the place of an answer. It holds no secret.
type failure struct {
	Problem *api.Problem `json:"problem"`
	At      time.Time    `json:"at"`
	Until   time.Time    `json:"until"`
}

// failed returns the error of a moment ago, nil if there is none.
func (c *Cache) failed(path string, terms Terms) error {
	var f failure
	if !terms.Failures || !readTrusted(path+failedSuffix, &f) || f.Problem == nil {
		return nil
	}
	now := c.now()
	if now.Before(f.At) || !now.Before(f.Until) || f.Until.Sub(f.At) > failedAge {
		return nil
	}
	return refusal(f.Problem)
}

// remember keeps a failure for some seconds.
func (c *Cache) remember(ctx context.Context, path string, terms Terms, ask Ask, err error) {
	if !terms.Failures || errors.Is(err, context.Canceled) {
		return
	}
	if ctx.Err() != nil {
		err = late(ctx, ask)
	}
	age := failedAge
	if pullpass.IsKind(err, pullpass.Limited) { // not all again at once
		age = time.Second + rand.N(failedAge-time.Second) //nolint:gosec // nothing depends on it
	}
	now := c.now()
	// If it cannot be kept, the next one asks.
	_ = keepFile(path+failedSuffix, failure{Problem: problem(err), At: now, Until: now.Add(age)})
}

// late says that the time is over.
func late(ctx context.Context, ask Ask) error {
	within := ""
	if t, ok := ctx.Value(timeoutKey{}).(time.Duration); ok {
		within = fmt.Sprintf(" within %s", t)
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: CodeTimeout, What: "no credential for " + ask.Host,
		Cause: "there was no answer" + within,
		Hint:  "check the route to AWS or to the server, or inside an environment to its runner; " + EnvTimeout + " allows more time",
	}
}
