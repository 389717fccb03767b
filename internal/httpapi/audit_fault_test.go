package httpapi_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
)

// answerWithin is what is promised: a caller whose request cannot be recorded
// knows it by then.
const answerWithin = 2 * time.Second

// office is a server with the real broker and the real door; only what is between
// the door and the database can be made to fail.
type office struct {
	*world
	faults *faults
	path   string
	body   string // asks for the credential of a registry with a password
	token  string
	org    pullpass.OrganizationID
}

// faults stands between the door and the store.
type faults struct {
	audit.Store
	append atomic.Pointer[func(context.Context, []pullpass.Event) ([]pullpass.Event, error)]
}

func (f *faults) AppendEvents(ctx context.Context, events []pullpass.Event) ([]pullpass.Event, error) {
	if do := f.append.Load(); do != nil {
		return (*do)(ctx, events)
	}
	return f.Store.AppendEvents(ctx, events)
}

func newOffice(t *testing.T, o audit.Options) *office {
	t.Helper()
	keyFile, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	w := &world{t: t, log: &logbook{}, clock: &clock{}, dir: t.TempDir()}
	f := &office{world: w, path: filepath.Join(w.dir, "pullpass.db")}
	w.db, err = sqlite.Open(t.Context(), f.path, seal.NewKeyring(keyFile), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	f.faults = &faults{Store: w.db}
	door := audit.NewDoor(f.faults, o)
	t.Cleanup(func() { _ = door.Close() }) // a hanging store does not let it close in time
	b, err := broker.New(broker.Options{Store: w.db, Auditor: door})
	must(t, err)
	t.Cleanup(b.Close)
	w.Server, err = httpapi.New(httpapi.Options{Store: w.db, Issuer: b, Auditor: door})
	must(t, err)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.setup, err = w.SetupToken(t.Context())
	must(t, err)
	owner := w.first()
	p := owner.project("payments")
	r := owner.basic(p.ID, "hub")
	f.org, f.token = owner.org, owner.token.Reveal()
	f.body = fmt.Sprintf(`{"project":%q,"host":%q,"repository":"team/app"}`, p.ID, r.Host)
	if got := f.ask(answerWithin); got.status != http.StatusOK || !strings.Contains(got.body, canary) {
		t.Fatalf("while everything works: %d %s, want the password: the test would prove nothing", got.status, got.body)
	}
	return f
}

// ask asks for the credential; an answer that is not there in time has status 0.
func (f *office) ask(within time.Duration) reply {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+api.PathCredentials, strings.NewReader(f.body))
	must(f.t, err)
	req.Header.Set("Authorization", "Bearer "+f.token)
	req.Header.Set("Content-Type", api.ContentType)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{body: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{body: err.Error()}
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// refused wants n requests at once to end in 503, in time, with nothing in them.
func (f *office) refused(n int) {
	f.t.Helper()
	answers := make([]reply, n)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = f.ask(answerWithin) })
	}
	all.Wait()
	leaked := 0
	for _, got := range answers {
		if strings.Contains(got.body, canary) || got.status == http.StatusOK {
			leaked++
		}
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			f.t.Errorf("answered %d %s, want 503 within %s", got.status, got.body, answerWithin)
		}
	}
	if leaked > 0 {
		f.t.Errorf("%d of %d credentials left without a record", leaked, n)
	}
}

func TestAuditStoreFails(t *testing.T) {
	forever := make(chan struct{})
	for _, test := range []struct {
		name   string
		door   audit.Options
		append func(context.Context, []pullpass.Event) ([]pullpass.Event, error)
	}{
		{"fails", audit.Options{}, func(context.Context, []pullpass.Event) ([]pullpass.Event, error) {
			return nil, errors.New("input/output error")
		}},
		{"hangs until it is told to stop", audit.Options{}, func(ctx context.Context, _ []pullpass.Event) ([]pullpass.Event, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		{"hangs whatever it is told", audit.Options{}, func(context.Context, []pullpass.Event) ([]pullpass.Event, error) {
			<-forever
			return nil, errors.New("too late")
		}},
		{"hangs, and its queue is full", audit.Options{Queue: 1, Batch: 1}, func(context.Context, []pullpass.Event) ([]pullpass.Event, error) {
			<-forever
			return nil, errors.New("too late")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newOffice(t, test.door)
			f.faults.append.Store(&test.append)
			f.refused(16)
			if strings.HasPrefix(test.name, "hangs, ") || strings.HasPrefix(test.name, "hangs whatever") {
				return // what hangs for ever does not come back
			}
			f.faults.append.Store(nil)
			// A transaction that hung when the store came back first has to give up.
			got := f.ask(answerWithin * 5)
			for tries := 0; got.status == http.StatusServiceUnavailable && tries < 10; tries++ {
				got = f.ask(answerWithin * 5)
			}
			if got.status != http.StatusOK {
				t.Errorf("when the store works again: %d %s, want success", got.status, got.body)
			}
		})
	}
	close(forever)
}

// The database is really full: what was issued has its record, the rest nothing.
func TestAuditStoreFull(t *testing.T) {
	f := newOffice(t, audit.Options{})
	write := f.db.Schema().Write
	var pages int
	must(t, write.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	_, err := write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	must(t, err)
	issued, full := 1, false // one before it was full
	for range 2000 {
		got := f.ask(answerWithin)
		switch {
		case got.status == http.StatusOK:
			issued++
		case got.status != http.StatusServiceUnavailable, strings.Contains(got.body, canary):
			t.Fatalf("answered %d %s, want 503", got.status, got.body)
		}
		if full = got.status != http.StatusOK; full {
			break
		}
	}
	if !full {
		t.Fatal("the database never filled up: the test proves nothing")
	}
	f.refused(16)
	records, err := f.db.Events(t.Context(), f.org, pullpass.EventFilter{Action: "credential.issue", Decision: pullpass.DecisionAllowed}, pullpass.Page{Limit: pullpass.MaxPage})
	must(t, err)
	if records.Next == "" && len(records.Items) != issued {
		t.Errorf("%d credentials left, %d records say so", issued, len(records.Items))
	}
}

// Another process holds the database's lock, as a backup gone wrong would.
func TestAuditStoreLocked(t *testing.T) {
	f := newOffice(t, audit.Options{})
	other, err := sql.Open("sqlite", f.path)
	must(t, err)
	defer func() { _ = other.Close() }()
	conn, err := other.Conn(t.Context())
	must(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	must(t, err)
	f.refused(16)
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, conn.Close())
	if got := f.ask(answerWithin * 5); got.status != http.StatusOK {
		t.Errorf("when the lock is gone: %d %s, want success", got.status, got.body)
	}
}
