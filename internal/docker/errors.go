package docker

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
	"github.com/pullpass/pullpass/internal/runner"
)

// remote refuses an engine on another machine.
func remote(host string) error {
	scheme, _, _ := strings.Cut(host, "://")
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: runner.CodeEngineRemote,
		What:  "cannot use a Docker Engine over " + scheme,
		Cause: "DOCKER_HOST or the docker context points away from this machine, where the directories of agent sockets are, which containers mount",
		Hint:  "start the runner on the machine of the engine, with DOCKER_HOST=" + DefaultHost,
	}
}

// explain gives an engine's error its code, its cause and its fix. It returns nil
// for nil, and leaves a given-up context alone.
func (e *Engine) explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case client.IsErrConnectionFailed(err), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return e.unreachable(ctx, err)
	case strings.Contains(err.Error(), "minimum supported API version"), strings.Contains(err.Error(), "is too old"):
		return &pullpass.Error{
			Kind: pullpass.Invalid, Code: runner.CodeEngineTooOld, What: what, Err: err,
			Cause: "the engine is older than Docker 19.03 (API " + client.MinAPIVersion + ")",
			Hint:  "upgrade the Docker Engine: https://docs.docker.com/engine/install/",
		}
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, What: what, Err: err}
}

// unreachable asks the socket itself why there is no connection: the client's error
// is text.
func (e *Engine) unreachable(ctx context.Context, err error) error {
	found := &pullpass.Error{
		Kind: pullpass.Unavailable, Code: runner.CodeEngineMissing, Err: err,
		What:  "the Docker Engine at " + e.socket + " does not answer",
		Cause: "the connection broke",
		Hint:  "look at its log: journalctl -u docker",
	}
	conn, dialErr := (&net.Dialer{}).DialContext(ctx, "unix", e.socket)
	switch {
	case dialErr == nil:
		_ = conn.Close()
	case errors.Is(dialErr, fs.ErrNotExist):
		found.Cause = "there is no such socket: Docker is not installed, not started, or listens elsewhere"
		found.Hint = "install and start it (Debian: apt-get install docker.io && systemctl start docker), or set DOCKER_HOST"
	case errors.Is(dialErr, fs.ErrPermission):
		found.Kind, found.Code = pullpass.Denied, runner.CodeEnginePermission
		found.What = "may not use the Docker Engine at " + e.socket
		found.Cause = "the socket belongs to root and the group docker, and this user is neither"
		found.Hint = "sudo usermod -aG docker $USER, then log in anew"
	case errors.Is(dialErr, syscall.ECONNREFUSED):
		found.Cause = "nobody listens on the socket: the engine has stopped"
		found.Hint = "systemctl start docker"
	}
	return found
}

func missing(err error) bool { return errdefs.IsNotFound(err) }

// removing reports that somebody else removes it at this moment.
func removing(err error) bool {
	return errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress")
}

// pullSigns are the texts, in lower case, by which engines say why a pull failed, most
// telling first: Docker's own image store and containerd's word it differently. An
// engine gives text only: the same status stands for many causes.
var pullSigns = []struct {
	text  string
	kind  pullpass.Kind
	code  string
	cause string
	hint  string
}{
	{
		"no matching manifest",
		pullpass.Invalid,
		runner.CodeImageInvalid,
		"the image is not made for this engine's platform",
		"build the image for the platform of the runner (docker buildx build --platform)",
	},
	{
		"manifest unknown",
		pullpass.NotFound,
		runner.CodeImageNotFound,
		"the registry has no such image",
		"list the tags of the repository",
	},
	{
		"manifest for ",
		pullpass.NotFound,
		runner.CodeImageNotFound,
		"the registry has no such image",
		"list the tags of the repository",
	},
	{
		"name unknown",
		pullpass.NotFound,
		runner.CodeImageNotFound,
		"the registry has no such repository",
		"compare account, region and name with the registry's list",
	},
	{
		"authorization token has expired",
		pullpass.Denied,
		runner.CodePullDenied,
		"the registry says that the credential has expired",
		"the next try asks for a new one",
	},
	{
		"pull access denied",
		pullpass.Denied,
		runner.CodePullDenied,
		"the registry refuses the credential for this repository",
		"",
	},
	{"unauthorized", pullpass.Denied, runner.CodePullDenied, "the registry refuses the credential", ""},
	{
		"no basic auth credentials",
		pullpass.Denied,
		runner.CodePullDenied,
		"the registry wants a credential and there is none",
		"pullpass registry add NAME --host HOST",
	},
	{
		"403 forbidden",
		pullpass.Denied,
		runner.CodePullDenied,
		"the registry refuses the credential for this repository",
		"",
	},
	{"denied", pullpass.Denied, runner.CodePullDenied, "the registry refuses the credential for this repository", ""},
	{
		": not found",
		pullpass.NotFound,
		runner.CodeImageNotFound,
		"the registry has no such image",
		"list the tags of the repository",
	},
	{
		"toomanyrequests",
		pullpass.Limited,
		runner.CodePullFailed,
		"the registry wants fewer requests",
		"the runner tries again; register a credential for this registry to get a higher limit",
	},
	{
		"no space left on device",
		pullpass.Unavailable,
		runner.CodePullFailed,
		"the engine's disk is full",
		"docker system prune on the runner's machine",
	},
	{
		"http response to https client",
		pullpass.Invalid,
		runner.CodePullFailed,
		"the registry speaks plain HTTP, which the engine refuses",
		"give the registry TLS, or list it under insecure-registries in the engine's daemon.json",
	},
	{
		"x509:",
		pullpass.Unavailable,
		runner.CodePullFailed,
		"the engine does not trust the registry's certificate",
		"put the registry's CA into /etc/docker/certs.d/<host>/ca.crt on the runner's machine",
	},
	{
		"no such host",
		pullpass.Unavailable,
		runner.CodePullFailed,
		"the engine cannot find the registry's name",
		"check the name, and the DNS of the runner's machine",
	},
	{
		"i/o timeout",
		pullpass.Unavailable,
		runner.CodePullFailed,
		"the engine cannot reach the registry",
		"check the route, the proxy, or the VPC endpoints of the runner's machine",
	},
	{
		"connection refused",
		pullpass.Unavailable,
		runner.CodePullFailed,
		"the engine cannot reach the registry",
		"check that the registry runs and that the runner's machine may reach it",
	},
}

// explainPull gives the text of a failed pull its code, cause and fix.
func (e *Engine) explainPull(ctx context.Context, reference string, err error) error {
	what := "cannot pull " + reference
	if err == nil || ctx.Err() != nil || client.IsErrConnectionFailed(err) {
		return e.explain(ctx, what, err)
	}
	text := strings.ToLower(err.Error())
	for _, s := range pullSigns {
		if strings.Contains(text, s.text) {
			return &pullpass.Error{
				Kind: s.kind, Code: s.code, What: what, Hint: s.hint, Err: err,
				Cause: s.cause + " (the engine says: " + excerpt(err.Error()) + ")",
			}
		}
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: runner.CodePullFailed, What: what, Err: err,
		Hint: "the runner tries again",
	}
}

// excerpt keeps a registry's words, which the engine passes on, to one short line.
func excerpt(s string) string {
	const longest = 300
	return printable.Line(strings.Join(strings.Fields(s), " "), longest)
}
