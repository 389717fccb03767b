package audit

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullpass/pullpass"
)

// Recorder keeps one event: a Door.
type Recorder interface {
	Record(context.Context, pullpass.Event) error
}

// Refusals stands before a door, so that whoever is refused again and again does
// not fill the disk and bury the record. The first refusal of a kind (caller,
// action, reason) is recorded at once; what is like it is counted, and recorded
// once a minute with the count. Everything that was not refused passes as it is.
type Refusals struct {
	door   Recorder
	window time.Duration
	now    func() time.Time

	mu    sync.Mutex
	kinds map[refusalKind]*repeated
	paces map[refusalKind]*rate.Limiter // of callers, and of strangers together

	stop context.CancelFunc
	done chan struct{}
}

// refusalKind is what makes two refusals alike. Only the server's own words are
// in it and who asks, never what was asked for: that is as many things as one likes.
type refusalKind struct {
	organization           pullpass.OrganizationID
	kind                   pullpass.CallerKind
	caller, action, reason string
}

// repeated is a kind that was recorded, and what came after it.
type repeated struct {
	event pullpass.Event
	since time.Time
	count int
}

// How many kinds are told apart: of one caller, of an organization's callers that
// have not authenticated, and in memory. What is beyond is counted together.
const (
	kindsPerSecond = 0.5
	kindsAtOnce    = 30
	maxKinds       = 4096

	reasonMany = "many_refusals" // the record of those that were counted together
	// DetailRepeated is how many refusals a record stands for, beside the first.
	DetailRepeated = "repeated"
)

// NewRefusals stands before door. A window of 0 is a minute, no clock the real one.
// Close records what was counted.
func NewRefusals(door Recorder, window time.Duration, now func() time.Time) *Refusals {
	if window <= 0 {
		window = time.Minute
	}
	if now == nil {
		now = time.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Refusals{door: door, window: window, now: now, stop: stop, done: make(chan struct{}),
		kinds: map[refusalKind]*repeated{}, paces: map[refusalKind]*rate.Limiter{}}
	go r.run(ctx)
	return r
}

// Record records e, or counts it where it is one refusal of many.
func (r *Refusals) Record(ctx context.Context, e pullpass.Event) error {
	if e.Decision == pullpass.DecisionDenied && r.counted(e) {
		return nil
	}
	return r.door.Record(ctx, e)
}

// counted reports whether e is not to be recorded by itself.
func (r *Refusals) counted(e pullpass.Event) bool {
	kind := refusalKind{e.Organization, e.Caller.Kind, e.Caller.ID, e.Action, e.Reason}
	pace := refusalKind{organization: e.Organization, kind: e.Caller.Kind, caller: e.Caller.ID}
	if kind.caller == "" {
		kind.caller = e.Caller.Address
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.kinds[kind]; ok {
		k.count++
		return true
	}
	if r.pace(pace, now) {
		r.kinds[kind] = &repeated{event: e, since: now}
		return false
	}
	many := refusalKind{organization: e.Organization, reason: reasonMany}
	if r.kinds[many] == nil {
		e.Reason = reasonMany
		if e.Caller.ID == "" {
			e.Caller.Address = "" // of many
		}
		e.Detail = nil
		r.kinds[many] = &repeated{event: e, since: now}
	}
	r.kinds[many].count++
	return true
}

func (r *Refusals) pace(of refusalKind, now time.Time) bool {
	if len(r.kinds) >= maxKinds {
		return false
	}
	l := r.paces[of]
	if l == nil {
		l = rate.NewLimiter(kindsPerSecond, kindsAtOnce)
		r.paces[of] = l
	}
	return l.AllowN(now, 1)
}

func (r *Refusals) run(ctx context.Context) {
	defer close(r.done)
	ticker := time.NewTicker(r.window / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.flush(ctx, false)
		}
	}
}

// flush records the counts of the kinds whose window is over, or of all.
func (r *Refusals) flush(ctx context.Context, all bool) {
	now := r.now()
	var due []pullpass.Event
	r.mu.Lock()
	for kind, k := range r.kinds {
		if !all && now.Sub(k.since) < r.window {
			continue
		}
		delete(r.kinds, kind)
		if k.count == 0 {
			continue
		}
		e := k.event
		e.At, e.Detail = now, maps.Clone(e.Detail)
		if e.Detail == nil {
			e.Detail = map[string]string{}
		}
		e.Detail[DetailRepeated], e.Detail["since"] = strconv.Itoa(k.count), k.since.UTC().Format(time.RFC3339)
		due = append(due, e)
	}
	for of, l := range r.paces {
		if l.TokensAt(now) >= kindsAtOnce { // like new
			delete(r.paces, of)
		}
	}
	r.mu.Unlock()
	for _, e := range due {
		_ = r.door.Record(ctx, e) // the refusals stand, and the first of them is recorded
	}
}

// Close records what was counted, within the door's own bounds. The door is closed
// after it.
func (r *Refusals) Close() {
	r.stop()
	<-r.done
	r.flush(context.Background(), true)
}
