package awscall

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/printable"
)

// ErrNoIdentity says that this machine has no AWS identity.
var ErrNoIdentity = &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_no_identity",
	Cause: "this machine has no AWS identity: no key, profile, web identity, container or instance role was found",
	Hint:  "give it one, or use an integration with a role or an access key; on EC2 check that IMDSv2 answers with a hop limit that reaches this process"}

// failure is what is kept of an AWS error for the log: SDK errors hold more,
// and a signature error's message holds the session token.
type failure struct{ code, requestID string }

func (f *failure) Error() string { return "AWS: " + f.code + " (request " + f.requestID + ")" }

const (
	clockEdge = 4 * time.Minute // AWS refuses from 5 on
	// MaxShown is how many characters of AWS's own words are shown.
	MaxShown = 600
)

// CodePolicyTooLarge is AWS's word that a session policy with its tags is too large.
const CodePolicyTooLarge = "session_policy_too_large"

// Explain turns an AWS error into kind, cause and hint.
func Explain(what string, err error, now time.Time) error {
	var ours *pullpass.Error
	if errors.As(err, &ours) {
		out := *ours
		if out.What != "" && out.Cause != "" {
			out.Cause = out.What + ": " + out.Cause
		}
		out.What = what
		return at(err, &out)
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		e := fromCode(api)
		e.What, e.Err = what, &failure{api.ErrorCode(), requestID(err)}
		if skew, ok := clockSkew(err, now); ok {
			e.Code, e.Cause = "aws_clock", "this machine's clock differs from AWS's by "+skew.Round(time.Second).String()
			e.Hint = "set the clock (NTP) and try again"
		}
		return at(err, e)
	}
	e := &pullpass.Error{
		Kind:  pullpass.Unavailable,
		Code:  "aws_unreachable",
		What:  what,
		Cause: "AWS does not answer",
		Hint:  "try again; check the route to sts and api.ecr, or their VPC endpoints",
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		e.Code, e.Cause, e.Hint, e.Err = "canceled", "the request was canceled", "", context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Code, e.Cause, e.Err = "aws_timeout", "AWS did not answer in time", context.DeadlineExceeded
	case errors.Is(err, ErrNoSession):
		e.Code, e.Cause = "aws_answer", "STS's answer holds no usable session"
	}
	return at(err, e)
}

// at adds the role at which the ladder broke.
func at(err error, e *pullpass.Error) error {
	var hop *HopError
	if errors.As(err, &hop) && e.Cause != "" {
		e.Cause = "at role " + hop.Role + ": " + e.Cause
	}
	return e
}

func fromCode(api smithy.APIError) *pullpass.Error {
	message := printable.Line(api.ErrorMessage(), MaxShown)
	is := func(kind pullpass.Kind, code, cause, hint string) *pullpass.Error {
		return &pullpass.Error{Kind: kind, Code: code, Cause: cause, Hint: hint}
	}
	switch code := api.ErrorCode(); code {
	case "AccessDenied", "AccessDeniedException":
		return is(pullpass.Denied, pullpass.CodeAWSDenied, message, deniedHint(message))
	case "InvalidClientTokenId", "UnrecognizedClientException":
		return is(
			pullpass.Denied,
			"aws_key_unknown",
			"AWS does not know this access key: it was deleted, is of another partition, or the region has to be enabled first",
			"update the integration with a new key; for a region that has to be enabled, use its regional STS endpoint",
		)
	case "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature":
		// AWS has one code for both; its sentence begins differently.
		if strings.HasPrefix(message, "Signature expired") || strings.HasPrefix(message, "Signature not yet current") {
			return is(pullpass.Denied, "aws_clock", "this machine's clock is off", "set the clock (NTP) and try again")
		}
		return is(
			pullpass.Denied,
			"aws_signature",
			"the secret does not belong to the access key, or this machine's clock is off",
			"update the integration with the key's secret; check the clock",
		)
	case "RequestExpired", "RequestTimeTooSkewed":
		return is(pullpass.Denied, "aws_clock", "this machine's clock is off", "set the clock (NTP) and try again")
	case "ExpiredToken", "ExpiredTokenException":
		return is(
			pullpass.Denied,
			"aws_expired",
			"the session or token has expired",
			"try again; if it stays, renew what the identity is made from (SSO login, mounted token)",
		)
	case "Throttling",
		"ThrottlingException",
		"ThrottledException",
		"TooManyRequestsException",
		"RequestLimitExceeded",
		"RequestThrottled",
		"SlowDown":
		return is(
			pullpass.Limited,
			"aws_throttled",
			"AWS is asked too often in this account and region",
			"try again in a few seconds",
		)
	case "InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim":
		return is(pullpass.Denied, "aws_identity_token", message, tokenHint(message))
	case "RegionDisabledException":
		return is(
			pullpass.Denied,
			"aws_region_disabled",
			"STS is not enabled for this region in the account",
			"enable the region's STS endpoint in the account's settings, or set another region in the integration",
		)
	case "PackedPolicyTooLarge", "PackedPolicyTooLargeException":
		return is(pullpass.Invalid, CodePolicyTooLarge, message, "use fewer session tags")
	case "MalformedPolicyDocument", "MalformedPolicyDocumentException":
		return is(pullpass.Invalid, "aws_policy", message, "use fewer session tags, or fewer repositories in one environment")
	case "ValidationError", "ValidationException", "InvalidParameterException", "InvalidParameterValue":
		return is(pullpass.Invalid, "aws_invalid", message, "check the integration's role ARNs, external ids and tags")
	default:
		if api.ErrorFault() == smithy.FaultClient {
			return is(pullpass.Denied, "aws_refused", printable.Line(code, MaxShown)+": "+message, "")
		}
		return is(pullpass.Unavailable, "aws_failed", "AWS failed: "+printable.Line(code, MaxShown), "try again in a moment")
	}
}

// deniedHint reads AWS's sentence for display: nothing is decided by it.
func deniedHint(message string) string {
	refusal, _ := iam.ParseRefusal(message)
	switch {
	case refusal.Fix() != "":
		return refusal.Fix()
	case strings.Contains(message, "explicit deny"):
		return "change the denying policy; no Allow can overrule it"
	case strings.Contains(message, "ecr:GetAuthorizationToken"):
		return `allow ecr:GetAuthorizationToken in an identity policy with "Resource": "*"; in a repository policy it has no effect`
	case strings.Contains(message, "sts:AssumeRoleWithWebIdentity"):
		return "let the role's trust policy name the OIDC provider, the audience and this subject"
	case strings.Contains(message, "sts:AssumeRole"):
		return "the role's trust policy has to name the caller, and the caller's identity policy has to allow sts:AssumeRole on the role; check the external id"
	}
	return "compare the identity policy with what AWS names"
}

func tokenHint(message string) string {
	if strings.Contains(message, "audience") {
		return "add the audience to the OIDC provider's client ids in the role's account"
	}
	return "create an OIDC provider for the issuer in the role's own account"
}

func requestID(err error) string {
	var r interface{ ServiceRequestID() string }
	if errors.As(err, &r) {
		return strconv.Quote(printable.Line(r.ServiceRequestID(), MaxShown))
	}
	return "unknown"
}

// clockSkew compares a refusal's date with ours, where the code is one that a
// wrong clock causes.
func clockSkew(err error, now time.Time) (time.Duration, bool) {
	var api smithy.APIError
	var r *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &r) || r.Response == nil {
		return 0, false
	}
	switch api.ErrorCode() {
	case "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed":
	default:
		return 0, false
	}
	theirs, parseErr := http.ParseTime(r.Response.Header.Get("Date"))
	if parseErr != nil {
		return 0, false
	}
	skew := now.Sub(theirs)
	return skew, skew.Abs() > clockEdge
}

// ErrNoSession says that STS answered without a session.
var ErrNoSession = errors.New("STS gave no session")

// HopError remembers at which role a ladder of roles broke.
type HopError struct {
	Role string
	Err  error
}

func (e *HopError) Error() string { return "assuming role " + e.Role }
func (e *HopError) Unwrap() error { return e.Err }
