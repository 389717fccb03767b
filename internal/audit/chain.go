package audit

import (
	"context"

	"github.com/pullpass/pullpass"
)

// Store appends events. One call is one durable transaction: it sets Sequence,
// Previous and Hash, and returns only when all of it is on disk.
type Store interface {
	AppendEvents(context.Context, []pullpass.Event) ([]pullpass.Event, error)
}

// Head is the last link of an organization's chain; the zero Head is that of an
// empty chain.
type Head struct {
	Sequence int64
	Hash     string
}
