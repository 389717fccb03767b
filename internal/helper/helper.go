package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// The texts that clients recognise, on standard output with exit code 1.
const (
	notFound   = "credentials not found in native keychain"
	noURL      = "no credentials server URL"
	noUsername = "no credentials username"
)

// Usage is printed for anything but the five verbs.
const Usage = "usage: docker-credential-pullpass get|store|erase|list|version"

// CodeTimeout is the code of an answer that did not come in time.
const CodeTimeout = "helper_timeout"

// DefaultTimeout is the longest that the helper takes unless the configuration says
// otherwise: the person waits for docker.
const DefaultTimeout = 5 * time.Second

// timeoutKey is where a context says how long it is for.
type timeoutKey struct{}

const maxInput = 1 << 20

// Ask says what is to be opened.
type Ask struct {
	Host       string
	Repository string // empty: the whole host
	Action     pullpass.Action
	Refused    string // fingerprint of an earlier answer that the registry did not take

	// key is one of Docker Hub's special keys: a login under exactly it is meant.
	key string
}

// Issuer gives credentials: the server, or the agent socket of the environment.
type Issuer interface {
	// Credential issues what opens one repository.
	Credential(ctx context.Context, a Ask) (pullpass.Credential, error)
	// Hosts returns the hosts that it opens, for `list`.
	Hosts(ctx context.Context) ([]string, error)
	// Identity tells issuers and callers apart: what one may have, another gets not.
	Identity() string
}

// Helper answers one invocation.
type Helper struct {
	Version string
	// Config is the configuration, read once it is needed; nil: LoadConfig.
	Config func() (*Config, error)
	// Sources are those that the configuration chooses from.
	Sources []Source
	Cache   *Cache  // may be nil
	Logins  *Logins // what `docker login` stored; may be nil
}

// Run answers args as the credential helper protocol wants, and returns the exit
// code.
func (h *Helper) Run(ctx context.Context, args []string, in io.Reader, out, explain io.Writer) int {
	verbs := map[string]func(context.Context, request, io.Writer) error{
		"get": h.get, "store": h.store, "erase": h.erase, "list": h.list, "version": h.version,
	}
	if len(args) != 1 || verbs[args[0]] == nil {
		_, _ = fmt.Fprintln(out, Usage)
		return 1
	}
	if args[0] == "version" {
		return h.done(out, explain, h.version(ctx, request{}, out))
	}
	q := request{explain: explain}
	var err error
	if q.config, err = h.config(); err != nil {
		return fail(out, explain, err)
	}
	timeout, err := q.config.Deadline()
	if err != nil {
		return fail(out, explain, err)
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, timeoutKey{}, timeout), timeout)
	defer cancel()
	if args[0] != "list" { // it needs no input, and a terminal would never end
		if q.input, err = read(ctx, in); err != nil {
			return fail(out, explain, err)
		}
	}
	return h.done(out, explain, verbs[args[0]](ctx, q, out))
}

// request is one invocation.
type request struct {
	input   string
	config  *Config
	explain io.Writer
}

func (h *Helper) config() (*Config, error) {
	if h.Config != nil {
		return h.Config()
	}
	return LoadConfig()
}

func (h *Helper) done(out, explain io.Writer, err error) int {
	if err != nil {
		return fail(out, explain, err)
	}
	return 0
}

// read reads what the client sends. A client that does not close its end must not hold
// us for ever; what then waits for it ends with the process.
func read(ctx context.Context, in io.Reader) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(in, maxInput))
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return "", fmt.Errorf("reading standard input: %w", r.err)
		}
		return strings.TrimSpace(string(r.text)), nil
	case <-ctx.Done():
		return "", &pullpass.Error{
			Kind: pullpass.Invalid, Code: CodeTimeout, What: "cannot read what is asked for",
			Cause: "standard input was not closed in time", Hint: "echo HOST | docker-credential-pullpass get",
		}
	}
}

// fixed is an error whose text is part of the protocol.
type fixed string

func (f fixed) Error() string { return string(f) }

// fail says what went wrong: one line on standard output, where clients look, and
// all of it on standard error, which they show to the person.
func fail(out, explain io.Writer, err error) int {
	var known fixed
	if errors.As(err, &known) {
		_, _ = fmt.Fprintln(out, string(known))
		return 1
	}
	_, _ = fmt.Fprintln(out, "pullpass: "+strings.ReplaceAll(err.Error(), "\n", " "))
	_, _ = fmt.Fprintln(explain, pullpass.Explain(err))
	return 1
}

// answer is what `get` prints and `store` reads.
type answer struct {
	ServerURL string
	Username  string
	Secret    string
}

func (h *Helper) version(_ context.Context, _ request, out io.Writer) error {
	_, err := fmt.Fprintf(out, "docker-credential-pullpass (github.com/pullpass/pullpass) %s\n", h.Version)
	return err
}

func write(out io.Writer, v any) error {
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}
