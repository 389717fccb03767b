package sandbox

import (
	"crypto/subtle"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
)

// credential is one access key: a user's long-term one, or a session's.
type credential struct {
	id       string
	secret   pullpass.Secret
	account  *account
	userName string // long-term key: whose
	userID   string
	session  *session // nil for a long-term key
	inactive bool
	created  time.Time
	lastUsed time.Time
	lastUse  [2]string // service, region
}

// carries reports whether the session token of a request belongs to the key: a
// session's keys are nothing without it, and a user's take none.
func (c *credential) carries(token string) bool {
	if c.session == nil {
		return token == ""
	}
	return subtle.ConstantTimeCompare([]byte(token), []byte(c.session.token.Reveal())) == 1
}

type sessionKind int

const (
	assumedRole   sessionKind = iota // AssumeRole, web identity, instance profile
	userSession                      // GetSessionToken
	federatedUser                    // GetFederationToken
)

// session is a temporary identity.
type session struct {
	kind     sessionKind
	token    pullpass.Secret
	name     string // role session name, or the federated user's name
	owner    string // name of the role or user behind it
	ownerID  string // its unique id: a role created anew under the name is another
	issued   time.Time
	expires  time.Time
	policies []policyDocument // session policies
	// limited says that session policies were given; without any the session
	// has all that its role has. A federated user without them has nothing.
	limited        bool
	chained        bool // made from another role session
	mfa            bool // made with the code of an MFA device
	tags           map[string]string
	transitive     []string
	sourceIdentity string
	provider       string // ARN of the identity provider of a web identity
}

// principal is who asks, resolved against the state of now: a role's policies
// may have changed since its session began.
type principal struct {
	account *account
	entity  *entity // nil only for an anonymous caller
	session *session
	isRole  bool
	keyID   string
}

// arn names the principal as GetCallerIdentity does.
func (p *principal) arn() string {
	switch {
	case p.session == nil, p.session.kind == userSession:
		return p.entity.arn
	case p.session.kind == federatedUser:
		return p.account.federatedUserARN(p.session.name)
	}
	return p.account.assumedRoleARN(p.entity.name, p.session.name)
}

// policyARN is aws:PrincipalArn: of a role session, the role's.
func (p *principal) policyARN() string {
	if p.isRole {
		return p.entity.arn
	}
	return p.arn()
}

// userID is aws:userid.
func (p *principal) userID() string {
	switch {
	case p.session == nil, p.session.kind == userSession:
		return p.entity.id
	case p.session.kind == federatedUser:
		return p.account.id + ":" + p.session.name
	}
	return p.entity.id + ":" + p.session.name
}

// principalTags are the entity's tags under the session's.
func (p *principal) principalTags() map[string]string {
	tags := maps.Clone(p.entity.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	if p.session != nil {
		maps.Copy(tags, p.session.tags)
	}
	return tags
}

func (p *principal) describe(now time.Time, set func(key, value string)) {
	switch {
	case p.isRole:
		set("aws:PrincipalType", "AssumedRole")
	case p.session != nil && p.session.kind == federatedUser:
		set("aws:PrincipalType", "FederatedUser")
	default:
		set("aws:PrincipalType", "User")
		set("aws:username", p.entity.name)
	}
	if p.session == nil {
		return
	}
	// Temporary credentials always say it, long-term keys never do:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
	set("aws:MultiFactorAuthPresent", strconv.FormatBool(p.session.mfa))
	if p.session.mfa {
		set("aws:MultiFactorAuthAge", strconv.Itoa(int(now.Sub(p.session.issued)/time.Second)))
	}
	set("aws:TokenIssueTime", p.session.issued.UTC().Format("2006-01-02T15:04:05Z"))
	set("aws:SourceIdentity", p.session.sourceIdentity)
	set("aws:FederatedProvider", p.session.provider)
}

func (a *account) assumedRoleARN(role, name string) string {
	return a.partition.STS(a.id, "assumed-role/"+role+"/"+name)
}

func (a *account) federatedUserARN(name string) string {
	return a.partition.STS(a.id, "federated-user/"+name)
}

// resolve finds who stands behind a key now. The caller holds the lock.
func (s *state) resolve(c *credential, now time.Time) (*principal, *apiError) {
	p := &principal{account: c.account, session: c.session, keyID: c.id}
	if c.session == nil {
		u := c.account.users[c.userName]
		if u == nil || u.id != c.userID || c.inactive {
			return nil, errUnknownKey()
		}
		p.entity = &u.entity
		return p, nil
	}
	if !now.Before(c.session.expires) {
		return nil, errExpiredToken()
	}
	if c.session.kind == assumedRole {
		r := c.account.roles[c.session.owner]
		if r == nil || r.id != c.session.ownerID {
			return nil, errUnknownKey()
		}
		p.entity, p.isRole = &r.entity, true
		return p, nil
	}
	u := c.account.users[c.session.owner]
	if u == nil || u.id != c.session.ownerID {
		return nil, errUnknownKey()
	}
	p.entity = &u.entity
	return p, nil
}

// newSession gives s a key pair and remembers it. The caller holds the lock.
func (s *state) newSession(a *account, sess *session) *credential {
	sess.token = pullpass.NewSecret(newSessionToken())
	c := &credential{
		id: newAccessKeyID(prefixSession), secret: pullpass.NewSecret(newSecretKey()),
		account: a, session: sess, created: sess.issued,
	}
	s.forgetExpired(sess.issued)
	s.keys[c.id] = c
	return c
}

// forgetExpired drops sessions a day after their end: until then a caller with
// an old key is told that it expired rather than that it is unknown.
func (s *state) forgetExpired(now time.Time) {
	if now.Sub(s.swept).Abs() < time.Minute {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.keys, func(_ string, c *credential) bool {
		return c.session != nil && now.Sub(c.session.expires) > 24*time.Hour
	})
	maps.DeleteFunc(s.tokens, func(_ tokenHash, t *registryToken) bool {
		return now.Sub(t.expires) > 24*time.Hour
	})
}

// addKey gives u a long-term key. The caller holds the lock.
func (s *state) addKey(a *account, u *user, id string, secret pullpass.Secret, now time.Time) *credential {
	c := &credential{id: id, secret: secret, account: a, userName: u.name, userID: u.id, created: now}
	u.keys = append(u.keys, c)
	s.keys[id] = c
	return c
}

func (s *state) removeKey(u *user, id string) bool {
	i := slices.IndexFunc(u.keys, func(c *credential) bool { return c.id == id })
	if i < 0 {
		return false
	}
	u.keys = slices.Delete(u.keys, i, i+1)
	delete(s.keys, id)
	return true
}
