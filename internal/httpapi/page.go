package httpapi

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Paging is part of every list's parameters. huma needs it exported.
type Paging struct {
	After string `query:"after" maxLength:"128" pattern:"^[A-Za-z0-9_.:=-]*$" patternDescription:"the next of the page before" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"500" doc:"Items on the page: 50 unless given."`
}

func (p Paging) page() pullpass.Page { return pullpass.Page{After: p.After, Limit: p.Limit} }

// Named asks a list for the one item of that name. huma needs it exported.
type Named struct {
	Name string `query:"name" maxLength:"127" doc:"Only the one of this name."`
}

func listed[N, W any](l pullpass.List[N], err error, wire func(N) W) (*body[api.List[W]], error) {
	if err != nil {
		return nil, err
	}
	items := make([]W, len(l.Items))
	for i, item := range l.Items {
		items[i] = wire(item)
	}
	return answer(api.List[W]{Items: items, Next: l.Next}), nil
}

// byName makes the list of the one item of that name, or of none.
func byName[N any](valid bool, find func() (N, error)) (pullpass.List[N], error) {
	if !valid {
		return pullpass.List[N]{}, nil
	}
	item, err := find()
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		return pullpass.List[N]{}, nil
	case err != nil:
		return pullpass.List[N]{}, err
	}
	return pullpass.List[N]{Items: []N{item}}, nil
}

// noSuch is the one answer for what is not there and for what is out of reach.
func noSuch(thing string) error {
	return &pullpass.Error{Kind: pullpass.NotFound, Code: thing + "_not_found", What: "there is no such " + thing}
}

// found looks an object up by its id. What cannot be an id is not looked for, and
// whatever else the store calls not found gets the one answer.
func found[ID ~string, N any](ctx context.Context, prefix, thing string, org pullpass.OrganizationID, id ID, get func(context.Context, pullpass.OrganizationID, ID) (N, error)) (N, error) {
	var none N
	if !pullpass.ValidID(prefix, string(id)) {
		return none, noSuch(thing)
	}
	n, err := get(ctx, org, id)
	if pullpass.IsKind(err, pullpass.NotFound) {
		return none, noSuch(thing)
	}
	return n, err
}
