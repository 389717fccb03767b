package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

// escapes is what a hostile container or registry has its runner report.
const escapes = "a\x1b]52;c;cm0gLXJm\x07b\x1b[2Jc\u009b31md\u202ee\u2066f\x7fg\rh"

// TestReportsCarryNoTerminalEscapes has a runner put escape sequences into every
// text that it may report: joining, heartbeat and status. Nothing of them comes
// back to whoever reads, through any route.
func TestReportsCarryNoTerminalEscapes(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("app")
	o.basic("", "hub")
	place, joinToken, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	must(t, err)
	hostile := pullpass.RunnerReport{
		Version: escapes, Phase: pullpass.RunnerActive, Message: escapes, AWSClaim: escapes, Capabilities: []string{escapes},
	}
	joined, token, err := w.anonymous().Join(t.Context(), joinToken, pullpass.RunnerDocker, hostile)
	must(t, err)
	own := w.as(token)
	beat, err := own.Heartbeat(t.Context(), hostile)
	must(t, err)
	e := o.environment(p.ID, place.ID, "env")
	reported, err := own.ReportStatus(t.Context(), e.ID, pullpass.StatusUpdate{
		Start: e.Start, Phase: pullpass.PhaseFailed,
		Status:     []pullpass.ServiceStatus{{Name: escapes, State: pullpass.ServiceExited, Digest: escapes}},
		Conditions: []pullpass.Condition{{Code: escapes, Severity: pullpass.SeverityError, What: escapes, Cause: escapes + "\nsecond line", Fix: escapes}},
	})
	must(t, err)
	read, err := o.Environment(t.Context(), e.ID)
	must(t, err)
	for name, v := range map[string]any{"join": joined, "heartbeat": beat, "status": reported, "environment": read} {
		text, err := json.Marshal(v)
		must(t, err)
		var back any
		must(t, json.Unmarshal(text, &back))
		for _, s := range texts(back) {
			if !printable.Only(strings.ReplaceAll(s, "\n", "")) {
				t.Errorf("%s: %q comes back", name, s)
			}
		}
	}
	if !strings.Contains(read.Conditions[0].Cause, "\nsecond line") {
		t.Errorf("the cause is %q: its second line is gone", read.Conditions[0].Cause)
	}
}

// texts are all strings of a JSON value, keys included.
func texts(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			list = append(list, texts(item)...)
		}
	case map[string]any:
		for key, item := range v {
			list = append(append(list, key), texts(item)...)
		}
	}
	return list
}
