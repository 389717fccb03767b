package pullpass_test

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/pullpass/pullpass"
)

func TestExplainHasThreeParts(t *testing.T) {
	inner := &pullpass.Error{Kind: pullpass.Denied, What: "asking AWS", Cause: "no policy allows it", Hint: "add the statement"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{io.EOF, "error: EOF"},
		{inner, "error: asking AWS\ncause: no policy allows it\nhint:  add the statement"},
		{&pullpass.Error{Kind: pullpass.Denied, What: "cannot pull", Err: inner}, "error: cannot pull\ncause: asking AWS: no policy allows it\nhint:  add the statement"},
		{&pullpass.Error{Kind: pullpass.Invalid, Cause: "bad name"}, "error: bad name"},
		{fmt.Errorf("wrapped: %w", inner), "error: asking AWS\ncause: no policy allows it\nhint:  add the statement"},
	} {
		if got := pullpass.Explain(c.err); got != c.want {
			t.Errorf("Explain(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	denied := &pullpass.Error{Kind: pullpass.Denied, What: "no", Err: io.EOF}
	for _, c := range []struct {
		err  error
		want pullpass.Kind
	}{
		{nil, ""}, {io.EOF, pullpass.Internal}, {denied, pullpass.Denied},
		{fmt.Errorf("more: %w", denied), pullpass.Denied},
		{&pullpass.Error{Kind: pullpass.Unavailable, Err: denied}, pullpass.Unavailable},
	} {
		if got := pullpass.KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
	if !errors.Is(denied, io.EOF) {
		t.Error("the wrapped error is lost")
	}
}

// TestChain has every cause shown once, whatever wraps it.
func TestChain(t *testing.T) {
	inner := &pullpass.Error{What: "cannot write", Cause: "the disk is full", Err: fmt.Errorf("write x.db: %w", syscall.ENOSPC)}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{fmt.Errorf("a: %w", io.EOF), "a: EOF"},
		{inner, "cannot write: the disk is full: write x.db: no space left on device"},
		{fmt.Errorf("audit: %w", inner), "audit: cannot write: the disk is full: write x.db: no space left on device"},
		{&pullpass.Error{What: "refused", Cause: "two ways", Err: errors.Join(inner, io.EOF)},
			"refused: two ways: cannot write: the disk is full\nEOF: write x.db: no space left on device"},
	} {
		if got := pullpass.Chain(c.err); got != c.want {
			t.Errorf("Chain(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}
