package egress

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
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
