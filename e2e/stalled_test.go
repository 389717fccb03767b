package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/parts"
	"github.com/pullpass/pullpass/internal/runner"
)

// slowRegistry is a registry whose layers arrive byte by byte, once it is told to.
type slowRegistry struct {
	host     string
	contents http.Handler

	mu    sync.Mutex
	slow  bool
	begun int
	more  chan struct{} // closed and replaced when a layer begins
}

func newSlowRegistry(t *testing.T) *slowRegistry {
	t.Helper()
	r := &slowRegistry{contents: registry.New(registry.Logger(log.New(io.Discard, "", 0))), more: make(chan struct{})}
	server := httptest.NewServer(r)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (s *slowRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	slow := s.slow && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
	if slow {
		s.begun++
		close(s.more)
		s.more = make(chan struct{})
	}
	s.mu.Unlock()
	if !slow {
		s.contents.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(8<<20))
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		_, _ = w.Write([]byte{0})
		_ = http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// await waits until so many layers have been asked for.
func (s *slowRegistry) await(t *testing.T, ctx context.Context, layers int) {
	t.Helper()
	for {
		s.mu.Lock()
		begun, more := s.begun, s.more
		s.mu.Unlock()
		if begun >= layers {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("%d layers were asked for, want %d", begun, layers)
		}
	}
}

// TestStalledRegistry: twenty environments whose registry sends next to nothing keep
// nobody else's from starting, and say what keeps them.
func TestStalledRegistry(t *testing.T) {
	host, registry := parts.Docker(t), parts.Registry(t)
	ctx := within(t, 3*time.Minute)
	honest := func() string { // an image that the engine does not have
		image := fmt.Sprintf("%s/e2e/honest-%d:1", registry.Host, time.Now().UnixNano())
		pushImage(t, ctx, image, registry.Username, registry.Password, parts.BusyboxImage(t, append(slices.Clone(stays), image)...))
		return image
	}
	slow := newSlowRegistry(t)
	layer, err := random.Layer(8<<20, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	if err != nil {
		t.Fatal(err)
	}
	var big v1.Image
	if big, err = mutate.AppendLayers(parts.BusyboxImage(t, stays...), layer); err != nil {
		t.Fatal(err)
	}
	stalled := slow.host + "/team/app:1"
	pushImage(t, ctx, stalled, "u", "p", big)
	slow.mu.Lock()
	slow.slow = true
	slow.mu.Unlock()

	args := append(plainHTTP(registry), "--host=host="+slow.host+",registry=http://"+slow.host)
	s := startServer(t, ctx, args...)
	r := startRunner(t, ctx, s, host, args...)
	mine := basicProject(t, ctx, s, "honest", registry.Host, registry.Username, registry.Password)
	// Several projects, so that fairness between projects alone does not do.
	var theirs []pullpass.ProjectID
	for i := range 5 {
		theirs = append(theirs, basicProject(t, ctx, s, fmt.Sprint("slow-", i), slow.host, "u", "p"))
	}
	start := func(image string) time.Duration {
		began := time.Now()
		e := create(t, ctx, s, r, mine, image)
		e, err := process.Await(ctx, s.Owner, e, pullpass.PhaseRunning)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		remove(t, ctx, s, e)
		return took
	}
	images := []string{honest(), honest(), honest(), honest(), honest(), honest(), honest()}
	start(images[0]) // what is done once is done
	alone := median(start(images[1]), start(images[2]), start(images[3]))
	var stuck []pullpass.Environment
	for i := range 20 {
		stuck = append(stuck, create(t, ctx, s, r, theirs[i%len(theirs)], stalled))
	}
	slow.await(t, ctx, 20)
	beside := median(start(images[4]), start(images[5]), start(images[6]))
	t.Logf("an honest start takes %s alone and %s beside 20 stalled ones: ratio %.2f", alone, beside, beside.Seconds()/alone.Seconds())
	for _, e := range stuck {
		e = awaitError(t, ctx, s, e)
		if !slices.ContainsFunc(e.Conditions, func(c pullpass.Condition) bool { return c.Code == runner.CodePullStalled }) {
			t.Errorf("conditions %+v, want %s", e.Conditions, runner.CodePullStalled)
		}
	}
	for _, e := range stuck {
		remove(t, ctx, s, e)
	}
}

func median(d ...time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
