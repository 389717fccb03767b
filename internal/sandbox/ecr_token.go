package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/pullpass/pullpass/internal/awsname"
)

const tokenLife = 12 * time.Hour

type tokenHash [sha256.Size]byte

// registryToken is what an ECR authorization token stands for: the principal
// that asked, and the region in which it asked. The text itself is not kept.
type registryToken struct {
	credential *credential
	region     string
	expires    time.Time
}

type getAuthorizationTokenInput struct {
	RegistryIDs []string `json:"registryIds"`
}

type authorizationData struct {
	AuthorizationToken string `json:"authorizationToken"`
	ExpiresAt          epoch  `json:"expiresAt"`
	ProxyEndpoint      string `json:"proxyEndpoint"`
}

func getAuthorizationToken(c *call, in *getAuthorizationTokenInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:GetAuthorizationToken")
	if err != nil {
		return nil, err
	}
	password, token := c.newRegistryToken()
	accounts := in.RegistryIDs
	if len(accounts) == 0 {
		accounts = []string{reg.account.id}
	}
	data := make([]authorizationData, len(accounts))
	for i, id := range accounts {
		if !awsname.ValidAccount(id) {
			return nil, errECRParameter("registryIds", "Member must satisfy regular expression pattern: [0-9]{12}")
		}
		of, err := c.registryIn(id)
		if err != nil {
			return nil, err
		}
		data[i] = authorizationData{
			AuthorizationToken: base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
			ExpiresAt:          epoch(token.expires),
			ProxyEndpoint:      of.url(),
		}
	}
	c.box.state.tokens[sha256.Sum256([]byte(password))] = token
	return struct {
		AuthorizationData []authorizationData `json:"authorizationData"`
	}{data}, nil
}

// newRegistryToken makes the password and what it stands for. It lasts twelve
// hours or as long as the session behind it, whichever is less.
func (c *call) newRegistryToken() (string, *registryToken) {
	cred := c.box.state.keys[c.principal.keyID]
	expires := c.now.Add(tokenLife)
	if s := c.principal.session; s != nil && s.expires.Before(expires) {
		expires = s.expires
	}
	text, _ := json.Marshal(struct { // plain fields always marshal
		Payload    []byte `json:"payload"`
		Version    string `json:"version"`
		Type       string `json:"type"`
		Expiration int64  `json:"expiration"`
	}{randomBytes(48), "2", "DATA_KEY", expires.Unix()})
	return base64.StdEncoding.EncodeToString(text), &registryToken{cred, c.region, expires}
}
