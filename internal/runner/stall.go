package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

const (
	// progressBytes is what a registry has to send within a stall's time: a byte now
	// and then is no progress.
	progressBytes = 64 << 10
	// unpackFactor is how much longer an engine may say nothing when everything has
	// been downloaded: it unpacks.
	unpackFactor = 10
	minStall     = 5 * time.Second
)

// stallWatch ends a pull that does not get on, and one that brings more than it may.
type stallWatch struct {
	limit    time.Duration
	maxBytes int64 // 0: any number
	end      context.CancelCauseFunc
	image    string

	mu    sync.Mutex
	stage PullStage
	last  pullpass.Progress // when the time began
	timer *time.Timer
}

// watchStall returns the context of the pull, and where its progress is told.
func watchStall(ctx context.Context, image string, limit time.Duration, maxBytes int64) (context.Context, *stallWatch) {
	ctx, end := context.WithCancelCause(ctx)
	w := &stallWatch{limit: limit, maxBytes: maxBytes, end: end, image: image, stage: Downloading}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(limit, w.over)
	return ctx, w
}

// over is called when nothing was told for a while.
func (w *stallWatch) over() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stage == Queued { // others are at fault, if anybody is
		w.timer.Reset(w.limit)
		return
	}
	w.end(stalled(w.image, w.limit))
}

// progress takes note of what the engine tells.
func (w *stallWatch) progress(p pullpass.Progress, stage PullStage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if bytes := max(p.BytesDone, p.BytesTotal); w.maxBytes > 0 && bytes > w.maxBytes {
		w.end(tooLarge(w.image, bytes, w.maxBytes))
		return
	}
	changed := stage != w.stage
	w.stage = stage
	switch {
	case stage == Unpacking:
		w.timer.Reset(unpackFactor * w.limit)
	case changed, p.BytesDone >= w.last.BytesDone+progressBytes, p.LayersDone > w.last.LayersDone:
		w.timer.Reset(w.limit)
	default:
		return
	}
	w.last = p
}

// stop ends the watch and returns why it ended the pull, if it did.
func (w *stallWatch) stop(ctx context.Context, err error) error {
	w.timer.Stop()
	cause := context.Cause(ctx)
	w.end(nil)
	var ours *pullpass.Error
	if err != nil && errors.As(cause, &ours) {
		return ours
	}
	return err
}

func stalled(image string, limit time.Duration) error {
	return &pullpass.Error{
		Kind: pullpass.Unavailable, Code: CodePullStalled, What: "cannot pull " + image,
		Cause: fmt.Sprintf("the registry sent less than %d KiB in %s", progressBytes>>10, limit),
		Hint:  "try the registry from the runner: pullpass registry list, then pullpass registry test NAME --runner RUNNER",
	}
}

func tooLarge(image string, bytes, limit int64) error {
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: CodeImageTooLarge, What: "cannot pull " + image,
		Cause: fmt.Sprintf("it has %d MiB, and this runner takes images of at most %d MiB", bytes>>20, limit>>20),
		Hint:  "make the image smaller, or start the runner with a larger --max-image-size",
	}
}
