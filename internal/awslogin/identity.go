package awslogin

import (
	"cmp"
	"context"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awscall"
	"github.com/pullpass/pullpass/internal/helper"
	"github.com/pullpass/pullpass/internal/printable"
)

const (
	// sessionName is what CloudTrail shows where the configuration says nothing.
	sessionName = "docker-credential-pullpass"
	// sessionLife is the longest that every role allows, also one that is assumed from
	// another. The SDK asks for 15 minutes, and a token would end with them.
	sessionLife = time.Hour
)

// identity is the first identity with the roles above it. The region is the host's: a
// profile need not have one.
func (i *Issuer) identity(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(i.mint.Region),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
			if o.Duration == 0 { // the profile says nothing
				o.Duration = sessionLife
			}
		}),
	}
	if i.mint.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(i.mint.Profile))
	}
	if k := i.mint.AccessKey; k != nil {
		secret, err := readSecret(k.SecretFile)
		if err != nil {
			return aws.Config{}, err
		}
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(k.ID, secret, "")))
	}
	if i.mint.WebIdentity != nil {
		options = append(options, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	if err := i.pointSTS(); err != nil {
		return aws.Config{}, err
	}
	cfg, err := awscall.LoadAmbient(ctx, options...)
	if err != nil {
		return aws.Config{}, notFound(ctx, err)
	}
	if w := i.mint.WebIdentity; w != nil {
		cfg.Credentials = hop{w.Role, stscreds.NewWebIdentityRoleProvider(i.sts(cfg), w.Role, stscreds.IdentityTokenFile(w.TokenFile),
			func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = cmp.Or(w.SessionName, sessionName) })}
	}
	for _, role := range i.mint.Roles {
		cfg.Credentials = hop{role.ARN, stscreds.NewAssumeRoleProvider(i.sts(cfg), role.ARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName, o.Duration = cmp.Or(role.SessionName, sessionName), sessionLife
			if role.ExternalID != "" {
				o.ExternalID = aws.String(role.ExternalID)
			}
		})}
	}
	return cfg, nil
}

// pointSTS tells the SDK where STS is for the roles of profiles: it looks for that in no
// other place than this variable.
func (i *Issuer) pointSTS() error {
	const name = "AWS_ENDPOINT_URL_STS"
	url := cmp.Or(os.Getenv("AWS_ENDPOINT_URL"), i.mint.STS)
	if url == "" || os.Getenv(name) != "" || os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true" {
		return nil
	}
	return os.Setenv(name, url)
}

// sts is asked as whoever cfg is now.
func (i *Issuer) sts(cfg aws.Config) *sts.Client {
	return sts.NewFromConfig(cfg, func(o *sts.Options) { o.BaseEndpoint = i.endpoint(o.BaseEndpoint, i.mint.STS) })
}

// hop names the role at which a ladder breaks.
type hop struct {
	role string
	aws.CredentialsProvider
}

// Retrieve implements aws.CredentialsProvider.
func (h hop) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := h.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return c, &awscall.HopError{Role: h.role, Err: err}
	}
	return c, nil
}

const maxSecretFile = 4 << 10

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxSecretFile {
		return "", &pullpass.Error{Kind: pullpass.Invalid, Cause: path + " is too large for a secret access key", Hint: "correct accessKey.secretFile"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", &pullpass.Error{Kind: pullpass.Invalid, Err: err, Cause: "cannot read the secret of the access key", Hint: "correct accessKey.secretFile in " + helper.ConfigPath()}
	}
	return strings.TrimSpace(string(text)), nil
}

// reason is the sentence of the SDK that tells a person something: it nests many.
func reason(err error) string {
	text := err.Error()
	for _, known := range []struct{ has, say string }{
		{"failed to get shared config profile", "the profile is not in AWS's configuration"},
		{"error in credential_process", "the profile's credential_process failed"},
		{"SSO", "the SSO login is over or was never made"},
		{"InvalidToken", "the SSO login is over or was never made"},
		{"ec2imds", ""}, // there is no instance, or it says nothing: that is the usual sentence
		{"EC2 IMDS", ""},
	} {
		if strings.Contains(text, known.has) {
			return known.say
		}
	}
	text = strings.TrimPrefix(text, "failed to refresh cached credentials, ")
	line, _, _ := strings.Cut(text, "\n")
	return printable.Line(line, awscall.MaxShown)
}
