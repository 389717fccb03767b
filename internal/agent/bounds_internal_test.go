package agent

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

type nobody struct{}

func (nobody) Credential(context.Context, runner.CredentialRequest) (pullpass.Credential, error) {
	return pullpass.Credential{}, nil
}

// Each phase of a connection ends by itself: a program inside that says nothing, or
// reads nothing, holds none of the environment's connections for good. The answer
// may take longer than the server does.
func TestEveryPhaseOfAConnectionHasADeadline(t *testing.T) {
	dir, err := os.MkdirTemp("", "ppa") // a short path, which a socket needs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := New(Options{Dir: dir, Server: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.listen(t.Context(), pullpass.NewEnvironmentID())
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	for name, pair := range map[string][2]time.Duration{
		"the header": {k.server.ReadHeaderTimeout, 5_000_000_000},
		"the body":   {k.server.ReadTimeout, 10_000_000_000},
		"the server": {answerWithin, 30_000_000_000},
		"the answer": {k.server.WriteTimeout, 35_000_000_000},
		"a pause":    {k.server.IdleTimeout, 30_000_000_000},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s may take %v, want %v", name, pair[0], pair[1])
		}
	}
}
