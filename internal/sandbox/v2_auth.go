package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// authenticate turns the token of a request into the principal that it stands
// for, as that one is now.
func (h *registryHandler) authenticate(r *http.Request) (*principal, *registryError) {
	user, password, ok := r.BasicAuth()
	if !ok || user != "AWS" {
		return nil, &registryError{status: http.StatusUnauthorized}
	}
	b := h.box
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	now := b.now()
	token := b.state.tokens[sha256.Sum256([]byte(password))]
	if token == nil || token.region != h.registry.region {
		// To ECR a token of another region is as garbled as any other text.
		return nil, &registryError{http.StatusBadRequest, "UNSUPPORTED", "Invalid authorization token for this registry and region."}
	}
	if !now.Before(token.expires) {
		return nil, &registryError{http.StatusForbidden, "DENIED", "Your authorization token has expired. Reauthenticate and try again."}
	}
	p, err := b.state.resolve(token.credential, now)
	if err != nil {
		return nil, &registryError{http.StatusForbidden, "DENIED", err.message}
	}
	return p, nil
}

// catalog lists repositories. ECR refuses pages of more than 1,000.
func (h *registryHandler) catalog(w http.ResponseWriter, r *http.Request, p *principal, action string) *registryError {
	size, err := pageSize(r.URL.Query(), defaultPage)
	if err != nil {
		return err
	}
	names, err := h.repositoryNames(r, p, action)
	if err != nil {
		return err
	}
	names, next := pageAfter(names, "/v2/_catalog", r.URL.Query(), size)
	text, _ := json.Marshal(map[string][]string{"repositories": append([]string{}, names...)}) // strings always marshal
	(&v2Answer{contentType: "application/json; charset=utf-8", link: next, body: text}).serve(w, r)
	return nil
}

func (h *registryHandler) repositoryNames(r *http.Request, p *principal, action string) ([]string, *registryError) {
	h.box.state.mu.Lock()
	defer h.box.state.mu.Unlock()
	q := h.registry.listing(p, action)
	q.request = r
	if err := h.box.decide(q); err != nil {
		return nil, &registryError{http.StatusForbidden, "DENIED", err.message}
	}
	return slices.Sorted(maps.Keys(h.registry.repositories)), nil
}
