package logs_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/logs"
)

func newLog(to *strings.Builder) *slog.Logger {
	return slog.New(logs.NewHandler(slog.NewTextHandler(to, &slog.HandlerOptions{ReplaceAttr: logs.Causes}), time.Minute))
}

// full is what a write to a full disk comes to, below two layers of ours.
func full(what string) error {
	disk := &pullpass.Error{Kind: pullpass.Unavailable, What: what, Cause: "the disk is full",
		Err: fmt.Errorf("writing the log of %s: %w", what, syscall.ENOSPC)}
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "audit_unavailable", What: "refused",
		Cause: "the audit log could not be written", Err: fmt.Errorf("audit: %w", disk)}
}

func TestCausesAreLogged(t *testing.T) {
	var out strings.Builder
	newLog(&out).Warn("unavailable", "error", full("a"))
	for _, want := range []string{"the audit log could not be written", "the disk is full", syscall.ENOSPC.Error()} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log is %q, want %q in it", out.String(), want)
		}
	}
}

// TestRepeatsAreCounted has a state last for minutes: one line, then a count, then
// nothing; and another state is a line of its own.
func TestRepeatsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := newLog(&out)
		lines := func() []string {
			list := strings.Split(strings.TrimSpace(out.String()), "\n")
			out.Reset()
			return list
		}
		for i := range 3385 {
			log.Warn("unavailable", "request", i, "error", full(fmt.Sprint("object ", i)))
		}
		if got := lines(); len(got) != 1 || strings.Contains(got[0], "repeated") {
			t.Fatalf("logged at once: %q, want one line", got)
		}
		log.Warn("unavailable", "error", errors.New("another"))
		log.Warn("unavailable", "organization", "b", "error", full("a"))
		log.With("part", "webhook").Warn("unavailable", "error", full("a"))
		log.Info("server started")
		log.Info("server started")
		if got := lines(); len(got) != 5 {
			t.Errorf("other states and plain news: %d lines, want 5: %q", len(got), got)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], "again 3384 times in the last minute") || !strings.Contains(got[0], "request=3384") {
			t.Errorf("after a minute: %q, want a count and the last of them", got)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if got := lines(); got[0] != "" {
			t.Errorf("after a minute without: %q, want nothing", got)
		}
		log.Warn("unavailable", "error", full("a"))
		if got := lines(); len(got) != 1 || strings.Contains(got[0], "repeated") {
			t.Errorf("the state begins again: %q, want a line", got)
		}
	})
}

// TestStatesAreBounded logs ever new states: memory does not follow them.
func TestStatesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := newLog(&out)
		for i := range 5000 {
			log.Warn("refused", "error", fmt.Errorf("nr %d", i))
		}
		if n := strings.Count(out.String(), "\n"); n > 300 {
			t.Errorf("%d lines, want a bound", n)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if !strings.Contains(out.String(), "again 4743 times") {
			t.Errorf("the rest is not counted: %q", out.String()[max(0, out.Len()-200):])
		}
	})
}
