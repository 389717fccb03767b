package identity

import (
	"bytes"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

// successionType keeps signed key sets apart from every other token.
const successionType = "pullpass-keys+jwt"

// successionPayload is a key set that keys before it have signed.
type successionPayload struct {
	Issuer string             `json:"iss"`
	Issued int64              `json:"iat"`
	Keys   jose.JSONWebKeySet `json:"keys"`
}

// maxSuccession bounds what is parsed of a signed key set.
const maxSuccession = 64 << 10

// Succeed returns the keys that follow known ones of an issuer, if one of the
// known has signed them.
func Succeed(known jose.JSONWebKeySet, issuer string, successions []string) (jose.JSONWebKeySet, error) {
	for _, text := range successions {
		if set, ok := succeed(known, issuer, text); ok {
			return set, nil
		}
	}
	return jose.JSONWebKeySet{}, &pullpass.Error{
		Kind:  pullpass.Denied,
		Code:  "keys_not_signed",
		What:  "cannot take the server's new keys",
		Cause: "none of the keys that this runner knows has signed them: it was away for longer than a key is kept, or this is not its server",
		Hint:  "check the address of the server; if it is the right one, join as the same runner again: pullpass runner rejoin NAME",
	}
}

func succeed(known jose.JSONWebKeySet, issuer, text string) (jose.JSONWebKeySet, bool) {
	none := jose.JSONWebKeySet{}
	if len(text) > maxSuccession {
		return none, false
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(signed.Signatures) != 1 {
		return none, false
	}
	header := signed.Signatures[0].Protected
	found := known.Key(header.KeyID)
	if header.ExtraHeaders[jose.HeaderType] != successionType || header.KeyID == "" || len(found) != 1 ||
		!fits(ES256, found[0].Key) {
		return none, false
	}
	data, err := signed.Verify(found[0].Key)
	if err != nil {
		return none, false
	}
	var body successionPayload
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || body.Issuer != issuer || len(body.Keys.Keys) == 0 {
		return none, false
	}
	return body.Keys, true
}
