package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// list gets one page and turns its items into nouns.
func list[W, N any](ctx context.Context, c *Client, path string, query url.Values, page pullpass.Page, noun func(W) N) (pullpass.List[N], error) {
	if query == nil {
		query = url.Values{}
	}
	if page.After != "" {
		query.Set("after", page.After)
	}
	if page.Limit > 0 {
		query.Set("limit", strconv.Itoa(page.Size()))
	}
	wire, err := do[api.List[W]](ctx, c, get(path, query))
	if err != nil {
		return pullpass.List[N]{}, err
	}
	return pullpass.List[N]{Items: each(wire.Items, noun), Next: wire.Next}, nil
}

// all walks a list page by page; it ends with the first error.
func all[N any](ctx context.Context, page func(context.Context, pullpass.Page) (pullpass.List[N], error)) iter.Seq2[N, error] {
	return func(yield func(N, error) bool) {
		next := pullpass.Page{Limit: pullpass.MaxPage}
		for {
			l, err := page(ctx, next)
			if err != nil {
				var none N
				yield(none, err)
				return
			}
			for _, item := range l.Items {
				if !yield(item, nil) {
					return
				}
			}
			if l.Next == "" {
				return
			}
			next.After = l.Next
		}
	}
}

// only returns the one item of a list asked for by name.
func only[N any](l pullpass.List[N], err error, thing, name string) (N, error) {
	var none N
	if err != nil {
		return none, err
	}
	if len(l.Items) == 0 {
		return none, &pullpass.Error{Kind: pullpass.NotFound, Code: thing + "_not_found", What: "there is no " + thing + " " + strconv.Quote(name)}
	}
	return l.Items[0], nil
}

func byName(name string) url.Values { return url.Values{"name": {name}} }

func each[A, B any](items []A, f func(A) B) []B {
	out := make([]B, len(items))
	for i, item := range items {
		out[i] = f(item)
	}
	return out
}
