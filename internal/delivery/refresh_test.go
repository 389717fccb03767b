package delivery_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/delivery"
)

// numbered issues logins with a number, for a life; some hosts fail.
type numbered struct {
	now    *time.Time
	life   map[string]time.Duration
	failed map[string]bool
	n      map[string]int
}

func (i *numbered) Credential(_ context.Context, host string) (pullpass.Credential, error) {
	i.n[host]++
	if i.failed[host] {
		return pullpass.Credential{}, errors.New("no login for " + host)
	}
	c := pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret(fmt.Sprint(host, "-", i.n[host]))}
	if life := i.life[host]; life > 0 {
		c.Expires = i.now.Add(life)
	}
	return c, nil
}

// refreshing is a Refresher whose clock goes on when it waits.
func refreshing(t *testing.T, random float64) (*delivery.Refresher, *numbered, *time.Time) {
	t.Helper()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	issuer := &numbered{now: &now, life: map[string]time.Duration{}, failed: map[string]bool{}, n: map[string]int{}}
	r := &delivery.Refresher{
		Path:   filepath.Join(t.TempDir(), "config.json"),
		Wanted: delivery.Wanted{Form: delivery.FormDocker, Hosts: hosts(t, "a.example", "b.example"), Issuer: issuer},
		Now:    func() time.Time { return now },
		Random: func() float64 { return random },
	}
	return r, issuer, &now
}

func holds(t *testing.T, path, host string, n int) bool {
	t.Helper()
	return strings.Contains(read(t, path), base64.StdEncoding.EncodeToString([]byte(fmt.Sprint("AWS:", host, "-", n))))
}

// Each login is replaced at half of its life, give or take a tenth, and never after its
// end; the file always holds the newest of each.
func TestRefreshFollowsExpiry(t *testing.T) {
	for _, random := range []float64{0, 0.5, 1} {
		r, issuer, now := refreshing(t, random)
		issuer.life = map[string]time.Duration{"a.example": 12 * time.Hour, "b.example": time.Hour}
		start := *now
		var waits []time.Duration
		r.Report = func(f delivery.Refreshed) {
			life := f.Expires.Sub(*now)
			if after := f.Next.Sub(*now); after < life*45/100 || after > life*55/100 {
				t.Errorf("%s with a life of %s is asked for after %s", f.Host, life, after)
			}
		}
		r.Wait = func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			*now = now.Add(d)
			if now.Sub(start) > 24*time.Hour {
				return context.Canceled
			}
			return nil
		}
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b := issuer.n["a.example"], issuer.n["b.example"]; a < 4 || a > 5 || b < 43 || b > 55 {
			t.Errorf("within a day: %d and %d times, want about 4 and 48", a, b)
		}
		for _, host := range []string{"a.example", "b.example"} {
			if !holds(t, r.Path, host, issuer.n[host]) {
				t.Errorf("the file does not hold the newest login of %s: %s", host, read(t, r.Path))
			}
		}
		for _, d := range waits {
			if d <= 0 {
				t.Errorf("it waits %s, which is no waiting", d)
			}
		}
	}
}

// A host without an answer keeps its login, is asked again later and later, and the
// others go on.
func TestRefreshSurvivesFailures(t *testing.T) {
	r, issuer, now := refreshing(t, 0.5)
	issuer.life = map[string]time.Duration{"a.example": 12 * time.Hour, "b.example": 12 * time.Hour}
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer.failed["a.example"] = true
	var delays []time.Duration
	r.Report = func(f delivery.Refreshed) {
		if f.Err != nil {
			delays = append(delays, f.Next.Sub(*now))
		}
	}
	for range 10 {
		*now = now.Add(7 * time.Hour)
		if err := r.Once(t.Context()); err == nil || !strings.Contains(err.Error(), "a.example") {
			t.Errorf("Once = %v, want the host's error", err)
		}
	}
	if n := issuer.n["b.example"]; n != 11 {
		t.Errorf("the other host was asked for %d times, want each time", n)
	}
	if !holds(t, r.Path, "a.example", 1) || !holds(t, r.Path, "b.example", issuer.n["b.example"]) {
		t.Errorf("the file is %s", read(t, r.Path))
	}
	for i := 1; i < len(delays); i++ {
		if delays[i] < delays[i-1] || delays[i] > 6*time.Minute {
			t.Errorf("it is asked again after %v", delays)
			break
		}
	}
	issuer.failed["a.example"] = false
	*now = now.Add(7 * time.Hour)
	if err := r.Once(t.Context()); err != nil || !holds(t, r.Path, "a.example", issuer.n["a.example"]) {
		t.Errorf("after it is well again: %v, %s", err, read(t, r.Path))
	}
}

// What is not due is not asked for, a stop is no error, and a helper that would be asked
// instead is said.
func TestRefreshAsksOnlyWhatIsDue(t *testing.T) {
	r, issuer, _ := refreshing(t, 0.5)
	for range 3 {
		if err := r.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if issuer.n["a.example"] != 1 {
		t.Errorf("asked %d times at one moment, want once", issuer.n["a.example"])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Errorf("Run after a stop = %v", err)
	}
	r, _, _ = refreshing(t, 0.5)
	write(t, r.Path, `{"credsStore":"desktop"}`, 0o600)
	if err := r.Once(t.Context()); err == nil || !strings.Contains(err.Error(), "desktop") {
		t.Errorf("with another helper: %v", err)
	}
}
