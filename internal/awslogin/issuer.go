package awslogin

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/helper"
)

// Issuer asks AWS. It keeps nothing: the helper does.
type Issuer struct {
	mint helper.Mint
	now  func() time.Time
}

// New returns an issuer for one registry and identity.
func New(m helper.Mint) *Issuer { return &Issuer{mint: m, now: time.Now} }

// Identity is not asked for here: the helper knows it before it asks.
func (i *Issuer) Identity() string { return "aws" }

// Hosts is empty: what an identity reaches is not known.
func (i *Issuer) Hosts(context.Context) ([]string, error) { return nil, nil }

// Credential asks for the token of a host. It ends with the token or with the session
// that asked for it, whichever is first. The error has three parts.
func (i *Issuer) Credential(ctx context.Context, a helper.Ask) (pullpass.Credential, error) {
	what := "cannot get a token for " + a.Host
	c, err := i.credential(ctx, a.Host)
	if err != nil {
		return pullpass.Credential{}, advise(awscall.Explain(what, err, i.now()))
	}
	return c, nil
}

func (i *Issuer) credential(ctx context.Context, host string) (pullpass.Credential, error) {
	cfg, err := i.identity(ctx)
	if err != nil {
		return pullpass.Credential{}, err
	}
	session, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return pullpass.Credential{}, notFound(ctx, err)
	}
	text, expires, err := i.token(ctx, cfg)
	if err != nil {
		return pullpass.Credential{}, err
	}
	username, password, ok := decode(text)
	if !ok || expires == nil {
		return pullpass.Credential{}, &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_answer", Cause: "ECR's answer holds no usable token"}
	}
	c := pullpass.Credential{Host: host, Username: username, Secret: pullpass.NewSecret(password), Expires: *expires, Unscoped: true}
	// Whether a token outlives the session that asked for it is not documented.
	if session.CanExpire && session.Expires.Before(c.Expires) {
		c.Expires = session.Expires
	}
	return c, nil
}

func (i *Issuer) token(ctx context.Context, cfg aws.Config) (text *string, expires *time.Time, err error) {
	if i.mint.Public {
		out, err := ecrpublic.NewFromConfig(cfg, func(o *ecrpublic.Options) { o.BaseEndpoint = i.endpoint(o.BaseEndpoint, i.mint.Endpoint) }).
			GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
		if err != nil || out.AuthorizationData == nil {
			return nil, nil, err
		}
		return out.AuthorizationData.AuthorizationToken, out.AuthorizationData.ExpiresAt, nil
	}
	out, err := ecr.NewFromConfig(cfg, func(o *ecr.Options) { o.BaseEndpoint = i.endpoint(o.BaseEndpoint, i.mint.Endpoint) }).
		GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil || len(out.AuthorizationData) == 0 {
		return nil, nil, err
	}
	return out.AuthorizationData[0].AuthorizationToken, out.AuthorizationData[0].ExpiresAt, nil
}

// endpoint is the person's own word where there is one (AWS_ENDPOINT_URL, a profile),
// then what the host or the helper's configuration says, then the SDK's choice.
func (i *Issuer) endpoint(given *string, ours string) *string {
	if given != nil || ours == "" {
		return given
	}
	return aws.String(ours)
}

func decode(text *string) (username, password string, ok bool) {
	plain, err := base64.StdEncoding.DecodeString(aws.ToString(text))
	if err != nil {
		return "", "", false
	}
	username, password, ok = strings.Cut(string(plain), ":")
	return username, password, ok && username != "" && password != ""
}

// notFound tells an identity that is not there from one that AWS or a program refuses.
func notFound(ctx context.Context, err error) error {
	var refused smithy.APIError
	var known *pullpass.Error
	var unsent *smithyhttp.RequestSendError
	away := errors.As(err, &unsent) && !strings.Contains(err.Error(), "IMDS") && !strings.Contains(err.Error(), "imds")
	if ctx.Err() != nil || away || errors.As(err, &refused) || errors.As(err, &known) {
		return err
	}
	return &unfound{err}
}

// unfound keeps what the SDK said of an identity that it could not load.
type unfound struct{ err error }

func (u *unfound) Error() string { return u.err.Error() }

func (u *unfound) As(target any) bool {
	e, ok := target.(**pullpass.Error)
	if !ok {
		return false
	}
	none := *awscall.ErrNoIdentity
	if cause := reason(u.err); cause != "" {
		none.Cause = "no AWS identity could be loaded: " + cause
	}
	*e = &none
	return true
}

// advise replaces hints that are for a server's integrations.
func advise(err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	switch e.Code {
	case awscall.ErrNoIdentity.Code:
		out.Hint = "set AWS_PROFILE, log in (aws sso login), or name a profile in " + cmp.Or(helper.ConfigPath(), "the helper's configuration")
	case "aws_key_unknown":
		out.Hint = "give a new key" + as() + "; a region that has to be enabled first needs its regional STS endpoint"
	case "aws_signature":
		out.Hint = "give the key's own secret" + as() + "; check the clock"
	case "aws_expired":
		out.Hint = "renew what the identity is made from: aws sso login, a new session, the mounted token"
	case "aws_timeout", "aws_unreachable":
		out.Hint = "check the route to sts and api.ecr of the region, or their VPC endpoints; " + helper.EnvTimeout + " allows more time"
	case "aws_invalid":
		out.Hint = "check the role ARNs and external ids of the profile or of the helper's configuration"
	}
	return &out
}

// as names where the identity comes from, as far as it is simple.
func as() string {
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		return " in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return " in the profile"
}
