package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// Bounds of a foreign token. A CI system's token lives for minutes; one that
// claims to live for more than a day is not what we think it is.
const (
	maxToken     = 16 << 10
	maxTokenLife = 24 * time.Hour
	maxSkew      = time.Minute
)

// inspected is a foreign token taken apart, nothing in it believed yet.
type inspected struct {
	algorithm string
	keyID     string
	issuer    string
	claims    map[string]any
}

// inspect refuses what no honest issuer sends, before any key is looked up: a
// header that brings its own key, a member twice (parsers disagree on which one
// counts), a time that does not fit.
func inspect(raw string, now time.Time) (inspected, error) {
	if len(raw) > maxToken {
		return inspected{}, malformed("it is larger than 16 KiB")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return inspected{}, malformed("it is not a signed JWT in compact form")
	}
	header, err := decodeObject(parts[0])
	if err != nil {
		return inspected{}, malformed("its header " + err.Error())
	}
	claims, err := decodeObject(parts[1])
	if err != nil {
		return inspected{}, malformed("its claims " + err.Error())
	}
	t := inspected{claims: claims}
	if err := t.readHeader(header); err != nil {
		return inspected{}, err
	}
	if t.issuer, _ = claims["iss"].(string); t.issuer == "" {
		return inspected{}, malformed("it names no issuer")
	}
	return t, t.checkTimes(now)
}

func (t *inspected) readHeader(header map[string]any) error {
	for _, name := range []string{"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"} {
		if _, present := header[name]; present {
			return malformed("its header has " + name + ", which we never follow")
		}
	}
	switch header["typ"] {
	case nil, "JWT":
	default:
		return malformed("its typ is not JWT: it is another kind of token")
	}
	t.algorithm, _ = header["alg"].(string)
	if !foreignAlgorithm(t.algorithm) {
		return malformed("its algorithm is not one that Pullpass accepts")
	}
	if t.keyID, _ = header["kid"].(string); t.keyID == "" {
		return malformed("it does not say which key signed it")
	}
	return nil
}

// foreignAlgorithm lists what trusted issuers may sign with: asymmetric only.
func foreignAlgorithm(alg string) bool {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA":
		return true
	}
	return false
}

func (t *inspected) checkTimes(now time.Time) error {
	expires, ok := seconds(t.claims["exp"])
	switch {
	case !ok:
		return malformed("it has no usable expiry")
	case !now.Before(expires.Add(maxSkew)):
		return &pullpass.Error{
			Kind:  pullpass.Unauthenticated,
			Code:  "token_expired",
			What:  "the token is not accepted",
			Cause: "it expired at " + expires.UTC().Format(time.RFC3339),
			Hint:  "ask the issuer for a new one, and check the clock",
		}
	case expires.After(now.Add(maxTokenLife)):
		return malformed("it would live for more than a day")
	}
	for _, name := range []string{"nbf", "iat"} {
		value, present := t.claims[name]
		if !present {
			continue
		}
		at, ok := seconds(value)
		if !ok || at.After(now.Add(maxSkew)) {
			return malformed("its " + name + " is in the future or unusable")
		}
	}
	return nil
}

// seconds reads a NumericDate; fractions and absurd numbers are refused.
func seconds(value any) (time.Time, bool) {
	f, ok := value.(float64)
	if !ok || f != math.Trunc(f) || f <= 0 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

func decodeObject(part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, errors.New("is not base64url")
	}
	if err := uniqueMembers(data); err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, errors.New("is not a JSON object")
	}
	return object, nil
}

// uniqueMembers refuses an object that has a member twice, at any depth.
func uniqueMembers(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := uniqueValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has something after its end")
	}
	return nil
}

func uniqueValue(dec *json.Decoder, depth int) error {
	const deepest = 16
	if depth > deepest {
		return errors.New("is nested too deeply")
	}
	token, err := dec.Token()
	if err != nil {
		return errors.New("is not JSON")
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if delim == '{' {
			name, err := dec.Token()
			if err != nil {
				return errors.New("is not JSON")
			}
			member := fmt.Sprint(name)
			if seen[member] {
				return errors.New("has a member twice")
			}
			seen[member] = true
		}
		if err := uniqueValue(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func malformed(cause string) error {
	return &pullpass.Error{
		Kind:  pullpass.Unauthenticated,
		Code:  "token_malformed",
		What:  "the token is not accepted",
		Cause: cause,
	}
}
