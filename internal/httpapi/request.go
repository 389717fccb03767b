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
)

// humaContext gives the embedded field another name than the Context method.
type humaContext huma.Context

// request is huma's view of a request that was let in: its body is read already,
// within bounds, and answers are JSON whatever the client would rather have.
type request struct {
	humaContext
	ctx  context.Context
	body []byte

	stranger *connection // of a caller that need not authenticate; nil: of another
	taken    int
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
// refused. Memory follows what has arrived, not what was declared.
func (r *request) readBody(w http.ResponseWriter, req *http.Request, limit int64) error {
	if req.ContentLength > limit {
		return errTooLarge(limit)
	}
	controller := http.NewResponseController(w)
	// Where there is no connection (in tests) there is no deadline either.
	_ = controller.SetReadDeadline(time.Now().Add(bodyWithin))
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(r.counted(req.Body), limit+1))
	var timeout net.Error
	switch {
	case errors.Is(err, errNoRoom):
		return err
	case n > limit:
		return errTooLarge(limit)
	case errors.As(err, &timeout) && timeout.Timeout():
		return &statusError{http.StatusRequestTimeout, &pullpass.Error{Kind: pullpass.Invalid, Code: "body_timeout",
			What: "cannot read the request", Cause: "its body did not arrive in time"}}
	case err != nil:
		return &statusError{http.StatusBadRequest, &pullpass.Error{Kind: pullpass.Invalid, Code: "body_unreadable",
			What: "cannot read the request", Cause: "its body is cut off or wrongly framed"}}
	}
	_ = controller.SetReadDeadline(time.Now().Add(readWithin))
	r.body = buf.Bytes()
	return nil
}

// counted counts what somebody unknown sends.
func (r *request) counted(body io.Reader) io.Reader {
	if r.stranger == nil {
		return body
	}
	return readerFunc(func(b []byte) (int, error) {
		n, err := body.Read(b)
		r.taken += n
		if !r.stranger.take(n) {
			return n, errNoRoom
		}
		return n, err
	})
}

// done gives back what counted took: nobody needs the body any more.
func (r *request) done() { r.stranger.giveBack(r.taken) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

var errNoRoom = &pullpass.Error{Kind: pullpass.Unavailable, Code: "too_many_requests",
	What: "cannot read the request", Cause: "too many callers that are not authenticated send at once", Hint: "try again"}

func errTooLarge(limit int64) error {
	return &statusError{http.StatusRequestEntityTooLarge, &pullpass.Error{Kind: pullpass.Invalid, Code: "body_too_large",
		What: "cannot read the request", Cause: fmt.Sprintf("its body is larger than %d bytes", limit)}}
}

// address is where the request came from, as ServeHTTP has found out.
func address(req *http.Request) string {
	if x := exchangeOf(req.Context()); x != nil {
		return x.address
	}
	return Proxies(nil).client(req)
}
