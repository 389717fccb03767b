package e2e_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// TestHangingAWS has AWS take each call and never answer: whoever asks gets the
// cause before the connection ends.
func TestHangingAWS(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	box, _ := startSandbox(t, ctx)
	up, args := watchUpstream(t, box)
	s := startServer(t, ctx, append(args, "--log-level=error")...)
	i, secret := platform()
	project := tenant(t, ctx, s, box, "app", i, secret)
	released := make(chan struct{})
	up.mu.Lock()
	up.hold = func(string) { <-released }
	up.mu.Unlock()
	t.Cleanup(func() { close(released) })
	asked, cancel := context.WithTimeout(ctx, 58*time.Second) // the server cuts the connection after 60
	defer cancel()
	_, err := impatient(t, s).Credential(asked, credentialRequest(project, box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion), "team/app", pullpass.ActionPull))
	var e *pullpass.Error
	switch {
	case asked.Err() != nil:
		t.Errorf("no answer while AWS hangs when its time was over: %v", err)
	case !errors.As(err, &e) || e.Kind != pullpass.Unavailable || (e.Code != "aws_timeout" && e.Code != "timeout"):
		t.Errorf("Credential while AWS hangs: %v (%s), want unavailable and no answer in time", err, pullpass.CodeOf(err))
	}
}
