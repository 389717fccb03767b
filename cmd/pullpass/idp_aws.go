package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

const awsAudience = "sts.amazonaws.com"

// awsRole is what it takes to become an AWS role with an identity token.
type awsRole struct {
	RoleARN         string `name:"role-arn" required:"" env:"IDP_AWS_ROLE_ARN" placeholder:"ARN" help:"The role; its trust policy has to accept the token."`
	Audience        string `default:"sts.amazonaws.com" placeholder:"AUDIENCE" help:"What the role's trust policy expects as aud."`
	SessionName     string `name:"role-session-name" default:"pullpass" placeholder:"NAME" help:"Session name shown in CloudTrail."`
	DurationSeconds int32  `name:"duration-seconds" default:"3600" placeholder:"N" help:"How long the credentials live: 900 to what the role allows."`
	Region          string `env:"AWS_REGION,AWS_DEFAULT_REGION" placeholder:"REGION" help:"Whose STS to ask; us-east-1 unless given."`
}

func (r *awsRole) check() error {
	parts := strings.SplitN(r.RoleARN, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") || strings.ContainsAny(r.RoleARN, " \t\r\n\"'\\") {
		return misuse("--role-arn is not the ARN of a role", "arn:aws:iam::222222222222:role/developers")
	}
	if r.DurationSeconds < 900 || r.DurationSeconds > 43200 {
		return misuse("--duration-seconds is not between 900 and 43200", "leave it out for an hour")
	}
	if strings.ContainsAny(r.Audience+r.SessionName+r.Region, " \t\r\n\"'\\") {
		return misuse("a space or a quote is in --audience, --role-session-name or --region", "write them without")
	}
	return nil
}

// awsCredentials are those of a session.
type awsCredentials struct {
	id, region      string
	secret, session pullpass.Secret
	expires         time.Time
}

// assume gets an identity token and trades it at STS. No AWS credentials are
// looked for or used on the way.
func (r *awsRole) assume(ctx context.Context) (awsCredentials, error) {
	if err := r.check(); err != nil {
		return awsCredentials{}, err
	}
	token, err := askToken(ctx, api.IdentityTokenRequest{Audience: []string{r.Audience}})
	if err != nil {
		return awsCredentials{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithCredentialsProvider(aws.AnonymousCredentials{}),
		awsconfig.WithRegion(cmp.Or(r.Region, "us-east-1")), awsconfig.WithSharedConfigFiles([]string{}), awsconfig.WithSharedCredentialsFiles([]string{}))
	if err != nil {
		return awsCredentials{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the AWS settings of this environment", Cause: "a variable whose name begins with AWS_ has a value that the AWS SDK does not take"}
	}
	out, err := sts.NewFromConfig(c).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &r.RoleARN, RoleSessionName: &r.SessionName, DurationSeconds: &r.DurationSeconds, WebIdentityToken: aws.String(token.Token.Secret().Reveal()),
	})
	if err != nil {
		return awsCredentials{}, r.explain(err, token)
	}
	return awsCredentials{
		id: aws.ToString(out.Credentials.AccessKeyId), secret: pullpass.NewSecret(aws.ToString(out.Credentials.SecretAccessKey)),
		session: pullpass.NewSecret(aws.ToString(out.Credentials.SessionToken)), expires: aws.ToTime(out.Credentials.Expiration), region: c.Region,
	}, nil
}

// explain says what STS refused, and what the token said: the other half of what
// the trust policy compares.
func (r *awsRole) explain(err error, token api.IdentityToken) error {
	e := &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot become " + r.RoleARN, Cause: "AWS STS does not answer", Hint: "check the network, and AWS_ENDPOINT_URL_STS if it is set", Err: err}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return e
	}
	e.Kind, e.Code, e.Cause = pullpass.Denied, refusal.ErrorCode(), refusal.ErrorCode()+": "+refusal.ErrorMessage()
	e.Hint = "the token's aud is " + r.Audience + " and its sub is " + token.Subject + "; compare them with the role's trust policy"
	if refusal.ErrorCode() == "InvalidIdentityToken" {
		e.Hint = "AWS has to know the issuer and the audience " + r.Audience + ", and to reach the issuer's keys: pullpass idp check"
	}
	if strings.HasPrefix(token.Subject, "unproved:") {
		e.Hint = "the token's sub is " + token.Subject + ": prove whose the repository is (pullpass project prove NAME) and create the environment with --ref"
	}
	return e
}

type idpCredentials struct {
	AWS idpCredentialsAWS `cmd:"" name:"aws"`
}

type idpCredentialsAWS struct{ awsRole }

// Run prints what credential_process has to print: version 1 of that form.
func (r *idpCredentialsAWS) Run(ctx context.Context, t *terminal) error {
	c, err := r.assume(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(t.raw).Encode(struct { //nolint:gosec // credential_process hands secrets over; the names are AWS's
		Version         int
		AccessKeyId     string
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}{1, c.id, c.secret.Reveal(), c.session.Reveal(), c.expires.UTC().Format(time.RFC3339)})
}

type idpLogin struct {
	AWS idpLoginAWS `cmd:"" name:"aws" help:"Become an AWS role: a profile that refreshes itself, or keys with --write-keys. Needs no AWS CLI."`
}

type idpLoginAWS struct {
	awsRole
	Profile   string `default:"default" placeholder:"NAME" help:"The profile to write."`
	WriteKeys bool   `help:"Write the keys themselves. They end after --duration-seconds; the profile does not refresh them."`
}

func (l *idpLoginAWS) Run(ctx context.Context, t *terminal) error {
	if !pullpass.ValidName(l.Profile) {
		return misuse("--profile is not a name of letters, digits, dots, underscores and hyphens", "--profile default")
	}
	c, err := l.assume(ctx) // also where only a profile is written: a login that does not work is no login
	if err != nil {
		return err
	}
	files, err := awsFiles()
	if err != nil {
		return err
	}
	if l.WriteKeys {
		if err := files.writeKeys(l.Profile, c); err != nil {
			return err
		}
		t.say("Wrote keys of %s to profile %s in %s; they end at %s.", l.RoleARN, l.Profile, files.credentials, c.expires.Local().Format(time.RFC3339))
		return nil
	}
	command, err := l.process()
	if err != nil {
		return err
	}
	if err := files.writeProcess(l.Profile, command, l.Region); err != nil {
		return err
	}
	t.say("Profile %s in %s becomes %s, and refreshes itself.", l.Profile, files.config, l.RoleARN)
	t.say("Next: aws sts get-caller-identity%s", map[bool]string{true: "", false: " --profile " + l.Profile}[l.Profile == "default"])
	return nil
}

// process is the command line for credential_process. The AWS tools start it
// without a shell, and know double quotes only.
func (l *idpLoginAWS) process() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", &pullpass.Error{Kind: pullpass.Internal, What: "cannot find this program", Err: err}
	}
	if strings.ContainsAny(self, `"`+"\r\n") {
		return "", &pullpass.Error{Kind: pullpass.Invalid, What: "cannot name this program in an AWS profile", Cause: "its path has a quote in it", Hint: "move it, or use --write-keys"}
	}
	if strings.ContainsAny(self, " \t") {
		self = `"` + self + `"`
	}
	words := []string{self, "idp", "credentials", "aws", "--role-arn", l.RoleARN, "--duration-seconds", itoa(l.DurationSeconds), "--role-session-name", l.SessionName}
	if l.Audience != awsAudience {
		words = append(words, "--audience", l.Audience)
	}
	if l.Region != "" {
		words = append(words, "--region", l.Region)
	}
	return strings.Join(words, " "), nil
}
