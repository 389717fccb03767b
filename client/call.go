package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

const (
	answerWithin = 30 * time.Second // of an attempt, beyond what it asks to wait
	// readWithin bounds all attempts of a read together: a person waits for it.
	readWithin = 15 * time.Second
	maxAnswer  = 64 << 20 // bytes
)

// call is one request, said once and perhaps made several times.
type call struct {
	method string
	path   string
	query  url.Values
	in     any           // nil: no body
	wait   time.Duration // of a long poll
	// again says that repeating the call does no harm.
	again bool
	// anonymous leaves out the token: the call carries its own proof.
	anonymous bool
}

func get(path string, query url.Values) call {
	return call{method: http.MethodGet, path: path, query: query, again: true}
}
func put(path string, in any) call {
	return call{method: http.MethodPut, path: path, in: in, again: true}
}
func post(path string, in any) call  { return call{method: http.MethodPost, path: path, in: in} }
func patch(path string, in any) call { return call{method: http.MethodPatch, path: path, in: in} }
func remove(path string) call        { return call{method: http.MethodDelete, path: path, again: true} }

// path fills the one placeholder of a pattern.
func path[ID ~string](pattern string, id ID) string {
	before, rest, _ := strings.Cut(pattern, "{")
	_, after, _ := strings.Cut(rest, "}")
	return before + url.PathEscape(string(id)) + after
}

// do makes the call and reads the answer into a T.
func do[T any](ctx context.Context, c *Client, k call) (T, error) {
	var out T
	err := c.do(ctx, k, func(body io.Reader) error {
		if err := json.NewDecoder(body).Decode(&out); err != nil {
			return &pullpass.Error{
				Kind:  pullpass.Unavailable,
				What:  "cannot read the answer of " + c.shown,
				Cause: "it is not the JSON that was asked for",
				Hint:  "is that address a Pullpass server of this version?",
			}
		}
		return nil
	})
	return out, err
}

// send makes a call that answers nothing.
func (c *Client) send(ctx context.Context, k call) error {
	return c.do(ctx, k, func(io.Reader) error { return nil })
}

func (c *Client) do(ctx context.Context, k call, read func(io.Reader) error) error {
	var body []byte
	if k.in != nil {
		var err error
		if body, err = json.Marshal(k.in); err != nil {
			return fmt.Errorf("writing the request: %w", err)
		}
	}
	deadline := time.Now().Add(c.readWithin + k.wait)
	for attempt := 1; ; attempt++ {
		within := answerWithin + k.wait
		if k.bounded() {
			within = min(within, time.Until(deadline))
		}
		err := c.attempt(ctx, k, body, within, read)
		if err == nil {
			return nil
		}
		if k.method == http.MethodDelete && attempt > 1 && pullpass.IsKind(err, pullpass.NotFound) {
			return nil // the attempt whose answer was lost had deleted it
		}
		if attempt >= c.attempts || !mayRepeat(k, err) || (k.bounded() && time.Until(deadline) < firstPause) {
			return settled(err)
		}
		if stop := pause(ctx, attempt, err); stop != nil {
			return settled(err)
		}
	}
}

// bounded reports whether the call is a read, whose attempts end together. A long poll
// is not: who waits for a change waits through a restart, too.
func (k call) bounded() bool { return k.method == http.MethodGet && k.wait == 0 }

// attempt makes the request once.
func (c *Client) attempt(ctx context.Context, k call, body []byte, within time.Duration, read func(io.Reader) error) error {
	attempt, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	defer traceOf(ctx).slowAfter(k.wait)()
	req, err := c.request(attempt, k, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	limited := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		err = read(limited)
		_, _ = io.Copy(io.Discard, limited) // so that the connection can be used again
		if err != nil && attempt.Err() != nil {
			return c.unreachable(ctx, attempt.Err())
		}
		return err
	}
	return c.refusal(resp, limited)
}

func (c *Client) request(ctx context.Context, k call, body []byte) (*http.Request, error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot ask " + c.shown, Cause: "the request cannot be written as HTTP"}
	}
	if k.in != nil {
		req.Header.Set("Content-Type", api.ContentType)
	}
	req.Header.Set("Accept", api.ContentType)
	req.Header.Set("User-Agent", c.userAgent)
	if !k.anonymous && !c.token.Empty() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	return req, nil
}

// unreachable explains a request that got no answer. ctx is the caller's own.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("asking %s: %w", c.shown, context.Cause(ctx))
	}
	cause := err
	var wrapped *url.Error // repeats method and URL, which say nothing here
	if errors.As(err, &wrapped) {
		cause = wrapped.Err
	}
	e := &pullpass.Error{
		Kind: pullpass.Unavailable,
		Code: "server_unreachable",
		What: "cannot reach the server at " + c.shown,
		Hint: cmp.Or(tlsHint(err), "check the address and that the server runs: pullpass server"),
		Err:  cause,
	}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Cause = "it took the request and did not answer in time"
	}
	return e
}
