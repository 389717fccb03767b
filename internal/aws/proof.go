package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// What a proof's request is made of, beside the parts that the runner chose.
const (
	proofAlgorithm = "AWS4-HMAC-SHA256"
	proofVersion   = "2011-06-15"
	proofLife      = "300" // seconds; STS allows 15 minutes at most
	maxProofToken  = 8 << 10
	maxProofAnswer = 64 << 10
)

// proofHeaders is what the request signs, in the form of X-Amz-SignedHeaders.
var proofHeaders = "host;" + strings.ToLower(pullpass.ChallengeHeader)

func proofQuery() url.Values {
	return url.Values{"Action": {"GetCallerIdentity"}, "Version": {proofVersion}}
}

func proofRequest(ctx context.Context, endpoint *url.URL, bound string) (*http.Request, error) {
	u := &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: "/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(pullpass.ChallengeHeader, bound)
	return req, nil
}

func emptyHash() string {
	sum := sha256.Sum256(nil)
	return hex.EncodeToString(sum[:])
}

// Prover asks AWS who signed a proof.
type Prover struct {
	// HTTP is the egress client: nothing else may reach what a runner names.
	HTTP aws.HTTPClient
	// STSEndpoint is where the operator's mappings have STS in a region, else AWS's.
	STSEndpoint func(region string) string
}

var (
	proofDate      = regexp.MustCompile(`^\d{8}T\d{6}Z$`)
	proofSignature = regexp.MustCompile(`^[0-9a-f]{64}$`)
	proofKey       = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	proofDay       = regexp.MustCompile(`^\d{8}$`)
)

// Principal sends the request that a runner signed, and returns the role or user
// that AWS says signed it, as policies name it. The address is rebuilt: STS of a
// region that AWS has, or where the operator says that STS is; the runner's text
// decides which of the two, and nothing else.
func (p *Prover) Principal(ctx context.Context, proof pullpass.IdentityProof, bound string) (string, error) {
	endpoint, partition, err := p.endpoint(proof)
	if err != nil {
		return "", err
	}
	req, err := proofRequest(ctx, endpoint, bound)
	if err != nil {
		return "", err
	}
	q := proofQuery()
	q.Set("X-Amz-Algorithm", proofAlgorithm)
	q.Set("X-Amz-Credential", proof.Credential)
	q.Set("X-Amz-Date", proof.Date)
	q.Set("X-Amz-Expires", proofLife)
	q.Set("X-Amz-SignedHeaders", proofHeaders)
	if !proof.Token.Empty() {
		q.Set("X-Amz-Security-Token", proof.Token.Reveal())
	}
	q.Set("X-Amz-Signature", proof.Signature)
	req.URL.RawQuery = q.Encode()
	account, arn, err := p.ask(req)
	if err != nil {
		return "", err
	}
	return principalOf(partition, account, arn)
}

func unproved(cause, hint string) error {
	return &pullpass.Error{
		Kind:  pullpass.Denied,
		Code:  "aws_identity_not_proved",
		What:  "cannot confirm the runner's AWS identity",
		Cause: cause,
		Hint:  hint,
	}
}

// endpoint rebuilds the address from the parts; partition is empty where the
// operator maps it.
func (p *Prover) endpoint(proof pullpass.IdentityProof) (*url.URL, awsname.Partition, error) {
	malformed := unproved(
		"its request is not one that the SDK signs for sts:GetCallerIdentity",
		"use the runner of this version",
	)
	scope := strings.Split(proof.Credential, "/")
	if len(scope) != 5 || !proofKey.MatchString(scope[0]) || !proofDay.MatchString(scope[1]) || scope[3] != "sts" || scope[4] != "aws4_request" ||
		!proofDate.MatchString(proof.Date) || !strings.HasPrefix(proof.Date, scope[1]) ||
		!proofSignature.MatchString(proof.Signature) ||
		len(proof.Token.Reveal()) > maxProofToken {
		return nil, "", malformed
	}
	region := scope[2]
	if !awsname.ValidRegion(region) {
		return nil, "", malformed
	}
	if mapped, err := url.Parse(p.STSEndpoint(region)); err == nil && mapped.Host == proof.Host {
		if e, ok := awsname.ParseEndpoint(mapped.Host); ok {
			return mapped, e.Partition, nil
		}
		return mapped, "", nil
	}
	e, ok := awsname.ParseEndpoint(proof.Host)
	if !ok || e.Service != "sts" || (e.Region != "" && e.Region != region) {
		return nil, "", unproved(
			"it is signed for a host that is not STS of its region, and no mapping of this server's operator names it",
			"give runner and server the same --host mapping with sts=, or neither",
		)
	}
	return &url.URL{Scheme: "https", Host: proof.Host}, e.Partition, nil
}

// ask sends the request. What AWS answers to a refused one is its own text, and
// not repeated: its error code is enough.
func (p *Prover) ask(req *http.Request) (account, arn string, err error) {
	const within = 10 * time.Second
	ctx, cancel := context.WithTimeout(req.Context(), within)
	defer cancel()
	unreachable := func(err error) error {
		return &pullpass.Error{
			Kind:  pullpass.Unavailable,
			Code:  "aws_identity_not_asked",
			What:  "cannot confirm the runner's AWS identity",
			Err:   err,
			Cause: "this server does not reach STS at " + req.URL.Host,
			Hint:  "let the server reach it; for an endpoint on a private address: pullpass server --allow-egress ADDRESS",
		}
	}
	resp, err := p.HTTP.Do(req.WithContext(ctx))
	if err != nil {
		return "", "", unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProofAnswer))
	if err != nil {
		return "", "", unreachable(err)
	}
	var answer struct {
		Result struct {
			Arn     string
			Account string
		} `xml:"GetCallerIdentityResult"`
		Error struct{ Code string } `xml:"Error"`
	}
	readable := xml.Unmarshal(data, &answer) == nil
	switch {
	case resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests:
		return "", "", unreachable(nil)
	case resp.StatusCode != http.StatusOK && readable && errorCode.MatchString(answer.Error.Code):
		return "", "", unproved(
			"STS refuses the request that it signed: "+answer.Error.Code,
			"check that the machine's AWS credentials are in force, and its clock",
		)
	case resp.StatusCode != http.StatusOK || !readable:
		return "", "", unproved(
			"STS refuses the request that it signed",
			"check that the machine's AWS credentials are in force, and its clock",
		)
	}
	return answer.Result.Account, answer.Result.Arn, nil
}

var errorCode = regexp.MustCompile(`^[A-Za-z.]{1,64}$`)

// principalOf is the role or user of what STS answered. A session is named by its
// role; the root of an account, federated users and what is no IAM name are nobody
// that a policy should name.
func principalOf(partition awsname.Partition, account, text string) (string, error) {
	strange := unproved(
		"AWS names it as neither a role nor a user",
		"give the machine a role of its own: an instance profile, IRSA or EKS Pod Identity",
	)
	if role, ok := awsname.RoleOfSession(text); ok {
		text = role
	}
	arn, ok := awsname.ParseARN(text)
	if !ok || arn.Account != account || (partition != "" && arn.Partition != string(partition)) ||
		!awsname.IsRoleOrUser(text) {
		return "", strange
	}
	return text, nil
}
