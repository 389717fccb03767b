// Package httpapi serves the JSON API over HTTP.
//
// The one idea: a route cannot exist without saying who may use it. Every one is
// registered through route, which names a permission of internal/access or says
// that it is public; authentication and the permission come before anything of
// the request is read, and one place turns error kinds into statuses.
//
//	s, err := httpapi.New(httpapi.Options{Store: db, Issuer: broker, Auditor: door, Hosts: hosts, Logger: log})
//	if token, err := s.SetupToken(ctx); err == nil && !token.Empty() {
//		fmt.Fprintln(os.Stderr, "open "+base+"/setup#"+token.Reveal())
//	}
//	err = httpapi.Serve(ctx, listener, s)
//
// The OpenAPI document is made from the same registrations; docs/openapi.yaml is
// its golden copy. An answer never repeats what was sent, and what is beyond a
// caller's reach is answered as if it were not there.
package httpapi
