package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// hashVersion is part of the hash's text and of what is hashed, so that a later
// encoding can live in the same chain.
const hashVersion = "v1"

// Hash is the chain hash of e: over every field but Hash itself, Previous and
// Sequence included. Two events have one hash only if they are equal.
func Hash(e pullpass.Event) string {
	sum := sha256.Sum256(encode(e))
	return hashVersion + ":" + hex.EncodeToString(sum[:])
}

// encode writes the fields in a fixed order, each with its length in front, and
// the details in order of their keys. Changing it means a new hashVersion.
func encode(e pullpass.Event) []byte {
	b := make([]byte, 0, 512)
	text := func(parts ...string) {
		for _, s := range parts {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // events are far below 4 GiB
			b = append(b, s...)
		}
	}
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) } //nolint:gosec // the bits are what is encoded

	text("pullpass/audit/event/"+hashVersion, string(e.Organization))
	number(e.Sequence)
	text(e.Previous)
	number(micros(e.At))
	text(e.Action, string(e.Decision), e.Reason,
		string(e.Caller.Kind), e.Caller.ID, e.Caller.Name, e.Caller.Address,
		string(e.Project), string(e.Environment), string(e.Runner), string(e.Registry))
	number(e.Generation)
	text(string(e.Integration), e.Target)
	number(int64(len(e.Detail)))
	for _, key := range slices.Sorted(maps.Keys(e.Detail)) {
		text(key, e.Detail[key])
	}
	return b
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// MaxEventSize bounds one event, in bytes of its encoding: a caller who can make
// an event long must not be able to fill the disk with it.
const MaxEventSize = 64 << 10

// Normalize returns e as every store gives it back: the time in UTC to the
// microsecond, text in valid UTF-8 without NUL (PostgreSQL takes no other). It is
// applied before hashing, so that a hostile name cannot keep a record from being
// written, nor make a whole chain look broken.
func Normalize(e pullpass.Event) pullpass.Event {
	if e.At.IsZero() {
		e.At = time.Time{}
	} else {
		e.At = e.At.UTC().Truncate(time.Microsecond)
	}
	for _, s := range []*string{
		&e.Action, (*string)(&e.Decision), &e.Reason, &e.Target,
		(*string)(&e.Caller.Kind), &e.Caller.ID, &e.Caller.Name, &e.Caller.Address,
		(*string)(&e.Project), (*string)(&e.Environment), (*string)(&e.Runner),
		(*string)(&e.Registry), (*string)(&e.Integration),
	} {
		*s = clean(*s)
	}
	if len(e.Detail) == 0 {
		e.Detail = nil
		return e
	}
	detail := make(map[string]string, len(e.Detail))
	for key, value := range e.Detail {
		detail[clean(key)] = clean(value)
	}
	e.Detail = detail
	return e
}

func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
