package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
)

const (
	publicHost   = "public.ecr.aws"
	publicTarget = "SpencerFrontendService."
	// publicRegion marks tokens of ECR Public: they are none of any private registry.
	publicRegion = "ecr-public"
)

// publicRegistry is ECR Public, as far as pulling goes: everybody may read, with
// or without a token of their own; who has PutImage may write. Clients get a
// bearer token first, as at the real one.
type publicRegistry struct {
	box    *Sandbox
	api    *service
	images http.Handler

	mu      sync.Mutex
	bearers map[tokenHash]*registryToken // nil value: anonymous
}

func newPublicRegistry(b *Sandbox) *publicRegistry {
	return &publicRegistry{
		box: b, images: ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))), bearers: map[tokenHash]*registryToken{},
		api: &service{name: "ecr-public", protocol: jsonProtocol{publicTarget}, operations: map[string]operation{
			"GetAuthorizationToken": jsonOperation(getPublicAuthorizationToken),
		}},
	}
}

// getPublicAuthorizationToken needs two permissions: the token is a bearer token
// of STS as well. There is one region.
func getPublicAuthorizationToken(c *call, _ *struct{}) (any, *apiError) {
	if c.region != "us-east-1" {
		return nil, badRequest("UnsupportedCommandException", "ECR Public is in us-east-1.")
	}
	for _, action := range []string{"ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"} {
		if err := c.authorize(action, "*", c.principal.account, nil); err != nil {
			return nil, err
		}
	}
	password, token := c.newRegistryToken()
	token.region = publicRegion
	c.box.state.tokens[sha256.Sum256([]byte(password))] = token
	return struct {
		AuthorizationData authorizationData `json:"authorizationData"`
	}{authorizationData{AuthorizationToken: base64.StdEncoding.EncodeToString([]byte("AWS:" + password)), ExpiresAt: epoch(token.expires)}}, nil
}

func (p *publicRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token/" {
		p.exchange(w, r)
		return
	}
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	bearer, known := p.bearers[sha256.Sum256([]byte(text))]
	p.mu.Unlock()
	if !ok || !known {
		w.Header().Set("Www-Authenticate", `Bearer realm="https://`+publicHost+`/token/",service="`+publicHost+`"`)
		http.Error(w, "Not Authorized", http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !p.mayPush(bearer) {
		(&registryError{http.StatusForbidden, "DENIED", "Not authorized to push."}).write(w)
		return
	}
	if _, err := pageSize(r.URL.Query(), maxPage); err != nil { // the library panics at n=-1
		err.write(w)
		return
	}
	p.images.ServeHTTP(w, r)
}

func (p *publicRegistry) mayPush(bearer *registryToken) bool {
	if bearer == nil {
		return false
	}
	b := p.box
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	who, err := b.state.resolve(bearer.credential, b.now())
	if err != nil {
		return false
	}
	return b.decide(
		question{principal: who, action: "ecr-public:PutImage", resource: "*", account: who.account, region: "us-east-1"},
	) == nil
}

// exchange turns a token of ECR Public, or nothing, into a bearer token. One that
// has expired is refused without a challenge, as the real one does.
func (p *publicRegistry) exchange(w http.ResponseWriter, r *http.Request) {
	var token *registryToken
	if _, password, ok := r.BasicAuth(); ok {
		p.box.state.mu.Lock()
		token = p.box.state.tokens[sha256.Sum256([]byte(password))]
		p.box.state.mu.Unlock()
		if token == nil || token.region != publicRegion || !p.box.now().Before(token.expires) {
			(&registryError{http.StatusBadRequest, "DENIED", "Your authorization token has expired. Reauthenticate and try again."}).write(
				w,
			)
			return
		}
	}
	bearer := base64.RawURLEncoding.EncodeToString(randomBytes(32))
	p.mu.Lock()
	p.bearers[sha256.Sum256([]byte(bearer))] = token
	p.mu.Unlock()
	text, _ := json.Marshal(map[string]string{"token": bearer}) // plain strings always marshal
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(text)
}
