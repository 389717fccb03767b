package oci_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

// A manifest has at most 4 MiB, as the distribution specification says: the largest
// is read, and of a longer one nobody reads more.
func TestManifestsAreBounded(t *testing.T) {
	for extra, want := range map[int]string{0: "content_refused", 1: "answer_too_long"} {
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				return
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			text := `{"schemaVersion":2}` // no config: refused, once it is read
			_, _ = io.WriteString(w, text)
			w.(http.Flusher).Flush() // its length is not announced
			_, _ = io.WriteString(w, strings.Repeat(" ", 4<<20-len(text)+extra))
		}))
		_, err := clientFor(t, s.URL, s).Resolve(t.Context(), image(t, "registry.test/team/app:1"), login)
		var e *pullpass.Error
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("a manifest of 4 MiB and %d bytes: %v, want %s", extra, fmt.Sprint(err), want)
		}
	}
}
