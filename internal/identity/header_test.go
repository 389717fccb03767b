package identity_test

import (
	"encoding/base64"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"
)

// hasKeyOf reports whether keys holds the one that a token's header names.
func hasKeyOf(keys []jose.JSONWebKey, header string) bool {
	data, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return false
	}
	var h struct {
		KeyID string `json:"kid"`
	}
	if json.Unmarshal(data, &h) != nil {
		return false
	}
	for _, k := range keys {
		if k.KeyID == h.KeyID {
			return true
		}
	}
	return false
}
