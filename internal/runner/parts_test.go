package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

// listener is a server that only listens to reports.
type listener struct {
	Server
	mu  sync.Mutex
	got []pullpass.StatusUpdate
	err error
}

func (l *listener) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *listener) ReportStatus(_ context.Context, _ pullpass.EnvironmentID, u pullpass.StatusUpdate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.got = append(l.got, u)
	return nil
}

func TestReporterSendsFewAndTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &listener{}
		r := &Runner{o: Options{Server: server, RetryMin: time.Second, RetryMax: 30 * time.Second}}
		p := newReporter(r, "env")
		p.start(t.Context())
		defer p.stop()
		const seconds = 10
		for i := range int64(100 * seconds) {
			p.put(pullpass.StatusUpdate{Status: []pullpass.ServiceStatus{{Pull: &pullpass.Progress{BytesDone: i}}}})
			<-time.After(10 * time.Millisecond)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if n := len(server.got); n > 5*seconds+1 || n < 4*seconds {
			t.Errorf("%d reports in %d s, want about 5 a second", n, seconds)
		}
		if last := server.got[len(server.got)-1].Status[0].Pull.BytesDone; last != 100*seconds-1 {
			t.Errorf("the last report is number %d", last)
		}

		before := len(server.got)
		for i := range int64(3) { // no time passes between news and its report
			p.put(pullpass.StatusUpdate{Start: i + 1})
			synctest.Wait()
		}
		if n := len(server.got) - before; n != 3 {
			t.Errorf("%d of 3 reports with news were sent at once", n)
		}

		server.fail(errors.New("away"))
		p.put(pullpass.StatusUpdate{Start: 5000})
		<-time.After(time.Minute)
		synctest.Wait()
		server.fail(nil)
		<-time.After(time.Minute)
		synctest.Wait()
		if last := server.got[len(server.got)-1]; last.Start != 5000 {
			t.Errorf("after the server came back the last report is number %d, want 5000", last.Start)
		}
	})
}

func TestTail(t *testing.T) {
	var l tail
	write := func(s string) { _, _ = l.Write([]byte(s)) }
	check := func(offset int64, data string) {
		t.Helper()
		if o, d := l.unsent(); o != offset || string(d) != data {
			t.Errorf("unsent() = %d, %d bytes, want %d, %d bytes", o, len(d), offset, len(data))
		}
	}
	check(0, "")
	write("hello")
	check(0, "hello")
	l.delivered(3)
	check(3, "lo")
	l.delivered(5)
	check(5, "")
	long := strings.Repeat("x", outputKept) + "end"
	write(long)
	check(8, long[3:]) // the oldest three bytes are dropped
	l.rewind()
	check(0, "")
	write("hello")
	check(5, "") // sent before the rewind
	write(long)
	check(8, long[3:])
}

// An engine keeps the end of a long output only: a reading of what is left begins
// where nobody can say. What is new arrives all the same.
func TestTailOfAnOutputWhoseBeginningIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, successor tail
		write := func(l *tail, n int, end string) {
			_, _ = l.Write([]byte(strings.Repeat("x", n) + end))
		}
		server := int64(0) // the end of what the server has
		deliver := func(l *tail, want string) {
			t.Helper()
			offset, data := l.unsent()
			if end := offset + int64(len(data)); end <= server {
				t.Errorf("%q ends at %d, and the server has up to %d: it is ignored", want, end, server)
			} else {
				server = end
			}
			if !strings.HasSuffix(string(data), want) {
				t.Errorf("delivered %d bytes that do not end in %q", len(data), want)
			}
			l.delivered(offset + int64(len(data)))
		}
		write(&first, 50<<20, "first")
		deliver(&first, "first")
		write(&first, 100, "second")
		deliver(&first, "second")
		<-time.After(time.Second)
		write(&successor, 3<<20, "third") // what the engine has kept
		deliver(&successor, "third")
		<-time.After(time.Second)
		successor.rewind() // the engine was away
		write(&successor, 2<<20, "fourth")
		deliver(&successor, "fourth")
	})
}

func TestPhase(t *testing.T) {
	code := func(n int) *int { return &n }
	running := pullpass.ServiceStatus{State: pullpass.ServiceRunning}
	pulling := pullpass.ServiceStatus{State: pullpass.ServicePulling}
	clean := pullpass.ServiceStatus{State: pullpass.ServiceExited, ExitCode: code(0)}
	broken := pullpass.ServiceStatus{State: pullpass.ServiceExited, ExitCode: code(1)}
	failed := []pullpass.Condition{{Code: CodePullDenied, Severity: pullpass.SeverityError}}
	warned := []pullpass.Condition{{Code: CodeUnscoped, Severity: pullpass.SeverityWarning}}
	type states = []pullpass.ServiceStatus
	for _, test := range []struct {
		wanted     pullpass.Wanted
		status     states
		conditions []pullpass.Condition
		want       pullpass.Phase
	}{
		{pullpass.WantedRunning, states{running, running}, nil, pullpass.PhaseRunning},
		{pullpass.WantedRunning, states{running, running}, warned, pullpass.PhaseRunning},
		{pullpass.WantedRunning, states{running, pulling}, nil, pullpass.PhaseStarting},
		{pullpass.WantedRunning, states{running, pulling}, failed, pullpass.PhaseFailed},
		{pullpass.WantedRunning, states{running, clean}, nil, pullpass.PhaseRunning},
		{pullpass.WantedRunning, states{clean, clean}, nil, pullpass.PhaseStopped},
		{pullpass.WantedRunning, states{clean, broken}, nil, pullpass.PhaseFailed},
		{pullpass.WantedStopped, states{running}, nil, pullpass.PhaseStopping},
		{pullpass.WantedStopped, states{clean}, nil, pullpass.PhaseStopped},
		{pullpass.WantedStopped, states{clean}, failed, pullpass.PhaseStopping},
		{pullpass.WantedDeleted, states{running}, nil, pullpass.PhaseDeleting},
	} {
		if got := phase(test.wanted, test.status, test.conditions); got != test.want {
			t.Errorf("phase(%s, %+v, %+v) = %s, want %s", test.wanted, test.status, test.conditions, got, test.want)
		}
	}
}

func TestCondition(t *testing.T) {
	now := time.Unix(1, 0)
	inner := &pullpass.Error{What: "asking", Cause: "it says no", Hint: "ask again"}
	for _, test := range []struct {
		err  error
		want pullpass.Condition
	}{
		{errors.New("plain"), pullpass.Condition{Code: "step", What: "plain"}},
		{&pullpass.Error{Code: "own", What: "w", Cause: "c", Hint: "h"}, pullpass.Condition{Code: "own", What: "w", Cause: "c", Fix: "h"}},
		{&pullpass.Error{What: "w", Err: errors.New("e")}, pullpass.Condition{Code: "step", What: "w", Cause: "e"}},
		{&pullpass.Error{Err: errors.New("e")}, pullpass.Condition{Code: "step", What: "e"}},
		{&pullpass.Error{What: "w", Err: inner}, pullpass.Condition{Code: "step", What: "w", Cause: "asking: it says no", Fix: "ask again"}},
		{fmt.Errorf("outer: %w", inner), pullpass.Condition{Code: "step", What: "asking", Cause: "it says no", Fix: "ask again"}},
	} {
		test.want.Severity, test.want.Service, test.want.At = pullpass.SeverityError, "app", now
		if diff := cmp.Diff(test.want, condition(test.err, "app", "step", now)); diff != "" {
			t.Errorf("condition(%v): %s", test.err, diff)
		}
	}
}

func TestLosses(t *testing.T) {
	now := time.Unix(1000, 0)
	l := losses{unwatched: true}
	check := func(container string, want bool, when string) {
		t.Helper()
		if got := l.again(container, now); got != want {
			t.Errorf("%s: again(%s) = %v, want %v", when, container, got, want)
		}
	}
	l.look(now)
	l.made("new")
	check("new", false, "made while we watch")
	check("old", true, "found ended")
	check("old", true, "ended while the engine settles")
	check("old", false, "ended a third time")
	now = now.Add(settling + time.Second)
	check("other", false, "after the engine has settled")
	l.unwatch()
	l.look(now)
	check("new", true, "after another loss")
}
