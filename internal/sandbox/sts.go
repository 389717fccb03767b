package sandbox

import (
	"time"
)

func (b *Sandbox) stsService() *service {
	return &service{
		name:     "sts",
		protocol: queryProtocol{namespace: "https://sts.amazonaws.com/doc/2011-06-15/", version: "2011-06-15"},
		operations: map[string]operation{
			"GetCallerIdentity":         {run: getCallerIdentity},
			"AssumeRole":                {run: assumeRole},
			"AssumeRoleWithWebIdentity": {anonymous: true, before: verifyWebIdentity, run: assumeRoleWithWebIdentity},
			"GetSessionToken":           {run: getSessionToken},
			"GetFederationToken":        {run: getFederationToken},
			"GetAccessKeyInfo":          {run: getAccessKeyInfo},
		},
	}
}

type stsCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      isoTime
}

func newSTSCredentials(c *credential) stsCredentials {
	return stsCredentials{c.id, c.secret.Reveal(), c.session.token.Reveal(), isoTime(c.session.expires)}
}

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// getCallerIdentity needs no permission: AWS answers it even under an explicit deny.
func getCallerIdentity(c *call) (any, *apiError) {
	return callerIdentity{c.principal.arn(), c.principal.userID(), c.principal.account.id}, nil
}

func getAccessKeyInfo(c *call) (any, *apiError) {
	if err := c.authorize("sts:GetAccessKeyInfo", "*", c.principal.account, nil); err != nil {
		return nil, err
	}
	key := c.box.state.keys[c.form.Get("AccessKeyId")]
	if key == nil {
		return nil, badRequest("ValidationError", "The access key does not exist.")
	}
	return struct{ Account string }{key.account.id}, nil
}

// getSessionToken gives a user temporary keys with the user's own permissions.
func getSessionToken(c *call) (any, *apiError) {
	if c.principal.session != nil {
		return nil, accessDenied("Cannot call GetSessionToken with session credentials")
	}
	life, err := c.seconds("DurationSeconds", 12*time.Hour)
	if err != nil {
		return nil, err
	}
	if err := withinSeconds(life, 15*time.Minute, 36*time.Hour); err != nil {
		return nil, err
	}
	mfa, err := c.withMFA()
	if err != nil {
		return nil, err
	}
	key := c.box.state.newSession(c.principal.account, &session{
		kind: userSession, mfa: mfa, owner: c.principal.entity.name, ownerID: c.principal.entity.id,
		issued: c.now, expires: c.now.Add(life),
	})
	return struct{ Credentials stsCredentials }{newSTSCredentials(key)}, nil
}

type federationResult struct {
	Credentials      stsCredentials
	FederatedUser    federatedUserResult
	PackedPolicySize int
}

type federatedUserResult struct {
	FederatedUserID string `xml:"FederatedUserId"`
	Arn             string
}

// getFederationToken gives a user a session limited by session policies:
// without any it can do nothing that an identity policy would have to allow.
func getFederationToken(c *call) (any, *apiError) {
	if c.principal.session != nil {
		return nil, accessDenied("Cannot call GetFederationToken with session credentials")
	}
	name := c.form.Get("Name")
	if !federationNamePattern.MatchString(name) {
		return nil, errConstraint("name", `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	life, err := c.seconds("DurationSeconds", 12*time.Hour)
	if err != nil {
		return nil, err
	}
	if err := withinSeconds(life, 15*time.Minute, 36*time.Hour); err != nil {
		return nil, err
	}
	policies, packed, err := c.sessionPolicies(c.principal.account)
	if err != nil {
		return nil, err
	}
	a := c.principal.account
	resource := a.federatedUserARN(name)
	if err := c.authorize("sts:GetFederationToken", resource, a, nil); err != nil {
		return nil, err
	}
	key := c.box.state.newSession(a, &session{
		kind: federatedUser, name: name, owner: c.principal.entity.name, ownerID: c.principal.entity.id,
		issued: c.now, expires: c.now.Add(life), policies: policies, limited: true, tags: c.sessionTags(),
	})
	return federationResult{
		Credentials:      newSTSCredentials(key),
		FederatedUser:    federatedUserResult{a.id + ":" + name, resource},
		PackedPolicySize: packed,
	}, nil
}

// errConstraint is the query services' answer to a parameter of the wrong shape.
func errConstraint(parameter, constraint string) *apiError {
	return errValidation(
		"1 validation error detected: Value at '%s' failed to satisfy constraint: %s",
		parameter,
		constraint,
	)
}

func withinSeconds(d, least, most time.Duration) *apiError {
	if d < least {
		return errConstraint("durationSeconds", "Member must have value greater than or equal to "+secondsText(least))
	}
	if d > most {
		return errConstraint("durationSeconds", "Member must have value less than or equal to "+secondsText(most))
	}
	return nil
}
