package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// EnvSocket names an agent socket elsewhere than where environments have it.
const EnvSocket = "PULLPASS_SOCKET"

// Socket is the Issuer inside an environment: its agent socket.
type Socket struct {
	Path string
	info fs.FileInfo
}

// FindSocket returns the agent socket, and nil where there is none: outside.
func FindSocket() (*Socket, error) {
	path := os.Getenv(EnvSocket)
	named := path != ""
	if !named {
		path = api.AgentSocket
	}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		return &Socket{Path: path, info: info}, nil
	case !named:
		return nil, nil //nolint:nilnil // no socket and no error: we are outside
	}
	return nil, &pullpass.Error{
		Kind: pullpass.Invalid, What: "cannot use the agent socket " + path, Err: err,
		Hint: "correct " + EnvSocket + ", or unset it",
	}
}

// Identity tells sockets apart that have the same path in different containers,
// which can share a home directory.
func (s *Socket) Identity() string {
	return fmt.Sprint("socket ", s.Path, " ", fileID(s.info), " ", s.info.ModTime().UnixNano())
}

// Hosts is empty: an environment is not told which registries there are.
func (s *Socket) Hosts(context.Context) ([]string, error) { return nil, nil }

// Credential asks the agent. It speaks HTTP/1.0, where an answer ends with its
// connection, so that the helper need not link an HTTP client.
func (s *Socket) Credential(ctx context.Context, a Ask) (pullpass.Credential, error) {
	body, err := json.Marshal(api.CredentialRequest{Host: a.Host, Repository: a.Repository, Action: a.Action, Refused: a.Refused})
	if err != nil {
		return pullpass.Credential{}, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.Path)
	if err != nil {
		return pullpass.Credential{}, s.away(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	// A read or write that waits ends when ctx does.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.0\r\nHost: pullpass\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		api.PathAgentCredentials, len(body), body)
	if err != nil {
		return pullpass.Credential{}, s.away(ctx, err)
	}
	text, err := io.ReadAll(io.LimitReader(conn, maxInput))
	if err != nil {
		return pullpass.Credential{}, s.away(ctx, err)
	}
	return understand(string(text))
}

// understand reads the agent's answer; what cannot be read is not repeated.
func understand(text string) (pullpass.Credential, error) {
	strange := errors.New("the agent socket answered something that is not an agent's answer")
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok || !strings.HasPrefix(head, "HTTP/1.") {
		return pullpass.Credential{}, strange
	}
	fields := strings.Fields(head) // HTTP/1.0 200 OK
	if len(fields) > 1 && fields[1] == "200" {
		var c api.Credential
		if json.Unmarshal([]byte(body), &c) != nil || c.Username == "" {
			return pullpass.Credential{}, strange
		}
		return credentialOf(&c), nil
	}
	var p api.Problem
	if json.Unmarshal([]byte(body), &p) != nil || p.Kind == "" {
		return pullpass.Credential{}, strange
	}
	return pullpass.Credential{}, refusal(&p)
}

// away explains a socket that does not answer.
func (s *Socket) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: "agent_unreachable",
		What: "the agent socket " + s.Path + " does not answer", Err: err,
		Hint: "the runner of this environment has stopped: it continues when it is started again",
	}
}
