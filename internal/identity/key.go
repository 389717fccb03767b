package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass"
)

// Algorithm is a signature algorithm that Pullpass issues with.
type Algorithm string

// The algorithms. RS256 is the default because every verifier knows it.
const (
	RS256 Algorithm = "RS256"
	ES256 Algorithm = "ES256"
)

// algorithms is the order in which keys are published.
var algorithms = []Algorithm{RS256, ES256}

const rsaBits = 2048

// StoredKey is a signing key as the store keeps it: Private is sealed there.
// Sequence counts an organization's keys of one algorithm from 1; it is unique,
// so that of several servers that rotate at once one wins.
type StoredKey struct {
	Organization pullpass.OrganizationID
	Algorithm    Algorithm
	Sequence     int64
	ID           string          // kid: a thumbprint of the public key
	Private      pullpass.Secret // PKCS #8, base64
	ActiveFrom   time.Time       // not used for signing before
	CreatedAt    time.Time
}

// newKey makes key number seq of a chain.
func newKey(org pullpass.OrganizationID, alg Algorithm, seq int64, activeFrom, now time.Time) (StoredKey, error) {
	private, err := generate(alg)
	if err != nil {
		return StoredKey{}, fmt.Errorf("making a %s key: %w", alg, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return StoredKey{}, fmt.Errorf("encoding a %s key: %w", alg, err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return StoredKey{}, fmt.Errorf("encoding a %s public key: %w", alg, err)
	}
	sum := sha256.Sum256(public)
	return StoredKey{
		Organization: org,
		Algorithm:    alg,
		Sequence:     seq,
		ID:           base64.RawURLEncoding.EncodeToString(sum[:]),
		Private:      pullpass.NewSecret(base64.StdEncoding.EncodeToString(der)),
		ActiveFrom:   activeFrom,
		CreatedAt:    now,
	}, nil
}

func generate(alg Algorithm) (crypto.Signer, error) {
	if alg == ES256 {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, rsaBits)
}

// key is a StoredKey ready for use.
type key struct {
	StoredKey
	public crypto.PublicKey
	signer jose.Signer // of identity tokens
	grants jose.Signer // of grants, which say so in their typ, as the rest do

	challenges  jose.Signer
	successions jose.Signer
}

func openKey(s StoredKey) (*key, error) {
	der, err := base64.StdEncoding.DecodeString(s.Private.Reveal())
	if err != nil {
		return nil, fmt.Errorf("signing key %s cannot be decoded", s.ID)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s cannot be parsed", s.ID)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok || !fits(s.Algorithm, private.Public()) {
		return nil, fmt.Errorf("signing key %s is not a key for %s", s.ID, s.Algorithm)
	}
	k := &key{StoredKey: s, public: private.Public()}
	for typ, signer := range map[jose.ContentType]*jose.Signer{
		"JWT": &k.signer, grantType: &k.grants, challengeType: &k.challenges, successionType: &k.successions,
	} {
		*signer, err = jose.NewSigner(
			jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.Algorithm), Key: jose.JSONWebKey{Key: private, KeyID: s.ID}},
			(&jose.SignerOptions{}).WithType(typ),
		)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", s.ID, err)
		}
	}
	return k, nil
}

// fits pins the algorithm to the type of key.
func fits(alg Algorithm, public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return alg == RS256 && k.N.BitLen() >= rsaBits
	case *ecdsa.PublicKey:
		return alg == ES256 && k.Curve == elliptic.P256()
	}
	return false
}

func (k *key) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.public, KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"}
}
