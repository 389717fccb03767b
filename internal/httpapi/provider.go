package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/identity"
)

// providerRoutes are what verifiers fetch: public, the same for everybody, and
// kept by caches.
func (s *Server) providerRoutes() {
	if s.identity == nil {
		return
	}
	s.mux.HandleFunc("GET "+api.PathDiscovery, s.published(func(_ context.Context, org pullpass.OrganizationID) (any, error) {
		return s.identity.Discovery(org), nil
	}))
	s.mux.HandleFunc("GET "+api.PathKeySet, s.published(func(ctx context.Context, org pullpass.OrganizationID) (any, error) {
		return s.identity.KeySet(ctx, org)
	}))
}

// published answers for an organization that is there. The check comes first: keys
// are made when they are first asked for, and nobody may have them made for nothing.
func (s *Server) published(get func(context.Context, pullpass.OrganizationID) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		org := pullpass.OrganizationID(req.PathValue("organization"))
		_, err := found(req.Context(), "org", "organization", org, org, func(ctx context.Context, _, id pullpass.OrganizationID) (pullpass.Organization, error) {
			return s.store.Organization(ctx, id)
		})
		if err != nil {
			s.refuse(w, req, err)
			return
		}
		document, err := get(req.Context(), org)
		if err != nil {
			s.refuse(w, req, err)
			return
		}
		w.Header().Set("Content-Type", api.ContentType)
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(min(s.identity.CacheFor(), maxAge).Seconds())))
		w.Header().Set("Access-Control-Allow-Origin", "*") // it is public, and tools in browsers read it
		_ = json.NewEncoder(w).Encode(document)            // the client has gone: nothing to do
	}
}

func (s *Server) identityRoutes() {
	add(s, route{method: http.MethodGet, path: api.PathIdentity, id: "get-identity", tag: "identity", permission: access.IdentityRead,
		summary: "See the identity provider"}, s.getIdentity)
	add(s, route{method: http.MethodPatch, path: api.PathIdentity, id: "update-identity", tag: "identity", permission: access.IdentityUpdate,
		summary: "Change what identity tokens say", description: "Whoever trusts the tokens has to expect the new subjects."}, s.updateIdentity)
}

func (s *Server) getIdentity(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.Identity], error) {
	if s.identity == nil {
		return nil, errNoIdentity()
	}
	text, err := s.store.SubjectTemplate(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	return s.identityOf(c.Organization, text), nil
}

func (s *Server) identityOf(org pullpass.OrganizationID, template string) *body[api.Identity] {
	if template == "" {
		template = identity.TemplateRepository
	}
	document := s.identity.Discovery(org)
	issuer := strings.TrimSuffix(document.Issuer, "/")
	return answer(api.Identity{Issuer: document.Issuer, Discovery: issuer + "/.well-known/openid-configuration", KeySet: document.JWKSURI, Subject: template})
}

func (s *Server) updateIdentity(ctx context.Context, c pullpass.Caller, in *struct{ Body api.IdentityChange }) (*body[api.Identity], error) {
	if s.identity == nil {
		return nil, errNoIdentity()
	}
	template, err := identity.ParseTemplate(in.Body.Subject)
	if err != nil {
		return nil, err
	}
	e := pullpass.Event{Action: "identity.update", Detail: map[string]string{"subject": template.String()}}
	err = s.deed(ctx, c, e, func(ctx context.Context) error {
		return s.store.SetSubjectTemplate(ctx, c.Organization, template.String())
	})
	if err != nil {
		return nil, err
	}
	return s.identityOf(c.Organization, template.String()), nil
}
