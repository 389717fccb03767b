package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/printable"
)

// refusal turns an answer that is not a success into the error that the server
// had, or into one that says who answered instead.
func (c *Client) refusal(resp *http.Response, body io.Reader) error {
	e := c.problem(resp, body)
	if e == nil {
		e = c.stranger(resp.StatusCode)
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		return later{e, time.Duration(seconds) * time.Second}
	}
	return e
}

func (c *Client) problem(resp *http.Response, body io.Reader) *pullpass.Error {
	p, ok := readProblem(resp, body)
	if !ok {
		return nil
	}
	cause := printable.Text(p.Cause, 0)
	for _, d := range p.Errors {
		line := printable.Text(d.Message, 0)
		if d.Location != "" {
			line = printable.Text(d.Location, 0) + ": " + line
		}
		if cause != "" {
			cause += "; "
		}
		cause += line
	}
	hint := printable.Text(p.Hint, 0)
	if p.Kind == pullpass.Internal && p.Instance != "" && hint == "" {
		hint = "look for " + printable.Text(p.Instance, 0) + " in the server's log"
	}
	return &pullpass.Error{
		Kind:  knownKind(p.Kind, resp.StatusCode),
		Code:  printable.Text(p.Code, 0),
		What:  printable.Text(p.Detail, 0),
		Cause: cause,
		Hint:  hint,
	}
}

func readProblem(resp *http.Response, body io.Reader) (p api.Problem, ok bool) {
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // empty if it is malformed
	if mediaType != api.ProblemType {
		return p, false
	}
	ok = json.NewDecoder(body).Decode(&p) == nil && p.Kind != ""
	return p, ok
}

// stranger explains an answer that no Pullpass server gives: a proxy's page, or
// another program at that address. Its text is not repeated.
func (c *Client) stranger(status int) *pullpass.Error {
	e := &pullpass.Error{
		Kind:  api.KindOf(status),
		Code:  "unexpected_answer",
		What:  fmt.Sprintf("%s answered %d %s", c.shown, status, http.StatusText(status)),
		Cause: "the answer is not in the form of a Pullpass server",
		Hint:  "check the address, and any proxy on the way",
	}
	if status >= 300 && status < 400 {
		e.Cause = "redirects are not followed: they could lead the token to another host"
		e.Hint = "give the address that it redirects to"
	}
	return e
}

func knownKind(k pullpass.Kind, status int) pullpass.Kind {
	if api.KnownKind(k) {
		return k
	}
	return api.KindOf(status)
}
