package runner

import (
	"context"
	"time"
)

// ImageLimits say which images stay on the engine.
type ImageLimits struct {
	MaxBytes int64         // of all that the runner has pulled; 0: any number
	MaxAge   time.Duration // since the last use; 0: any
	Fresh    time.Duration // since the last use, in which an image stays whatever the limits say
}

const (
	collectEvery = 10 * time.Minute
	imageFresh   = 10 * time.Minute // a pulled image waits for its container
)

// collect removes images from time to time.
func (r *Runner) collect(ctx context.Context) {
	for sleep(ctx, jitter(collectEvery)) {
		n, err := r.o.Driver.Collect(ctx, ImageLimits{MaxBytes: r.o.ImageSpace, MaxAge: r.o.ImageAge, Fresh: imageFresh})
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.o.Log.WarnContext(ctx, "collecting images failed", "error", err)
		case n > 0:
			r.o.Log.InfoContext(ctx, "removed images that nothing uses", "images", n)
		}
	}
}
