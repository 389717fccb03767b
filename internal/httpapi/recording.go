package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/access"
)

// deed does what e tells of, once e is on disk: nothing changes without a record.
// If it then fails, a second record says so.
func (s *Server) deed(ctx context.Context, caller pullpass.Caller, e pullpass.Event, do func(context.Context) error) error {
	e.Organization, e.Caller, e.At, e.Decision = caller.Organization, caller.Actor(), s.now(), pullpass.DecisionAllowed
	if err := s.auditor.Record(ctx, e); err != nil {
		return err
	}
	err := do(ctx)
	if err != nil {
		e.At, e.Decision, e.Reason = s.now(), pullpass.DecisionFailed, reason(err)
		s.recordAnyway(ctx, e)
	}
	return err
}

// recordDenied keeps who tried to change what they may not.
func (s *Server) recordDenied(ctx context.Context, caller pullpass.Caller, p access.Permission) {
	s.recordAnyway(ctx, pullpass.Event{
		Organization: caller.Organization, Caller: caller.Actor(), At: s.now(), Action: string(p),
		Decision: pullpass.DecisionDenied, Reason: "permission_denied",
	})
}

// recordAnyway is for what has been refused already: the refusal stands whether
// or not the record can be written.
func (s *Server) recordAnyway(ctx context.Context, e pullpass.Event) {
	const within = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	if err := s.auditor.Record(ctx, e); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "refusal not recorded", slog.String("action", e.Action), slog.Any("error", err))
	}
}

// reason is the error's code or kind: fixed words, never text from outside.
func reason(err error) string {
	var e *pullpass.Error
	if errors.As(err, &e) && e.Code != "" {
		return e.Code
	}
	return string(pullpass.KindOf(err))
}
