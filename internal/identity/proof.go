package identity

import "time"

// Proof is how a project stands with the ownership of its repository.
type Proof struct {
	Challenge string    // what the well-known file must hold; empty until asked for
	ProvedAt  time.Time // when it last did; zero: not proved
}
