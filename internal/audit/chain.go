package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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

// String is how a head is kept and given back: 4711:v1:9f86….
func (h Head) String() string {
	if h.Sequence == 0 {
		return ""
	}
	return strconv.FormatInt(h.Sequence, 10) + ":" + h.Hash
}

// ParseHead reads what String wrote; the empty text is the zero Head.
func ParseHead(s string) (Head, error) {
	if s == "" {
		return Head{}, nil
	}
	number, hash, _ := strings.Cut(s, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || hash == "" {
		return Head{}, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "audit_head", What: "cannot read the head of an audit log",
			Cause: "it does not read SEQUENCE:HASH", Hint: "give the head as printed by: pullpass audit verify",
		}
	}
	return Head{Sequence: n, Hash: hash}, nil
}

// Seals are what authenticates a chain beyond its own hashes.
type Seals struct {
	Head          Head
	HeadSignature string
	Cut           Head // records up to it were pruned
	CutSignature  string
	Signer        *Signer // nil: there is no key that opens
	Highest       Head    // what the server that answers has seen since it started
}

// ActionBreak is the record that the store puts into a chain whose end is not the
// one that it, or its signature, knows. It stays, and Verify reports it.
const ActionBreak = "audit.break"

// Problem says why the chain of which s.Head is the end is not the one that was
// written here; empty, if it is.
func (s Seals) Problem() string {
	switch {
	case s.Head.Sequence < s.Highest.Sequence:
		return fmt.Sprintf("the log went back from record %s to %d", s.Highest, s.Head.Sequence)
	case s.Head.Sequence == s.Highest.Sequence && s.Head.Sequence > 0 && s.Head.Hash != s.Highest.Hash:
		return fmt.Sprintf("record %s was replaced", s.Highest)
	case s.Head.Sequence == 0 && s.HeadSignature == "":
		return ""
	case s.Signer == nil:
		return "there is no key that signed its head"
	case !s.Signer.Verifies(s.Head, PurposeHead, s.HeadSignature):
		return fmt.Sprintf("the signature of its head, record %d, is not this server's", s.Head.Sequence)
	}
	return ""
}
