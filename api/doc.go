// Package api holds what goes over the wire: the paths of the HTTP API and the
// JSON of its requests and answers.
//
// The one idea: these structs are the contract, so they change only by adding.
// The nouns may move behind them; internal/httpapi and client translate.
//
//	body, err := json.Marshal(api.NewRegistry{
//		Name: "payments", Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com",
//		Auth: pullpass.AuthIntegration, Integration: integration.ID,
//	})
//	resp, err := http.Post(base+api.PathRegistries, api.ContentType, bytes.NewReader(body))
//
// A field that is a Secret is either written and never read back, or a bearer
// token that is shown once, when it is made. Times are RFC 3339 in UTC.
package api
