// Package web holds the pages for people: what is here, how the API is used, and
// the first setup.
//
// The one idea: everything is in the binary and comes from this server. There is
// no CDN, no inline script and no inline style, so the content security policy
// can refuse all of them.
//
//	pages, err := web.New(openAPIDocument)
//	mux.Handle("GET /docs", pages)
//
// The API page is rendered from the OpenAPI document once, when the server
// starts.
package web
