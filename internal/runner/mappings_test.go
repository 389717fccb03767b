package runner_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/runner"
)

// The server's mappings hold below the runner's own, and where they lead to the same
// place from its machine; where they are not used, an error says which one it lacks.
func TestMappingsOfTheServer(t *testing.T) {
	own := reference.Mapping{Host: "own.example", RegistryURL: "https://a.example"}
	told := []reference.Mapping{
		{Host: "own.example", RegistryURL: "https://b.example"},
		{Host: "far.example", RegistryURL: "https://vpce.example"},
		{Host: "near.example", Account: "222222222222", Region: "eu-west-1", RegistryURL: "http://127.0.0.1:18600"},
	}
	unreachable := &pullpass.Error{Kind: pullpass.Unavailable, Code: "dns_not_found", What: "cannot resolve", Cause: "there is no such name", Hint: "check the spelling"}
	for _, c := range []struct {
		name string
		near bool
		at   map[string]string // host: where it is asked
		says map[string]string // host: the mapping in the hint of an error
	}{
		{"another machine than the server", false,
			map[string]string{"own.example": "https://a.example", "far.example": "https://vpce.example", "near.example": "https://near.example"},
			map[string]string{"own.example": "", "far.example": "", "near.example": "--host host=near.example,account=222222222222,region=eu-west-1,registry=http://ADDRESS:18600"}},
		{"the server's machine", true,
			map[string]string{"own.example": "https://a.example", "far.example": "https://vpce.example", "near.example": "http://127.0.0.1:18600"},
			map[string]string{"own.example": "", "far.example": "", "near.example": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			hosts, err := reference.NewHosts(own)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			m := runner.NewMappings(hosts, c.near, slog.New(slog.NewTextHandler(&log, nil)))
			m.Learn(t.Context(), told)
			for host, want := range c.at {
				h, err := m.Hosts().Parse(host)
				if err != nil || h.URL() != want {
					t.Errorf("%s is asked at %s, %v, want %s", host, h.URL(), err, want)
				}
				said := m.Explain(host, false, unreachable)
				if want := c.says[host]; want == "" && pullpass.Explain(said) != pullpass.Explain(unreachable) || !strings.Contains(pullpass.HintOf(said), want) {
					t.Errorf("%s: the hint is %q, want %q", host, pullpass.HintOf(said), want)
				} else if line, ok := strings.CutPrefix(pullpass.HintOf(said), "start the runner with --host "); ok {
					if _, err := reference.ParseMapping(line); err != nil {
						t.Errorf("the hint's mapping is no mapping: %v", err)
					}
				}
			}
			if c.near == strings.Contains(log.String(), "is not used") {
				t.Errorf("the log: %s", &log)
			}
			// The runner's own identity goes nowhere on the server's word: what is missing is named.
			if got := pullpass.HintOf(m.Explain("far.example", true, unreachable)); got != "start the runner with --host host=far.example,registry=https://vpce.example" {
				t.Errorf("with its own identity the hint is %q", got)
			}
			refused := &pullpass.Error{Kind: pullpass.Denied, Code: "pull_denied", What: "cannot pull"}
			if pullpass.Explain(m.Explain("far.example", true, refused)) != pullpass.Explain(refused) {
				t.Error("a refusal of the registry is explained by a mapping")
			}
			log.Reset()
			m.Learn(t.Context(), told)
			if log.Len() > 0 {
				t.Errorf("the same once more is news: %s", &log)
			}
			m.Learn(t.Context(), nil)
			if h, err := m.Hosts().Parse("far.example"); err != nil || h.URL() != "https://far.example" {
				t.Errorf("forgotten, and asked at %s, %v", h.URL(), err)
			}
		})
	}
}
