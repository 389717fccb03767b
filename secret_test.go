package pullpass_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

const canary = "canary-7f3a-do-not-print"

func TestSecretDoesNotPrintItself(t *testing.T) {
	type holder struct {
		Exported pullpass.Secret
		hidden   pullpass.Secret
		pointer  *pullpass.Secret
	}
	s := pullpass.NewSecret(canary)
	values := map[string]any{
		"value": s, "pointer": &s, "slice": []pullpass.Secret{s},
		"map":    map[string]pullpass.Secret{"k": s},
		"struct": holder{s, s, &s}, "credential": pullpass.Credential{Secret: s},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %s gives the secret away: %s", verb, name, out)
			}
		}
		if out, _ := json.Marshal(v); bytes.Contains(out, []byte(canary)) {
			t.Errorf("JSON of %s gives the secret away: %s", name, out)
		}
		if out, _ := xml.Marshal(v); bytes.Contains(out, []byte(canary)) {
			t.Errorf("XML of %s gives the secret away: %s", name, out)
		}
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(handler(&b)).Error("x", "v", v)
			if strings.Contains(b.String(), canary) {
				t.Errorf("log of %s gives the secret away: %s", name, b.String())
			}
		}
	}
	if s.Reveal() != canary {
		t.Errorf("Reveal() = %q, want the secret", s.Reveal())
	}
}

func TestSecretComparesAndIsEmpty(t *testing.T) {
	a, b := pullpass.NewSecret("a"), pullpass.NewSecret("b")
	if !a.Equal(pullpass.NewSecret("a")) || a.Equal(b) || a.Equal(pullpass.Secret{}) {
		t.Error("Equal tells secrets apart wrongly")
	}
	if !(pullpass.Secret{}).Empty() || !pullpass.NewSecret("").Empty() || a.Empty() {
		t.Error("Empty is wrong")
	}
}
