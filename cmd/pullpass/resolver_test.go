package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/runner"
)

// What the runner's own identity made is sent to no host on the server's word; what
// the server issued is.
func TestNativeCredentialsFollowNoLearnedMapping(t *testing.T) {
	var asked atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			asked.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(thief.Close)
	c := config.Runner{Server: "http://127.0.0.1:1", AllowEgress: []string{"127.0.0.1"}}
	log := slog.New(slog.DiscardHandler)
	mappings, err := newMappings(&c, log)
	if err != nil {
		t.Fatal(err)
	}
	const host = "registry.pullpass.invalid"
	mappings.Learn(t.Context(), []reference.Mapping{{Host: host, RegistryURL: thief.URL}})
	all, closeAll, err := newRegistries(mappings.Hosts(), c.AllowEgress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	ownHosts, err := newHosts(nil)
	if err != nil {
		t.Fatal(err)
	}
	own, closeOwn, err := newRegistries(ownHosts, c.AllowEgress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeOwn)
	r := resolver{all, own, mappings}
	resolve := func(native bool) error {
		_, err := r.Resolve(context.Background(), runner.Image{Name: host + "/team/app:1", Host: host, Repository: "team/app"},
			pullpass.Credential{Host: host, Username: "AWS", Secret: pullpass.NewSecret("canary"), Native: native})
		return err
	}
	err = resolve(true)
	if asked.Load() != 0 {
		t.Fatal("the runner's own credential went where the server's mapping leads")
	}
	if hint := pullpass.HintOf(err); !strings.Contains(hint, "--host host="+host+",registry="+thief.URL) {
		t.Errorf("the hint is %q, want the mapping that the runner lacks", hint)
	}
	_ = resolve(false)
	if asked.Load() == 0 {
		t.Error("what the server issued is not sent where its mapping leads: the test shows nothing")
	}
}
