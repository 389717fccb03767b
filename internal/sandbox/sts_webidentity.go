package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pullpass/pullpass/internal/iam"
)

// webIdentityAlgorithms are those that STS accepts.
func webIdentityAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}
}

// claims are what STS reads of a web identity token.
type claims struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Audience jwt.Audience     `json:"aud"`
	Party    string           `json:"azp"`
	Methods  []string         `json:"amr"`
	Expiry   *jwt.NumericDate `json:"exp"`
	IssuedAt *jwt.NumericDate `json:"iat"`

	all map[string]any // every claim, for the condition keys that AWS makes of them
}

// audience is the value of the condition key aud: azp wins where it is set.
func (c *claims) audience() []string {
	if c.Party != "" {
		return []string{c.Party}
	}
	return c.Audience
}

func errInvalidToken(format string, args ...any) *apiError {
	return badRequest("InvalidIdentityToken", format, args...)
}

// webIdentity is what verification leaves for the decision.
type webIdentity struct {
	account  *account
	role     *role
	provider *oidcProvider
	claims   claims
}

// verifyWebIdentity makes the first three of the four checks, in AWS's order:
// provider, audience, signature and expiry. It runs without the lock because
// it fetches the provider's keys.
func verifyWebIdentity(c *call) *apiError {
	token := c.form.Get("WebIdentityToken")
	if !sessionPattern.MatchString(c.form.Get("RoleSessionName")) {
		return errConstraint("roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	if len(token) > 20000 {
		return errConstraint("webIdentityToken", "Member must have length less than or equal to 20000")
	}
	parsed, err := jwt.ParseSigned(token, webIdentityAlgorithms())
	if err != nil {
		return errInvalidToken(
			"The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
		)
	}
	id := &webIdentity{}
	if err := parsed.UnsafeClaimsWithoutVerification(&id.claims, &id.claims.all); err != nil {
		return errInvalidToken(
			"The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
		)
	}
	if refusal := c.findProvider(id); refusal != nil {
		return refusal
	}
	if !slices.ContainsFunc(
		id.claims.audience(),
		func(a string) bool { return slices.Contains(id.provider.clientIDs, a) },
	) {
		return errInvalidToken("Incorrect token audience")
	}
	keys, refusal := c.box.providerKeys(c.ctx, id.provider)
	if refusal != nil {
		return refusal
	}
	if !verifiedBy(parsed, keys) {
		return errInvalidToken(
			"Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
		)
	}
	if refusal := id.claims.checkTime(c.now); refusal != nil {
		return refusal
	}
	c.identity = id
	return nil
}

// findProvider looks for the issuer among the providers of the role's own
// account. Where a role does not exist its account's providers still answer.
func (c *call) findProvider(id *webIdentity) *apiError {
	const missing = "No OpenIDConnect provider found in your account for %s"
	s := c.box.state
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := c.form.Get("RoleArn")
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return errValidation("%s is invalid", printable(arn))
	}
	id.account, id.role = s.roleByARN(arn)
	a := s.accounts[parts[4]]
	if a == nil {
		return errInvalidToken(missing, printable(id.claims.Issuer))
	}
	for _, p := range a.providers {
		if p.issuer == id.claims.Issuer {
			id.provider = p
			return nil
		}
	}
	return errInvalidToken(missing, printable(id.claims.Issuer))
}

// verifiedBy checks the signature against the keys that the token's kid names,
// each only with its own algorithm and its own type.
func verifiedBy(token *jwt.JSONWebToken, keys jose.JSONWebKeySet) bool {
	header := token.Headers[0]
	for _, key := range keys.Keys {
		if !key.IsPublic() || !key.Valid() || (key.Use != "" && key.Use != "sig") {
			continue
		}
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if token.Claims(key.Key, &json.RawMessage{}) == nil {
			return true
		}
	}
	return false
}

func (c *claims) checkTime(now time.Time) *apiError {
	if c.Expiry == nil || c.IssuedAt == nil {
		return errInvalidToken("Missing a required claim: exp or iat")
	}
	if exp := c.Expiry.Time(); !now.Before(exp) {
		return badRequest(
			"ExpiredTokenException",
			"Token expired: current date/time %d must be before the expiration date/time %d",
			now.Unix(),
			exp.Unix(),
		)
	}
	return nil
}

// sessionTags reads the claims, nested or in the flattened form
// ("https://aws.amazon.com/tags/principal_tags/team"). What has another shape is
// refused: STS would not guess either.
func (c *claims) sessionTags() (tokenTags, *apiError) {
	t := tokenTags{principal: map[string]string{}}
	invalid := errInvalidToken("The session tags of the token are not of the form that STS reads")
	nested := map[string]any{}
	if claim, there := c.all[tagsClaim]; there {
		object, ok := claim.(map[string]any)
		if !ok {
			return t, invalid
		}
		maps.Copy(nested, object)
	}
	tags, ok := orObject(nested["principal_tags"])
	if !ok {
		return t, invalid
	}
	tags = maps.Clone(tags)
	for name, claim := range c.all {
		if key, found := strings.CutPrefix(name, tagsClaim+"/principal_tags/"); found {
			tags[key] = claim
		}
	}
	for key, value := range tags {
		text, ok := oneText(value)
		if !ok || key == "" || len(key) > 128 || len(text) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return t, invalid
		}
		t.principal[key] = text
	}
	keys := nested["transitive_tag_keys"]
	if flat, there := c.all[tagsClaim+"/transitive_tag_keys"]; there {
		keys = flat
	}
	if t.transitive, ok = texts(keys); !ok || len(t.principal) > 50 {
		return t, invalid
	}
	if claim, there := c.all[sourceClaim]; there {
		if t.source, ok = claim.(string); !ok || !sessionPattern.MatchString(t.source) {
			return t, errInvalidToken("The source identity of the token is not a text of 2 to 64 characters")
		}
	}
	return t, nil
}

// assumeRoleWithWebIdentity makes the fourth check, the trust policy.
func assumeRoleWithWebIdentity(c *call) (any, *apiError) {
	id := c.identity
	denied := apiErrorf(http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	if id.role == nil {
		return nil, denied
	}
	name := c.form.Get("RoleSessionName")
	life, err := c.assumeDuration(id.role, false)
	if err != nil {
		return nil, err
	}
	tags, tagErr := id.claims.sessionTags()
	if tagErr != nil {
		return nil, tagErr
	}
	q := question{
		federated: id.provider.arn, resource: id.role.arn,
		account: id.account, trust: &id.role.trust, context: id.context(name),
	}
	tags.describe(q.context)
	for _, action := range tags.actions() {
		q.action = action
		if err := c.decide(q); err != nil {
			return nil, apiErrorf(http.StatusForbidden, "AccessDenied", "Not authorized to perform %s", action)
		}
	}
	policies, packed, err := c.sessionPolicies(id.account)
	if err != nil {
		return nil, err
	}
	id.role.lastUsed, id.role.lastRegion = c.now, c.region
	key := c.box.state.newSession(id.account, &session{
		kind: assumedRole, name: name, owner: id.role.name, ownerID: id.role.id,
		issued: c.now, expires: c.now.Add(life), policies: policies, limited: len(policies) > 0,
		provider: id.provider.arn, tags: tags.principal, transitive: tags.transitive, sourceIdentity: tags.source,
	})
	return struct {
		Credentials                 stsCredentials
		SubjectFromWebIdentityToken string
		AssumedRoleUser             assumedRoleUser
		PackedPolicySize            int `xml:",omitempty"`
		Provider                    string
		Audience                    string
	}{
		newSTSCredentials(key), id.claims.Subject,
		assumedRoleUser{id.role.id + ":" + name, id.account.assumedRoleARN(id.role.name, name)},
		packed, id.provider.arn, first(id.claims.audience()),
	}, nil
}

// context are the condition keys that a web identity has: those that AWS makes of
// this issuer's claims. A claim of the wrong type makes no key.
func (id *webIdentity) context(session string) map[string][]string {
	context, err := iam.WebIdentityContext(id.provider.url, id.claims.all)
	if err != nil {
		context = map[string][]string{}
	}
	context[id.provider.url+":aud"] = id.claims.audience()
	context["sts:RoleSessionName"] = []string{session}
	context["aws:FederatedProvider"] = []string{id.provider.arn}
	return context
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
