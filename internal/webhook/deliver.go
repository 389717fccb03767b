package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
)

// Delivery is the body of what is sent. A test has no events.
type Delivery struct {
	Organization pullpass.OrganizationID `json:"organization"`
	Test         bool                    `json:"test,omitempty"`
	Events       []pullpass.Event        `json:"events"`
}

// Sender makes signed requests; *egress.Client is its HTTP, which refuses
// addresses that are not the tenant's to reach.
type Sender struct {
	HTTP interface {
		Do(*http.Request) (*http.Response, error)
	}
	Now func() time.Time
}

// within is how long a receiver may take: less than a lease, so that the next
// server does not begin before this one has stopped.
const within = 15 * time.Second

// Send makes one delivery. The error's text is for the hook's state: fixed words.
func (s Sender) Send(ctx context.Context, h Hook, d Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if d.Events == nil {
		d.Events = []pullpass.Event{}
	}
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("writing audit records: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return refusedURL("it cannot be written as a request")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pullpass")
	Sign(h.Secret, req.Header, body, s.Now())
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	const enough = 64 << 10 // of an answer that nobody reads: the connection can be used again
	_, _ = io.CopyN(io.Discard, resp.Body, enough)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &pullpass.Error{
			Kind: pullpass.Unavailable,
			Code: "webhook_status",
			What: "the receiver did not take the audit records",
			Cause: "it answered with the status " + strconv.Itoa(
				resp.StatusCode,
			),
			Hint: "redirects are not followed; every status from 200 to 299 counts as taken",
		}
	}
	return nil
}
