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

// CodeNoRegistry is the server's word that nothing is configured for a host.
const CodeNoRegistry = "no_registry"

// Deadline is the longest that the helper takes: the person waits for docker.
const Deadline = 10 * time.Second

const maxInput = 1 << 20

// Ask says what is to be opened.
type Ask struct {
	Host       string
	Repository string // empty: the whole host
	Action     pullpass.Action
	Refused    string // fingerprint of an earlier answer that the registry did not take
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
	// Issuer is called when an answer has to be fetched; its error is shown.
	Issuer func() (Issuer, error)
	Cache  *Cache  // may be nil
	Logins *Logins // what `docker login` stored; may be nil
}

// Run answers args as the credential helper protocol wants, and returns the exit
// code.
func (h *Helper) Run(ctx context.Context, args []string, in io.Reader, out, explain io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	verbs := map[string]func(context.Context, string, io.Writer) error{
		"get": h.get, "store": h.store, "erase": h.erase, "list": h.list, "version": h.version,
	}
	if len(args) != 1 || verbs[args[0]] == nil {
		_, _ = fmt.Fprintln(out, Usage)
		return 1
	}
	var input string
	if verb := args[0]; verb != "list" && verb != "version" { // they need none, and a terminal would never end
		text, err := io.ReadAll(io.LimitReader(in, maxInput))
		if err != nil {
			return fail(out, explain, fmt.Errorf("reading standard input: %w", err))
		}
		input = strings.TrimSpace(string(text))
	}
	if err := verbs[args[0]](ctx, input, out); err != nil {
		return fail(out, explain, err)
	}
	return 0
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

func (h *Helper) get(ctx context.Context, url string, out io.Writer) error {
	ask, err := parseURL(url)
	if err != nil {
		return err
	}
	if inClear(url) {
		return fixed(notFound) // the client goes on without one
	}
	if l, ok, err := h.Logins.find(ask); err != nil {
		return err
	} else if ok {
		return write(out, answer{ServerURL: url, Username: l.Username, Secret: l.Secret.Secret().Reveal()})
	}
	if ask.Action, err = wantedAction(); err != nil {
		return err
	}
	issuer, err := h.Issuer()
	if err != nil {
		return err
	}
	c, err := h.Cache.get(ctx, issuer, ask)
	if err != nil {
		return explained(ctx, ask, err)
	}
	return write(out, answer{ServerURL: url, Username: c.Username, Secret: c.Secret.Reveal()})
}

// explained names the host, and turns the server's word that there is no registry,
// and nothing else, into the text that makes clients go on without a credential.
func explained(ctx context.Context, ask Ask, err error) error {
	var e *pullpass.Error
	if errors.As(err, &e) {
		if e.Kind == pullpass.NotFound && e.Code == CodeNoRegistry {
			return fixed(notFound)
		}
		return err
	}
	if ctx.Err() != nil {
		return &pullpass.Error{
			Kind: pullpass.Unavailable, What: "no credential for " + ask.Host,
			Cause: fmt.Sprintf("there was no answer within %s", Deadline),
			Hint:  "check that the server, or inside an environment its runner, can be reached",
		}
	}
	return fmt.Errorf("asking for a credential for %s: %w", ask.Host, err)
}

func (h *Helper) store(ctx context.Context, input string, _ io.Writer) error {
	var a answer
	if json.Unmarshal([]byte(input), &a) != nil {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot store the login", Cause: "it is not the JSON that docker sends"}
	}
	if a.ServerURL == "" {
		return fixed(noURL)
	}
	if a.Username == "" {
		return fixed(noUsername)
	}
	if _, err := parseURL(a.ServerURL); err != nil {
		return err
	}
	if inClear(a.ServerURL) {
		return &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot store the login", Cause: "its address begins with http://, so the password would be sent in clear text",
			Hint: "log in to the registry's https address; plain http is for registries on this machine",
		}
	}
	return h.Logins.keep(ctx, a)
}

func (h *Helper) erase(ctx context.Context, url string, _ io.Writer) error {
	ask, err := parseURL(url)
	if err != nil {
		return err
	}
	if err := h.Cache.forget(ask); err != nil {
		return err
	}
	return h.Logins.drop(ctx, ask)
}

func (h *Helper) list(ctx context.Context, _ string, out io.Writer) error {
	found, err := h.Logins.list()
	if err != nil {
		return err
	}
	issuer, err := h.Issuer()
	if err != nil {
		return err
	}
	hosts, err := issuer.Hosts(ctx)
	if err != nil {
		return explained(ctx, Ask{Host: "any host"}, err)
	}
	for _, host := range hosts {
		if _, own := found[host]; !own {
			found[host] = "pullpass" // the true name is not known before `get`
		}
	}
	return write(out, found)
}

func (h *Helper) version(_ context.Context, _ string, out io.Writer) error {
	_, err := fmt.Fprintf(out, "docker-credential-pullpass (github.com/pullpass/pullpass) %s\n", h.Version)
	return err
}

func write(out io.Writer, v any) error {
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}
