package egress

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// body ends an answer that is too long, and releases the deadline when read.
type body struct {
	io.ReadCloser
	req    *http.Request
	left   int64
	limit  int64
	cancel context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// One byte more tells a body of exactly the limit from a longer one.
		var one [1]byte
		n, err := b.ReadCloser.Read(one[:])
		if n > 0 {
			return 0, tooLong(b.req, b.limit)
		}
		return 0, b.end(err)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, b.end(err)
}

func (b *body) end(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		b.cancel()
		return err
	}
	return explain(b.req, err)
}

func (b *body) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
