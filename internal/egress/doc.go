// Package egress is the one HTTP client for addresses that a tenant can name:
// registries, token services, and where they redirect to.
//
// The one idea: what is checked is the IP address that is about to be dialled,
// after the last DNS answer, so a name that resolves to one address when it is
// checked and to another when it is used gains nothing.
//
//	client, err := egress.New(egress.Options{Allow: []string{"10.20.0.0/16", "127.0.0.1:5001"}})
//	resp, err := client.Do(req)           // redirects come back as answers
//	blobs := client.With(egress.Limits{Body: 4 << 30, Total: 10 * time.Minute})
//	if pullpass.KindOf(err) == pullpass.Denied { /* the operator does not allow it */ }
//
// An operator's proxy takes over the dialling and with it the check of names:
// it must refuse internal addresses itself.
package egress
