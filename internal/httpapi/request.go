package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// humaContext gives the embedded field another name than the Context method.
type humaContext huma.Context

// request is huma's view of a request that was let in: its body is read already,
// within bounds, and answers are JSON whatever the client would rather have.
type request struct {
	humaContext
	ctx  context.Context
	body []byte
}

func (r *request) Unwrap() huma.Context            { return r.humaContext }
func (r *request) Context() context.Context        { return r.ctx }
func (r *request) BodyReader() io.Reader           { return bytes.NewReader(r.body) }
func (r *request) SetReadDeadline(time.Time) error { return nil } // it is read
func (r *request) Header(name string) string {
	if name == "Accept" {
		return ""
	}
	return r.humaContext.Header(name)
}

func unwrap(hc huma.Context) (*http.Request, http.ResponseWriter) { return humago.Unwrap(hc) }

// readBody takes the whole body into memory: it is small and soon there, or
// refused.
func (r *request) readBody(w http.ResponseWriter, req *http.Request) error {
	if req.ContentLength > api.MaxBody {
		return errTooLarge()
	}
	connection := http.NewResponseController(w)
	// Where there is no connection (in tests) there is no deadline either.
	_ = connection.SetReadDeadline(time.Now().Add(bodyWithin))
	defer func() { _ = connection.SetReadDeadline(time.Now().Add(readWithin)) }()
	var buf bytes.Buffer
	if req.ContentLength > 0 {
		buf.Grow(int(req.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(req.Body, api.MaxBody+1))
	var timeout net.Error
	switch {
	case n > api.MaxBody:
		return errTooLarge()
	case errors.As(err, &timeout) && timeout.Timeout():
		return &statusError{http.StatusRequestTimeout, &pullpass.Error{Kind: pullpass.Invalid, Code: "body_timeout",
			What: "cannot read the request", Cause: "its body did not arrive in time"}}
	case err != nil:
		return &statusError{http.StatusBadRequest, &pullpass.Error{Kind: pullpass.Invalid, Code: "body_unreadable",
			What: "cannot read the request", Cause: "its body is cut off or wrongly framed"}}
	}
	r.body = buf.Bytes()
	return nil
}

func errTooLarge() error {
	return &statusError{http.StatusRequestEntityTooLarge, &pullpass.Error{Kind: pullpass.Invalid, Code: "body_too_large",
		What: "cannot read the request", Cause: fmt.Sprintf("its body is larger than %d bytes", api.MaxBody)}}
}

// address is where the request came from. Headers that claim another origin are
// not believed: anyone can write them.
func address(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	return host
}
