package runner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
)

func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, ctx := newTurns(4), t.Context()
		order := make(chan pullpass.ProjectID, 100)
		ask := func(p pullpass.ProjectID) {
			go func() {
				if turns.acquire(ctx, p) == nil {
					order <- p
				}
			}()
			synctest.Wait()
		}
		got := func(want ...pullpass.ProjectID) {
			t.Helper()
			synctest.Wait()
			for _, w := range want {
				select {
				case p := <-order:
					if p != w {
						t.Errorf("%s got a place, want %s", p, w)
					}
				default:
					t.Errorf("nobody got a place, want %s", w)
				}
			}
			select {
			case p := <-order:
				t.Errorf("%s got a place, want no one", p)
			default:
			}
		}
		for range 20 {
			ask("greedy")
		}
		got("greedy", "greedy", "greedy") // the last place is for another project
		ask("honest")
		got("honest")
		ask("honest")
		ask("late")
		turns.release("greedy")
		got("late") // it has none, and goes before those who came earlier
		turns.release("greedy")
		got() // all who wait have a place: the last one is kept for somebody new
		turns.release("late")
		got("greedy") // one place each: who came first
		turns.release("honest")
		got("honest")
	})
}

func TestTurnsOfOnePlaceAndOfThoseWhoGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		if err := turns.acquire(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- turns.acquire(ctx, "b") }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("acquire = %v, want canceled", err)
		}
		turns.release("a")
		if err := turns.acquire(t.Context(), "a"); err != nil {
			t.Errorf("the place of one who went away is lost: %v", err)
		}
		turns.release("a")
		if turns.total != 0 || len(turns.taken) != 0 || len(turns.waiting) != 0 {
			t.Errorf("places that nobody has: %+v", turns)
		}
	})
}

func TestStallWatch(t *testing.T) {
	const limit = time.Minute
	story := func(name string, code string, tell func(*stallWatch)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, w := watchStall(t.Context(), "image", limit, 1<<30)
				tell(w)
				synctest.Wait()
				err := w.stop(ctx, ctx.Err())
				var e *pullpass.Error
				if code == "" && err != nil || code != "" && (!errors.As(err, &e) || e.Code != code || e.Cause == "" || e.Hint == "") {
					t.Errorf("the pull ended with %v, want %q", err, code)
				}
			})
		})
	}
	sleep := func(d time.Duration) { <-time.After(d) }
	at := func(n int64) pullpass.Progress {
		return pullpass.Progress{LayersTotal: 2, BytesDone: n, BytesTotal: 100 << 20}
	}
	story("nothing comes", CodePullStalled, func(*stallWatch) { sleep(limit + time.Second) })
	story("a byte now and then", CodePullStalled, func(w *stallWatch) {
		for i := range int64(20) {
			w.progress(at(i), Downloading)
			sleep(5 * time.Second)
		}
	})
	story("slow, but it gets on", "", func(w *stallWatch) {
		for i := range int64(20) {
			w.progress(at(i*progressBytes), Downloading)
			sleep(limit - time.Second)
		}
	})
	story("the engine works for others", "", func(w *stallWatch) {
		w.progress(at(0), Queued)
		sleep(10 * limit)
	})
	story("after waiting nothing comes", CodePullStalled, func(w *stallWatch) {
		w.progress(at(0), Queued)
		sleep(10 * limit)
		w.progress(at(0), Downloading)
		sleep(limit + time.Second)
	})
	story("unpacking takes long", "", func(w *stallWatch) {
		w.progress(at(100<<20), Unpacking)
		sleep(5 * limit)
	})
	story("unpacking never ends", CodePullStalled, func(w *stallWatch) {
		w.progress(at(100<<20), Unpacking)
		sleep(11 * limit)
	})
	story("more than was said", CodeImageTooLarge, func(w *stallWatch) { w.progress(at(2<<30), Downloading) })
}
