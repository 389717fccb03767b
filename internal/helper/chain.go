package helper

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strings"

	"github.com/pullpass/pullpass"
)

// chained passes a request on to the helper that the configuration names, word for
// word: what it says is what the client reads. Without one there is no credential.
func (h *Helper) chained(ctx context.Context, q request, verb string, out io.Writer) error {
	if q.config.Helper == "" {
		return fixed(notFound)
	}
	text, err := h.other(ctx, q, verb, q.input)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// chainedList is what the other helper lists.
func (h *Helper) chainedList(ctx context.Context, q request) (map[string]string, error) {
	if q.config.Helper == "" {
		return map[string]string{}, nil
	}
	text, err := h.other(ctx, q, "list", "unused")
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	if json.Unmarshal(text, &found) != nil {
		return nil, otherFailed(q, "its list cannot be read")
	}
	return found, nil
}

func (h *Helper) other(ctx context.Context, q request, verb, in string) ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker-credential-"+q.config.Helper, verb) //nolint:gosec // the configuration's
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, q.explain
	cmd.WaitDelay = linger
	err := cmd.Run()
	said := strings.TrimSpace(out.String())
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, late(ctx, Ask{Host: "any host"})
	case said == notFound || said == noURL || said == noUsername:
		return nil, fixed(said)
	}
	return nil, otherFailed(q, firstLine(said+"\n"+err.Error()))
}

func otherFailed(q request, cause string) error {
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: "other_helper", What: "docker-credential-" + q.config.Helper + " has no answer", Cause: cause,
		Hint: "the configuration names it as helper: correct " + q.config.Path(),
	}
}
