package httpapi_test

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
)

// TestServicesFitTogether: services that wait for each other or for nobody, and
// processes that no engine can start, are refused when the environment is created.
func TestServicesFitTogether(t *testing.T) {
	r := newRulesWorld(t)
	const image = "ghcr.io/acme/app:1"
	for name, test := range map[string]struct {
		services []pullpass.Service
		code     string
	}{
		"in order":   {[]pullpass.Service{{Name: "web", DependsOn: []string{"db"}}, {Name: "db"}}, ""},
		"a diamond":  {[]pullpass.Service{{Name: "a", DependsOn: []string{"b", "c"}}, {Name: "b", DependsOn: []string{"d"}}, {Name: "c", DependsOn: []string{"d"}}, {Name: "d"}}, ""},
		"nobody":     {[]pullpass.Service{{Name: "web", DependsOn: []string{"bd"}}, {Name: "db"}}, "depends_on_missing"},
		"itself":     {[]pullpass.Service{{Name: "web", DependsOn: []string{"web"}}}, "depends_on_itself"},
		"each other": {[]pullpass.Service{{Name: "a", DependsOn: []string{"b"}}, {Name: "b", DependsOn: []string{"c"}}, {Name: "c", DependsOn: []string{"a"}}}, "depends_on_itself"},
		"relative":   {[]pullpass.Service{{Name: "web", WorkingDir: "src"}}, "working_dir_invalid"},
		"a process":  {[]pullpass.Service{{Name: "web", Entrypoint: []string{"/bin/sh"}, Command: []string{"-c", "true"}, User: "1000:1000", WorkingDir: "/src"}}, ""},
	} {
		for i := range test.services {
			test.services[i].Image = image
		}
		wanted := pullpass.Environment{Project: r.project.ID, Runner: r.runners["plain"].ID, Name: strings.ReplaceAll(name, " ", "-"), Services: test.services}
		made, err := r.o.CreateEnvironment(t.Context(), wanted)
		if pullpass.CodeOf(err) != test.code || (test.code != "" && pullpass.HintOf(err) == "") {
			t.Errorf("%s: %v, want code %q", name, err, test.code)
		}
		if err != nil {
			continue
		}
		shown, err := r.o.Environment(t.Context(), made.ID)
		must(t, err)
		for i, s := range shown.Services {
			w := test.services[i]
			if s.User != w.User || s.WorkingDir != w.WorkingDir || len(s.Entrypoint) != len(w.Entrypoint) || len(s.DependsOn) != len(w.DependsOn) {
				t.Errorf("%s: service %+v, want %+v", name, s, w)
			}
		}
	}
}
