package doctor_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/doctor"
)

// said is one message of testdata/messages.txt.
type said struct{ code, holds, text string }

// messages reads the corpus: a line "== code | text that cause or fix must hold", then
// the message. No code means that no cause can be told from the message.
func messages(t *testing.T) []said {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []said
	for block := range strings.SplitSeq("\n"+string(text), "\n==") {
		head, body, _ := strings.Cut(block, "\n")
		if body = strings.TrimSpace(body); body == "" {
			continue
		}
		code, holds, _ := strings.Cut(head, "|")
		all = append(all, said{strings.TrimSpace(code), strings.TrimSpace(holds), body})
	}
	if len(all) < 100 {
		t.Fatalf("testdata/messages.txt has %d messages, want at least 100", len(all))
	}
	return all
}

func TestExplain(t *testing.T) {
	for _, m := range messages(t) {
		got, ok := doctor.Explain(m.text)
		if got.Code != m.code || ok != (m.code != "") {
			t.Errorf("Explain(%q) = %q, %v, want %q", m.text, got.Code, ok, m.code)
		}
		if !strings.Contains(got.Cause+" "+got.Fix, m.holds) {
			t.Errorf("Explain(%q)\ncause: %s\nfix: %s\nwant %q in it", m.text, got.Cause, got.Fix, m.holds)
		}
		if !ok && doctor.WouldTell(m.text) == "" {
			t.Errorf("WouldTell(%q) asks for nothing", m.text)
		}
	}
}

// A row that only text leads to needs a text that leads to it.
func TestEveryTextRowHasAMessage(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range messages(t) {
		seen[m.code] = true
	}
	for _, s := range doctor.Symptoms() {
		if s.FromText && !seen[s.Code] {
			t.Errorf("no message of testdata/messages.txt leads to %s", s.Code)
		}
	}
}

// What surrounds a message (a log's time, a wrapper, another line order) does not
// change what it means.
func TestWrappedMessagesMeanTheSame(t *testing.T) {
	for _, m := range messages(t) {
		if m.code == "" {
			continue
		}
		for _, wrap := range []func(string) string{
			func(s string) string { return "2026-11-28T10:00:00Z ERROR " + s },
			func(s string) string { return "Warning  Failed  3s (x2 over 17s)  kubelet  " + s },
			func(s string) string { return "#7 ERROR: " + s + "\n------\n > [internal] load metadata:\n------\n" },
		} {
			if got, _ := doctor.Explain(wrap(m.text)); got.Code != m.code {
				t.Errorf("Explain(%q) = %q, want %q as without the wrapping", wrap(m.text), got.Code, m.code)
			}
		}
	}
}
