package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// maxStates bounds how many states are told apart; what is beyond counts as one.
const maxStates = 256

// Handler passes the first record of a warning or error on at once and counts
// those that say the same; after a while it logs the last of them with their
// number. Below warnings everything passes.
type Handler struct {
	next  slog.Handler
	scope string // attributes and groups that the logger adds to each record
	seen  *seen
}

// NewHandler returns a handler that counts what repeats within every.
func NewHandler(next slog.Handler, every time.Duration) *Handler {
	return &Handler{next: next, seen: &seen{every: every, states: map[string]*state{}}}
}

// seen are the states that were logged within the last while.
type seen struct {
	every  time.Duration
	mu     sync.Mutex
	states map[string]*state
}

// state is something that is wrong, as the log says it.
type state struct {
	again int
	last  slog.Record
}

// Enabled is the next handler's.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// WithAttrs adds attributes to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	scope := h.scope
	for _, a := range attrs {
		scope += "\x00" + a.Key + "=" + identity(a.Value)
	}
	return &Handler{h.next.WithAttrs(attrs), scope, h.seen}
}

// WithGroup puts later attributes into a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.scope + "\x00" + name + ".", h.seen}
}

// Handle logs r, or counts it.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || !h.next.Enabled(ctx, r.Level) {
		return h.next.Handle(ctx, r)
	}
	if h.repeats(h.scope+"\x00"+r.Level.String()+"\x00"+stateOf(r), r) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

func (h *Handler) repeats(key string, r slog.Record) bool {
	s := h.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.states) >= maxStates && s.states[key] == nil {
		key = ""
	}
	if known := s.states[key]; known != nil {
		known.again++
		known.last = r.Clone()
		return true
	}
	s.states[key] = &state{}
	time.AfterFunc(s.every, func() { h.sum(key) })
	return false
}

// sum logs how often a state was met, as long as it lasts.
func (h *Handler) sum(key string) {
	s := h.seen
	s.mu.Lock()
	st := s.states[key]
	again, last := st.again, st.last
	if again == 0 {
		delete(s.states, key)
	} else {
		st.again = 0
		time.AfterFunc(s.every, func() { h.sum(key) })
	}
	s.mu.Unlock()
	if again == 0 {
		return
	}
	last.Time = time.Now()
	last.AddAttrs(slog.String("repeated", fmt.Sprintf("again %d times in the last %s", again, spell(s.every))))
	_ = h.next.Handle(context.Background(), last) // there is nowhere to say that the log cannot be written
}

func spell(d time.Duration) string {
	if d == time.Minute {
		return "minute"
	}
	return d.String()
}

// stateOf is what a record says without what differs from request to request.
func stateOf(r slog.Record) string {
	parts := []string{r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "request" {
			parts = append(parts, a.Key+"="+identity(a.Value))
		}
		return true
	})
	slices.Sort(parts[1:])
	return strings.Join(parts, "\x00")
}

// identity tells an error by its codes and causes, which are fixed texts: what the
// network or the caller adds to them (ports, names) differs each time.
func identity(v slog.Value) string {
	err, ok := v.Any().(error)
	if !ok {
		return v.String()
	}
	var known *pullpass.Error
	if !errors.As(err, &known) {
		return err.Error()
	}
	var text strings.Builder
	for known != nil {
		text.WriteString("\x00" + string(known.Kind) + " " + known.Code + " " + known.Cause)
		if known.Code == "" && known.Cause == "" {
			text.WriteString(known.What)
		}
		inner := known.Err
		if known = nil; !errors.As(inner, &known) {
			break
		}
	}
	return text.String()
}
