package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/pullpass/pullpass/api"
)

const bearerScheme = "token"

// document is the OpenAPI document in both of its forms, written once.
type document struct{ json, yaml []byte }

// newAPI sets huma up for what we want of it: JSON, strictly read, our problems,
// and none of its own pages.
func newAPI(mux *http.ServeMux, version string) huma.API {
	strictNames()
	if version == "" {
		version = "0"
	}
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	format := jsonFormat()
	return humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Pullpass", Version: version,
				Description: aboutAPI,
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearerScheme: {Type: "http", Scheme: "bearer", Description: "An API token (ppat_…), or a runner's own (pprt_…)."},
				},
			},
			Tags: tags(),
		},
		Formats:       map[string]huma.Format{api.ContentType: format, "json": format},
		DefaultFormat: api.ContentType,
		Transformers:  []huma.Transformer{echoless{schemas}.transform},
	})
}

// strictNames has huma take "region" only for region. By default it takes REGION,
// too, and validates neither of two that differ in case, while encoding/json
// uses the last one: what was validated would not be what is used. The switch is
// huma's own and for the whole process, so it is set once, before the first use.
var strictNames = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

const aboutAPI = "Short-lived credentials for private container registries.\n\n" +
	"Requests and answers are JSON. The organization comes from the token. " +
	"Errors are RFC 9457 problems that say what failed, why, and what to do; they never repeat what was sent. " +
	"Lists are paged: give next as ?after=. What is beyond a token's reach is answered as if it were not there. " +
	"x-permission names what the token must be allowed to do (docs/access.md)."

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "setup", Description: "The first start of a server, and who you are."},
		{Name: "projects", Description: "Repositories whose environments share registries."},
		{Name: "registries", Description: "Container registries that Pullpass may open."},
		{Name: "integrations", Description: "Access to AWS accounts."},
		{Name: "repositories", Description: "ECR repositories that Pullpass keeps for projects."},
		{Name: "runners", Description: "Agents beside a Docker Engine or in a cluster."},
		{Name: "environments", Description: "Services that run from images."},
		{Name: "credentials", Description: "What opens a registry, for a while."},
		{Name: "identity", Description: "Tokens that say which environment asks, and issuers whose tokens are taken in exchange."},
		{Name: "people", Description: "Members, and how they sign in."},
		{Name: "tokens", Description: "API tokens."},
		{Name: "quotas", Description: "How many of each thing there may be."},
		{Name: "audit", Description: "Who did what, chained so that nothing can be changed unseen."},
		{Name: "runner", Description: "What a runner asks and reports about itself."},
	}
}

// describe writes the document down; the routes are complete by then.
func (s *Server) describe() error {
	doc := s.api.OpenAPI()
	var err error
	if s.document.json, err = json.MarshalIndent(doc, "", "  "); err != nil {
		return fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	if s.document.yaml, err = doc.YAML(); err != nil {
		return fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return nil
}

// OpenAPI returns the document as JSON.
func (s *Server) OpenAPI() []byte { return s.document.json }

// OpenAPIYAML returns the document as YAML.
func (s *Server) OpenAPIYAML() []byte { return s.document.yaml }

func (s *Server) documentRoutes() {
	s.mux.HandleFunc("GET "+api.PathOpenAPIJSON, serve("application/openapi+json", s.document.json))
	s.mux.HandleFunc("GET "+api.PathOpenAPIYAML, serve("application/openapi+yaml", s.document.yaml))
}

func serve(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(content)
	}
}
