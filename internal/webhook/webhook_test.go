package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/seal"
	"github.com/pullpass/pullpass/internal/store"
	"github.com/pullpass/pullpass/internal/store/sqlite"
	"github.com/pullpass/pullpass/internal/webhook"
)

// post is a real store, a real receiver, and the egress client between them.
type post struct {
	t     *testing.T
	db    *store.DB
	org   pullpass.OrganizationID
	clock *clock
	*receiver
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{t: t, clock: &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	key, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	p.must(err)
	p.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "pullpass.db"), seal.NewKeyring(key), store.Options{Now: p.clock.now})
	p.must(err)
	t.Cleanup(func() { p.must(p.db.Close()) })
	org, err := p.db.CreateOrganization(t.Context(), pullpass.Organization{Name: "acme"})
	p.must(err)
	p.org = org.ID
	p.receiver = &receiver{post: p, got: make(chan int, 1000)}
	server := httptest.NewServer(p.receiver)
	t.Cleanup(server.Close)
	p.url = server.URL + "/in"
	return p
}

func (p *post) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) sender(allow ...string) webhook.Sender {
	p.t.Helper()
	out, err := egress.New(egress.Options{Allow: allow})
	p.must(err)
	p.t.Cleanup(out.Close)
	return webhook.Sender{HTTP: out, Now: p.clock.now}
}

func (p *post) allowed() webhook.Sender {
	return p.sender(strings.TrimSuffix(strings.TrimPrefix(p.url, "http://"), "/in"))
}

func (p *post) set(url string) {
	p.t.Helper()
	_, err := p.db.SetWebhook(p.t.Context(), webhook.Hook{Organization: p.org, URL: url, Secret: secret})
	p.must(err)
}

func (p *post) hook() webhook.Hook {
	p.t.Helper()
	h, err := p.db.Webhook(p.t.Context(), p.org)
	p.must(err)
	return h
}

func (p *post) record(n int) {
	p.t.Helper()
	for range n {
		_, err := p.db.AppendEvents(p.t.Context(), []pullpass.Event{{Organization: p.org, At: time.Now(), Action: "registry.update", Decision: pullpass.DecisionAllowed}})
		p.must(err)
	}
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var secret = pullpass.NewSecret("ppwh_canary-5d1e")

// receiver takes deliveries, checks each as a careful one would, and notes the
// records in the order in which they came.
type receiver struct {
	post *post
	url  string
	got  chan int // how many records each delivery had

	mu      sync.Mutex
	records []int64
	refuse  []int // statuses for the next deliveries
	raw     bytes.Buffer
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.post.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.raw.Write(body)
	if err := webhook.Verify(secret, req.Header, body, r.post.clock.now()); err != nil {
		r.post.t.Errorf("a delivery does not verify: %v", err)
	}
	if len(r.refuse) > 0 {
		status := r.refuse[0]
		r.refuse = r.refuse[1:]
		w.Header().Set("Location", r.url+"/elsewhere")
		w.WriteHeader(status)
		return
	}
	var d webhook.Delivery
	if err := json.Unmarshal(body, &d); err != nil || d.Organization != r.post.org || req.URL.Path != "/in" {
		r.post.t.Errorf("a delivery to %s: %v %+v", req.URL.Path, err, d)
	}
	for _, e := range d.Events {
		r.records = append(r.records, e.Sequence)
	}
	r.got <- len(d.Events)
}

func (r *receiver) order() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64{}, r.records...)
}

func (p *post) wantOrder(n int) {
	p.t.Helper()
	got := p.order()
	if len(got) != n {
		p.t.Errorf("the receiver has %d records, want %d", len(got), n)
	}
	for i, sequence := range got {
		if sequence != int64(i+1) {
			p.t.Fatalf("record %d came at place %d: %v", sequence, i+1, got)
		}
	}
}

// Two servers with several workers each: all records, in order, each once while
// nothing fails.
func TestDeliversInOrder(t *testing.T) {
	p := newPost(t)
	p.set(p.url)
	const n = 250
	ctx, stop := context.WithCancel(t.Context())
	var servers sync.WaitGroup
	for range 2 {
		d := webhook.New(webhook.Options{Store: p.db, Sender: p.allowed(), Batch: 7, Every: time.Millisecond})
		servers.Go(func() { d.Run(ctx) })
	}
	p.record(n)
	for left := n; left > 0; {
		select {
		case k := <-p.got:
			left -= k
		case <-time.After(30 * time.Second):
			t.Fatalf("%d records did not come", left)
		}
	}
	for limit := time.Now().Add(30 * time.Second); p.hook().Delivered < n; {
		if time.Now().After(limit) {
			t.Fatalf("the position stays at %d", p.hook().Delivered)
		}
	}
	stop()
	servers.Wait()
	p.wantOrder(n)
	if h := p.hook(); h.Delivered != n || h.State() != "active" {
		t.Errorf("hook = %+v, want %d delivered", h, n)
	}
	if strings.Contains(p.raw.String(), secret.Reveal()) {
		t.Error("the deliveries hold the secret")
	}
}

// A receiver that fails is tried again, ever less often, from where it stood; at
// last the hook is paused, and goes on when it is resumed.
func TestRetriesAndPauses(t *testing.T) {
	p := newPost(t)
	p.set(p.url)
	p.record(3)
	d := webhook.New(webhook.Options{Store: p.db, Sender: p.allowed()})
	once := func(want bool) {
		t.Helper()
		served, err := d.Once(t.Context(), "one")
		if err != nil || served != want {
			t.Fatalf("Once = %v, %v, want %v", served, err, want)
		}
	}
	p.refuse = []int{500, 301, 404}
	var pauses []time.Duration
	for i, status := range []string{"500", "301", "404"} {
		once(true)
		h := p.hook()
		if h.State() != "failing" || h.Failures != i+1 || !strings.Contains(h.Problem, "status "+status) || h.Delivered != 0 {
			t.Errorf("after %s: hook = %+v", status, h)
		}
		once(false) // not yet due
		pauses = append(pauses, h.NextAt.Sub(p.clock.now()))
		p.clock.forward(h.NextAt.Sub(p.clock.now()))
	}
	if pauses[2] <= pauses[0] {
		t.Errorf("the pauses are %v, want them to grow", pauses)
	}
	once(true)
	p.wantOrder(3)
	if h := p.hook(); h.State() != "active" || h.Problem != "" || h.Delivered != 3 {
		t.Errorf("after it worked: hook = %+v", h)
	}
	p.record(1)
	for i := 0; p.hook().State() != "paused"; i++ {
		p.mu.Lock()
		p.refuse = []int{503}
		p.mu.Unlock()
		once(true)
		p.clock.forward(time.Hour)
		if i > 30 {
			t.Fatal("a hook that fails for more than a day is not paused")
		}
	}
	once(false)
	p.must(p.db.ResumeWebhook(t.Context(), p.org))
	once(true)
	p.wantOrder(4)
}

// The delivery whose answer is lost is made again: at least once, and in order.
func TestAtLeastOnce(t *testing.T) {
	p := newPost(t)
	p.set(p.url)
	p.record(2)
	broken := webhook.New(webhook.Options{Store: lossy{p.db}, Sender: p.allowed()})
	if _, err := broken.Once(t.Context(), "dies"); err == nil {
		t.Error("Once succeeded although the position could not be kept")
	}
	other := webhook.New(webhook.Options{Store: p.db, Sender: p.allowed()})
	if served, err := other.Once(t.Context(), "two"); served || err != nil {
		t.Errorf("Once = %v, %v while another holds the lease", served, err)
	}
	p.clock.forward(2 * time.Minute)
	if served, err := other.Once(t.Context(), "two"); !served || err != nil {
		t.Errorf("Once = %v, %v after the lease", served, err)
	}
	if got := p.order(); len(got) != 4 || got[0] != 1 || got[1] != 2 || got[2] != 1 || got[3] != 2 {
		t.Errorf("the receiver got %v, want 1 2 1 2", got)
	}
}

// lossy forgets that something was delivered.
type lossy struct{ *store.DB }

func (lossy) WebhookDelivered(context.Context, webhook.Hook, string, int64) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, What: "the server was killed"}
}

// An address that is not the tenant's to reach is dialled by nobody.
func TestRefusesInnerAddresses(t *testing.T) {
	p := newPost(t)
	p.record(1)
	for _, url := range []string{p.url, "http://169.254.169.254/latest/meta-data/", "https://[::1]:1/", "http://localhost:" + p.url[strings.LastIndexByte(p.url, ':')+1:]} {
		p.set(url)
		d := webhook.New(webhook.Options{Store: p.db, Sender: p.sender()})
		if _, err := d.Once(t.Context(), "one"); err != nil {
			t.Errorf("%s: Once: %v", url, err)
		}
		h := p.hook()
		if h.State() != "failing" || !strings.Contains(h.Problem, "public internet") && !strings.Contains(h.Problem, "plain http") && !strings.Contains(h.Problem, "host") {
			t.Errorf("%s: hook = %+v, want it refused", url, h)
		}
	}
	if got := p.order(); len(got) != 0 {
		t.Errorf("the receiver on loopback got %v, want nothing", got)
	}
}

func TestCheckURL(t *testing.T) {
	for url, want := range map[string]bool{
		"https://siem.example.com/in?source=pullpass": true, "http://siem.example.com/": true,
		"": false, "siem.example.com": false, "ftp://siem.example.com/": false, "https://user:pass@siem.example.com/": false,
		"https://siem.example.com/#x": false, "https:///in": false, "https://siem.example.com/a b": false, "https://siem.example.com/\r\nX: y": false,
		"file:///etc/passwd": false, "https://" + strings.Repeat("a", 3000): false,
	} {
		if got := webhook.CheckURL(url) == nil; got != want {
			t.Errorf("CheckURL(%q) taken = %v, want %v", url, got, want)
		}
	}
}

func TestVerify(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"events":[]}`)
	for _, test := range []struct {
		name   string
		change func(http.Header, *[]byte)
		at     time.Time
		want   bool
	}{
		{"as it was sent", func(http.Header, *[]byte) {}, now, true},
		{"a little later", func(http.Header, *[]byte) {}, now.Add(webhook.Tolerance), true},
		{"much later", func(http.Header, *[]byte) {}, now.Add(webhook.Tolerance + time.Second), false},
		{"from the future", func(http.Header, *[]byte) {}, now.Add(-webhook.Tolerance - time.Second), false},
		{"another body", func(_ http.Header, b *[]byte) { *b = []byte(`{"events":[1]}`) }, now, false},
		{"another time", func(h http.Header, _ *[]byte) {
			h.Set(webhook.HeaderTimestamp, strconv.FormatInt(now.Unix()+1, 10))
		}, now, false},
		{"no time", func(h http.Header, _ *[]byte) { h.Del(webhook.HeaderTimestamp) }, now, false},
		{"no signature", func(h http.Header, _ *[]byte) { h.Del(webhook.HeaderSignature) }, now, false},
		{"an empty signature", func(h http.Header, _ *[]byte) { h.Set(webhook.HeaderSignature, "v1=") }, now, false},
		{"another version", func(h http.Header, _ *[]byte) {
			h.Set(webhook.HeaderSignature, strings.Replace(h.Get(webhook.HeaderSignature), "v1=", "v0=", 1))
		}, now, false},
	} {
		h, b := http.Header{}, bytes.Clone(body)
		webhook.Sign(secret, h, b, now)
		test.change(h, &b)
		if err := webhook.Verify(secret, h, b, test.at); (err == nil) != test.want {
			t.Errorf("%s: Verify = %v, want taken: %v", test.name, err, test.want)
		}
	}
	h := http.Header{}
	webhook.Sign(pullpass.NewSecret("another"), h, body, now)
	if err := webhook.Verify(secret, h, body, now); err == nil {
		t.Error("Verify took the signature of another secret")
	}
}
