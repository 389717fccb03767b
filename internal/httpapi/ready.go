package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reserve"
)

const (
	readyWithin = 2 * time.Second
	// readyFor is how long an answer holds: anybody may ask, and each try writes.
	readyFor = 500 * time.Millisecond
	// refusingFor is how long a record that could not be written counts, unless
	// one is written before.
	refusingFor = 5 * time.Second
)

// readiness is whether requests can be answered, as last tried.
type readiness struct {
	mu    sync.Mutex // held while it is tried: who asks meanwhile waits for the outcome
	tried time.Time
	err   error
}

// ready answers whether this server can do its work: whether its database can be
// written, its keys are there and the audit log takes records.
func (s *Server) ready(w http.ResponseWriter, req *http.Request) {
	select {
	case <-s.draining:
		s.refuse(w, req, &pullpass.Error{Kind: pullpass.Unavailable, Code: codeStopping, What: notReady, Cause: "it is stopping"})
		return
	default:
	}
	if err := s.readiness.of(req.Context(), s.tryReady); err != nil {
		s.refuse(w, req, err)
		return
	}
	ok(w)
	if s.disk == nil {
		return
	}
	// Whoever watches it should know before it is not ready. How much room there is
	// is among the metrics: anybody may ask here.
	switch s.disk.State().Level {
	case reserve.Plenty:
	case reserve.Low:
		_, _ = io.WriteString(w, "warning: "+codeLow+": the disk of the database fills up\n")
	case reserve.Reserved:
		_, _ = io.WriteString(w, "warning: "+codeReserved+": the disk of the database is almost full; only what issuing credentials needs is written, and what deletes\n")
	}
}

const notReady = "the server is not ready"

// The warnings; docs/operations.md says what each means and what to do.
const (
	codeLow      = "disk_low"
	codeReserved = "disk_reserved"
)

// The reasons; docs/operations.md says what each means and what to do.
const (
	codeStopping = "stopping"
	codeStore    = "store_unavailable"
	codeRemoved  = "database_removed"
	codeKey      = "seal_key_missing"
	codeAudit    = "audit_unavailable"
)

func (r *readiness) of(ctx context.Context, try func(context.Context) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.tried) < readyFor {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin)
	defer cancel()
	r.err = try(ctx)
	r.tried = time.Now()
	return r.err
}

func (s *Server) tryReady(ctx context.Context) error {
	if err := s.store.Ping(ctx); err != nil {
		return errNotReady(codeStore, "its database does not answer", err)
	}
	if err := s.store.CheckKeys(ctx); err != nil {
		return errNotReady(codeKey, "its keys cannot be checked", err)
	}
	refusal := s.metrics.recording.refusal.Load()
	if refusal == nil {
		return nil
	}
	err := s.store.CheckAudit(ctx, refusal.organization)
	if err == nil && time.Since(refusal.at) >= refusingFor {
		s.metrics.recording.refusal.CompareAndSwap(refusal, nil)
		return nil
	}
	if err == nil {
		err = refusal.err
	}
	return errNotReady(codeAudit, "its audit log cannot be written", err)
}

// errNotReady says why, in the words of what failed.
func errNotReady(code, cause string, err error) error {
	var why *pullpass.Error
	if errors.As(err, &why) && why.Cause != "" {
		cause += ": " + why.Cause
	}
	out := &pullpass.Error{Kind: pullpass.Unavailable, Code: code, What: notReady, Cause: cause, Err: err}
	switch {
	case why == nil:
	case code == codeKey:
		out.Hint = why.Hint
	case why.Code == codeRemoved:
		out.Code, out.Hint = why.Code, why.Hint
	}
	return out
}

// recording is how it went with the last audit records.
type recording struct{ refusal atomic.Pointer[refusal] }

// refusal is a record that could not be written.
type refusal struct {
	organization pullpass.OrganizationID
	at           time.Time
	err          error
}

func (r *recording) note(ctx context.Context, org pullpass.OrganizationID, err error, began time.Time) {
	switch last := r.refusal.Load(); {
	case err == nil:
		if last != nil && began.After(last.at) {
			r.refusal.CompareAndSwap(last, nil)
		}
	case pullpass.IsKind(err, pullpass.Unavailable) && !errors.Is(ctx.Err(), context.Canceled):
		r.refusal.Store(&refusal{organization: org, at: time.Now(), err: err})
	}
}
