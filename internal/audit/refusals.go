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

func kindOf(e pullpass.Event) refusalKind {
	kind := refusalKind{e.Organization, e.Caller.Kind, e.Caller.ID, e.Action, e.Reason}
	if kind.caller == "" {
		kind.caller = e.Caller.Address
	}
	return kind
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
	err := r.door.Record(ctx, e)
	if e.Decision != pullpass.DecisionAllowed && pullpass.CodeOf(err) == pullpass.CodeDiskReserved {
		r.count(e) // nothing was given out: it is recorded when there is room
		return nil
	}
	return err
}

// count counts e itself, whose record could not be written.
func (r *Refusals) count(e pullpass.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kind := kindOf(e)
	if r.kinds[kind] == nil {
		if len(r.kinds) >= maxKinds {
			return
		}
		r.kinds[kind] = &repeated{event: e, since: r.now()}
	}
	r.kinds[kind].count++
}

// counted reports whether e is not to be recorded by itself.
func (r *Refusals) counted(e pullpass.Event) bool {
	kind := kindOf(e)
	pace := refusalKind{organization: e.Organization, kind: e.Caller.Kind, caller: e.Caller.ID}
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

// flush records the counts of the kinds whose window is over, or of all. What cannot
// be written now is counted on.
func (r *Refusals) flush(ctx context.Context, all bool) {
	for kind, count := range r.due(all) {
		if err := r.door.Record(ctx, count.record(r.now())); pullpass.IsKind(err, pullpass.Unavailable) {
			return // nor can the others
		}
		r.settle(kind, count.count)
	}
}

// due returns the kinds whose counts are to be recorded, and forgets those without.
func (r *Refusals) due(all bool) map[refusalKind]repeated {
	now := r.now()
	due := map[refusalKind]repeated{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, k := range r.kinds {
		switch {
		case !all && now.Sub(k.since) < r.window:
		case k.count == 0:
			delete(r.kinds, kind)
		default:
			due[kind] = *k
		}
	}
	for of, l := range r.paces {
		if l.TokensAt(now) >= kindsAtOnce { // like new
			delete(r.paces, of)
		}
	}
	return due
}

// settle takes off what was recorded. The next of the kind is a first one again,
// unless there were some meanwhile.
func (r *Refusals) settle(kind refusalKind, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kinds[kind]
	if k.count -= count; k.count == 0 {
		delete(r.kinds, kind)
		return
	}
	k.since = r.now()
}

// record is the event that tells of the count.
func (k repeated) record(now time.Time) pullpass.Event {
	e := k.event
	e.At, e.Detail = now, maps.Clone(e.Detail)
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	e.Detail[DetailRepeated], e.Detail["since"] = strconv.Itoa(k.count), k.since.UTC().Format(time.RFC3339)
	return e
}

// Close records what was counted, within the door's own bounds. The door is closed
// after it.
func (r *Refusals) Close() {
	r.stop()
	<-r.done
	r.flush(context.Background(), true)
}
