package httpapi_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// A runner is told of the operator's mappings of what it is to pull, and of no
// others.
func TestARunnerIsToldOfItsHostsMappings(t *testing.T) {
	w := newWorld(t) // maps 127.0.0.1:5001
	o := w.first()
	p := o.project("payments")
	r, token := o.joined("one")
	own := w.as(token)
	hosts := func() ([]api.HostMapping, string) {
		t.Helper()
		wanted, err := own.Wanted(t.Context(), "", 0)
		must(t, err)
		return wanted.Hosts, wanted.State
	}
	o.environment(p.ID, r.ID, "elsewhere")
	if got, _ := hosts(); len(got) != 0 {
		t.Errorf("told of %+v, want nothing: no image of it is wanted", got)
	}
	_, err := o.CreateEnvironment(t.Context(), pullpass.Environment{Project: p.ID, Runner: r.ID, Name: "mapped",
		Services: []pullpass.Service{{Name: "web", Image: "127.0.0.1:5001/team/app:1"}}})
	must(t, err)
	want := api.HostMapping{Host: "127.0.0.1:5001", Account: "222222222222", Region: "eu-west-1", Registry: "http://127.0.0.1:5001"}
	if got, _ := hosts(); len(got) != 1 || got[0] != want {
		t.Errorf("told of %+v, want %+v", got, want)
	}
}
