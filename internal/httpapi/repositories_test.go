package httpapi_test

import (
	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// repository is one that waits for its first push.
func (o *tenant) repository(p pullpass.ProjectID, name string) api.Repository {
	o.w.t.Helper()
	r, err := o.CreateRepository(o.w.t.Context(), api.NewRepository{Project: p, Integration: o.accessKey(name + "-keeper").ID, Name: name, OnFirstPush: true})
	must(o.w.t, err)
	return r
}
