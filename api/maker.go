package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// Maker is who made something that stays when they are gone.
type Maker struct {
	ID      string              `json:"id,omitempty" doc:"Of the token or the person; empty if that is not known."`
	State   pullpass.MakerState `json:"state" enum:"unknown,active,expiring,expired,gone" doc:"gone: the token was deleted, or the person is no member any more."`
	Expires time.Time           `json:"expires_at,omitzero" doc:"When that token ends."`
}

// FromMaker writes a maker.
func FromMaker(m pullpass.Maker) Maker { return Maker{ID: m.ID, State: m.State, Expires: m.Expires} }

// Maker reads a maker.
func (m Maker) Maker() pullpass.Maker {
	return pullpass.Maker{ID: m.ID, State: m.State, Expires: m.Expires}
}
