package pullpass

import (
	"errors"
	"strings"
)

// Kind says what an error means to the caller. One place (internal/httpapi)
// turns kinds into HTTP statuses, one (cmd/pullpass) into exit codes.
type Kind string

// The kinds. An error without a kind is a defect of ours: Internal.
const (
	Internal        Kind = "internal"        // ours to repair; the cause stays in the log
	Invalid         Kind = "invalid"         // the request cannot be understood or obeyed
	Unauthenticated Kind = "unauthenticated" // we do not know who asks
	Denied          Kind = "denied"          // we know who asks, and the answer is no
	NotFound        Kind = "not_found"       // not there, or not yours: the same answer
	Conflict        Kind = "conflict"        // at odds with what is there now
	Limited         Kind = "limited"         // too much at once; try again later
	Unavailable     Kind = "unavailable"     // something we depend on does not answer
)

// Error is what a person gets to read: what failed, why, and what to do.
//
// What, Cause, Hint and Err must never hold a secret, nor text that could not be
// decoded. Err is for errors.Is and for the log, which shows it by Chain; a caller is
// not shown it when Cause is set.
type Error struct {
	Kind  Kind
	Code  Code   // stable, for programs: "registry_tie"; may be empty
	What  string // "cannot pull 222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app"
	Cause string // "the repository policy of account 222222222222 does not name role/pull"
	Hint  string // "pullpass policy repository --principal arn:aws:iam::111111111111:role/pull"
	Err   error
}

// Error joins what failed and its cause on one line; the hint is for Explain.
func (e *Error) Error() string {
	cause := e.Cause
	if cause == "" && e.Err != nil {
		cause = e.Err.Error()
	}
	switch {
	case e.What == "" && cause == "":
		return string(e.Kind)
	case e.What == "":
		return cause
	case cause == "":
		return e.What
	}
	return e.What + ": " + cause
}

// Unwrap gives the wrapped error to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Chain is err with everything that is wrapped in it, for the log: what a caller is
// not shown is what its operator needs (an errno, a SQLSTATE, a host).
func Chain(err error) string {
	text := ""
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		if own := err.Error(); !strings.Contains(text, own) {
			if text != "" {
				text += ": "
			}
			text += own
		}
		switch wrapping := err.(type) { //nolint:errorlint // each link of the chain is looked at
		case interface{ Unwrap() error }:
			walk(wrapping.Unwrap())
		case interface{ Unwrap() []error }:
			for _, one := range wrapping.Unwrap() {
				walk(one)
			}
		}
	}
	walk(err)
	return text
}

// KindOf returns the kind of the outermost Error in err's chain, Internal for
// other errors, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// IsKind reports whether err is of the given kind.
func IsKind(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// CodeOf returns the stable code of the outermost Error, or "" where there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// HintOf returns the first hint found from the outside in.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Explain renders err for a person in up to three lines: error, cause, hint.
func Explain(err error) string {
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		return "error: " + err.Error()
	}
	what, cause := e.What, e.Cause
	if cause == "" && e.Err != nil {
		cause = e.Err.Error()
	}
	if what == "" {
		what, cause = cause, ""
	}
	var b strings.Builder
	b.WriteString("error: " + what)
	if cause != "" {
		b.WriteString("\ncause: " + cause)
	}
	if hint := HintOf(err); hint != "" {
		b.WriteString("\nhint:  " + hint)
	}
	return b.String()
}
