package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// Where containers find the socket, and the programs that know what to do with it.
const (
	Mount      = "/run/pullpass"
	Socket     = "agent.sock"
	MountedBin = Mount + "/bin"
)

// maxPath is the longest path of a unix socket on Linux; macOS has 103. The rest of
// the address is the byte that ends it.
const maxPath = 107

// Server is what the sockets need of the Pullpass server.
type Server interface {
	// Credential issues a credential for the person inside an environment:
	// Inside is always set.
	Credential(ctx context.Context, r runner.CredentialRequest) (pullpass.Credential, error)
}

// Options are what Sockets are made of.
type Options struct {
	Dir        string // the sockets' directories; created with mode 0700
	Bin        string // a directory with pullpass and docker-credential-pullpass to mount; may be empty
	RunnerName string // shown by /v1/self
	Server     Server
	Log        *slog.Logger
}

// Sockets are the agent sockets of one runner.
type Sockets struct {
	o Options

	mu   sync.Mutex
	open map[pullpass.EnvironmentID]*socket
}

var _ runner.Agents = (*Sockets)(nil)

// New prepares the directory of the sockets.
func New(o Options) (*Sockets, error) {
	if o.Server == nil {
		return nil, errors.New("agent: a Server is needed")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	o.Dir = dir
	longest := filepath.Join(dir, string(pullpass.NewEnvironmentID()), Socket)
	if len(longest) > maxPath {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: runner.CodeAgentFailed,
			What:  "cannot keep agent sockets in " + dir,
			Cause: fmt.Sprintf("the path of a socket has at most %d bytes, and theirs would have %d", maxPath, len(longest)),
			Hint:  "choose a shorter state directory: pullpass runner --server URL --state /var/lib/pullpass/runner",
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Sockets{o: o, open: map[pullpass.EnvironmentID]*socket{}}, nil
}

// Open makes the environment's socket answer, and returns what its containers mount.
func (s *Sockets) Open(ctx context.Context, e pullpass.Environment) ([]runner.Mount, error) {
	if !pullpass.ValidID("env", string(e.ID)) {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, Code: runner.CodeAgentFailed, What: "cannot open an agent socket", Cause: "the environment's id is not one"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.open[e.ID]
	if k == nil || !k.stands() {
		if k != nil {
			k.close()
		}
		opened, err := s.listen(ctx, e.ID)
		if err != nil {
			return nil, fmt.Errorf("opening the agent socket: %w", err)
		}
		k = opened
		s.open[e.ID] = k
	}
	k.know(e)
	mounts := []runner.Mount{{Source: s.dir(e.ID), Target: Mount, ReadOnly: true}}
	if s.o.Bin != "" {
		mounts = append(mounts, runner.Mount{Source: s.o.Bin, Target: MountedBin, ReadOnly: true})
	}
	return mounts, nil
}

// Close ends the environment's socket and removes its directory.
func (s *Sockets) Close(_ context.Context, id pullpass.EnvironmentID) error {
	if !pullpass.ValidID("env", string(id)) {
		return nil // no such directory was ever made
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.open[id]; k != nil {
		k.close()
		delete(s.open, id)
	}
	if err := os.RemoveAll(s.dir(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the agent socket: %w", err)
	}
	return nil
}

// Shutdown ends all sockets and waits for the answers under way. The directories
// stay: containers have them mounted, and a successor listens there again.
func (s *Sockets) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for id, k := range s.open {
		errs = append(errs, k.shutdown(ctx))
		delete(s.open, id)
	}
	return errors.Join(errs...)
}

func (s *Sockets) dir(id pullpass.EnvironmentID) string { return filepath.Join(s.o.Dir, string(id)) }
