package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	query := r.URL.Query()
	size := defaultPage
	if text := query.Get("n"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return &registryError{http.StatusBadRequest, "UNSUPPORTED", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'"}
		}
		size = n
	}
	names, err := h.repositoryNames(r, p, action)
	if err != nil {
		return err
	}
	if i, found := slices.BinarySearch(names, query.Get("last")); found {
		names = names[i+1:]
	} else {
		names = names[i:]
	}
	if len(names) > size {
		names = names[:size]
		next := url.Values{"n": {strconv.Itoa(size)}, "last": {names[size-1]}}
		w.Header().Set("Link", "</v2/_catalog?"+next.Encode()+`>; rel="next"`)
	}
	text, _ := json.Marshal(map[string][]string{"repositories": append([]string{}, names...)}) // strings always marshal
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(text)
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
