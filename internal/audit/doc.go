// Package audit is the one door through which everything passes that reveals a
// secret or changes what may be revealed.
//
// The one idea: record durably, then reveal. Record returns only when the event
// is on disk; if that takes too long it refuses, and what was to be revealed
// stays hidden. Events of an organization form a chain: each carries the hash of
// the one before, so that a changed, missing or moved record is found.
//
//	door := audit.NewDoor(store, audit.Options{})
//	defer door.Close()
//	if err := door.Record(ctx, event); err != nil {
//		return err // Unavailable: the credential does not leave
//	}
//	report, err := audit.Verify(ctx, store, org, audit.Head{})
package audit
