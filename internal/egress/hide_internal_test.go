package egress

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullpass/pullpass"
)

// A name that is hidden is answered at the next quarter of a second since the
// request began, however long the look-up took.
func TestHiddenNamesAreAnsweredInSteps(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 250 * time.Millisecond, 100 * time.Millisecond: 250 * time.Millisecond, 250 * time.Millisecond: 500 * time.Millisecond, 600 * time.Millisecond: 750 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &Client{hideNames: func(string, error) {}}
			began := time.Now().Add(-took)
			_ = c.hide(t.Context(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example/", nil), errForbidden, began)
			if got := time.Since(began); got != want {
				t.Errorf("after %v it is answered at %v, want %v", took, got, want)
			}
		})
	}
}

// An address with a user name is refused, also where everything else of it is allowed:
// its password would go wherever the address leads.
func TestUserNamesAreRefusedForWhatTheyAre(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is asked") }))
	defer s.Close()
	c, err := New(Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, user := range []string{"ada", "ada:canary", ":canary", ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(s.URL, "://", "://"+user+"@", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if !pullpass.IsKind(err, pullpass.Denied) || strings.Contains(pullpass.Explain(err), "canary") {
			t.Errorf("Do(%q) = %v, want Denied", req.URL.Redacted(), err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}
