package pullpass

import "time"

// Maker is who made something that stays when they are gone: a runner, a trust, a
// member.
type Maker struct {
	ID      string    // of the token or the person; empty: not known any more
	Expires time.Time // when that token ends; zero: it does not, or has gone
	State   MakerState
}

// MakerState is what has become of a maker.
type MakerState string

// The states of a maker.
const (
	MakerUnknown  MakerState = "unknown"  // from before this was kept
	MakerActive   MakerState = "active"   // still there, without an end
	MakerExpiring MakerState = "expiring" // a token that ends
	MakerExpired  MakerState = "expired"  // a token that has ended
	MakerGone     MakerState = "gone"     // a token that was deleted, a person who is no member any more
)

// At is m as it stands at a time.
func (m Maker) At(now time.Time) Maker {
	switch {
	case m.ID == "":
		m.State = MakerUnknown
	case m.State == MakerGone:
	case m.Expires.IsZero():
		m.State = MakerActive
	case now.Before(m.Expires):
		m.State = MakerExpiring
	default:
		m.State = MakerExpired
	}
	return m
}
