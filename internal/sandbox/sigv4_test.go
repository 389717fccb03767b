package sandbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const whoAmI = "Action=GetCallerIdentity&Version=2011-06-15"

// attempt is one request on its way to be spoilt.
type attempt struct {
	service, region, body string
	at                    time.Time
	credentials           aws.Credentials
	target                string // X-Amz-Target: the JSON protocol
}

func (a attempt) send(t *testing.T, b *box, spoil func(*http.Request)) (int, string) {
	t.Helper()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, b.Endpoint()+"/", strings.NewReader(a.body)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.target != "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", a.target)
	}
	sum := sha256.Sum256([]byte(a.body))
	if err := v4.NewSigner().SignHTTP(t.Context(), a.credentials, r, hex.EncodeToString(sum[:]), a.service, a.region, a.at); err != nil {
		t.Fatalf("sign: %v", err)
	}
	spoil(r)
	return b.do(t, r)
}

func (b *box) do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := b.http.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text := must[[]byte](t)(io.ReadAll(answer.Body))
	return answer.StatusCode, html.UnescapeString(string(text))
}

func setBody(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(text))), int64(len(text))
	}
}

func editHeader(name, from, to string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, strings.Replace(r.Header.Get(name), from, to, 1)) }
}

func TestSignatureIsChecked(t *testing.T) {
	b := start(t, defaultConfig())
	good := must[aws.Credentials](t)(b.pullpass().Credentials.Retrieve(t.Context()))
	wrong, unknown, tokened := good, good, good
	wrong.SecretAccessKey = strings.Repeat("x", 40)
	unknown.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA"
	tokened.SessionToken = "made-up"
	const (
		mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
		invalid  = "The security token included in the request is invalid."
	)
	tests := []struct {
		name   string
		change func(*attempt)
		spoil  func(*http.Request)
		status int
		want   string
	}{
		{"good", nil, noChange, 200, "arn:aws:iam::111111111111:user/pullpass"},
		{"four minutes old", func(a *attempt) { a.at = a.at.Add(-4 * time.Minute) }, noChange, 200, "user/pullpass"},
		{"six minutes old", func(a *attempt) { a.at = a.at.Add(-6 * time.Minute) }, noChange, 403, "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: "},
		{"from the future", func(a *attempt) { a.at = a.at.Add(6 * time.Minute) }, noChange, 403, "Signature not yet current: "},
		{"wrong secret", func(a *attempt) { a.credentials = wrong }, noChange, 403, "<Code>SignatureDoesNotMatch</Code><Message>" + mismatch},
		{"unknown key", func(a *attempt) { a.credentials = unknown }, noChange, 403, "<Code>InvalidClientTokenId</Code><Message>" + invalid},
		{"session token on a user's key", func(a *attempt) { a.credentials = tokened }, noChange, 403, "<Code>InvalidClientTokenId</Code>"},
		{"other service", func(a *attempt) { a.service = "ecr" }, noChange, 403, "Credential should be scoped to correct service: 'sts'."},
		{"other region than signed", nil, editHeader("Authorization", "/eu-west-1/", "/us-east-1/"), 403, mismatch},
		{"not a region", func(a *attempt) { a.region = "moon" }, noChange, 403, "Credential should be scoped to a valid region."},
		{"body", nil, setBody(whoAmI + "&x=1"), 403, mismatch},
		{"query", nil, func(r *http.Request) { r.URL.RawQuery = "x=1" }, 403, mismatch},
		{"path", nil, func(r *http.Request) { r.URL.Path = "/x" }, 403, mismatch},
		{"signed header", nil, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		}, 403, mismatch},
		{"host", nil, func(r *http.Request) { r.Host = "sts.amazonaws.com" }, 403, mismatch},
		{"signature", nil, func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-4]+"0000")
		}, 403, mismatch},
		{"host not signed", nil, editHeader("Authorization", "host;", ""), 403, "'Host' must be a 'SignedHeader'"},
		{"no signature at all", nil, func(r *http.Request) { r.Header.Del("Authorization") }, 403, "<Code>MissingAuthenticationToken</Code>"},
		{"other algorithm", nil, editHeader("Authorization", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), 400, "<Code>IncompleteSignature</Code>"},
		{"no credential", nil, editHeader("Authorization", "Credential=", "Cred="), 400, "requires 'Credential' parameter."},
		{"short scope", nil, editHeader("Authorization", "/aws4_request", ""), 400, "<Code>IncompleteSignature</Code>"},
		{"no date", nil, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 400, "X-Amz-Date"},
		{"ecr good", ecrAttempt, noChange, 200, "authorizationToken"},
		{"ecr wrong secret", func(a *attempt) { ecrAttempt(a); a.credentials = wrong }, noChange, 400, `"__type":"InvalidSignatureException"`},
		{"ecr unknown key", func(a *attempt) { ecrAttempt(a); a.credentials = unknown }, noChange, 400, `"__type":"UnrecognizedClientException"`},
		{"ecr unsigned", ecrAttempt, func(r *http.Request) { r.Header.Del("Authorization") }, 400, `"__type":"MissingAuthenticationTokenException"`},
		{"ecr target", ecrAttempt, func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories")
		}, 400, mismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := attempt{service: "sts", region: region, body: whoAmI, at: time.Now(), credentials: good}
			if test.change != nil {
				test.change(&a)
			}
			status, body := a.send(t, b, test.spoil)
			if status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("answer is %d %s, want %d and %q", status, body, test.status, test.want)
			}
		})
	}
}

func ecrAttempt(a *attempt) {
	a.service, a.body, a.target = "ecr", "{}", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
}

// A presigned GetCallerIdentity is how Kubernetes proves an AWS identity.
func TestPresignedRequest(t *testing.T) {
	b := start(t, defaultConfig())
	out := must[*sts.GetSessionTokenOutput](t)(stsOf(b.pullpass()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}))
	for name, who := range map[string]aws.Config{"user": b.pullpass(), "session": b.session(out.Credentials)} {
		t.Run(name, func(t *testing.T) {
			signed := must[*v4.PresignedHTTPRequest](t)(sts.NewPresignClient(stsOf(who)).PresignGetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{}))
			get := func(url string) (int, string) {
				r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody))
				return b.do(t, r)
			}
			if status, body := get(signed.URL); status != 200 || !strings.Contains(body, "user/pullpass") {
				t.Errorf("presigned: %d %s", status, body)
			}
			if status, body := get(signed.URL + "&x=1"); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
				t.Errorf("with another parameter: %d %s", status, body)
			}
			b.clock.set(16 * time.Minute)
			defer b.clock.set(0)
			if status, body := get(signed.URL); status != 403 || !strings.Contains(body, "Signature expired") {
				t.Errorf("16 minutes later: %d %s", status, body)
			}
		})
	}
}

func noChange(*http.Request) {}

// A hash that a request states is signed, but the body decides: S3 clients state
// it, and who changes the body on the way keeps the header.
func TestStatedPayloadHashIsChecked(t *testing.T) {
	b := start(t, defaultConfig())
	a := attempt{service: "sts", region: region, body: whoAmI, at: time.Now()}
	a.credentials = must[aws.Credentials](t)(b.owner().Credentials.Retrieve(t.Context()))
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"its own body", whoAmI, http.StatusOK},
		// Of the same length, which is signed as well.
		{"another body", "Action=GetSessionToken&Version=2011-06-15&a", http.StatusForbidden},
	} {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, b.Endpoint()+"/", strings.NewReader(whoAmI)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		sum := sha256.Sum256([]byte(whoAmI))
		hash := hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", hash)
		if err := v4.NewSigner().SignHTTP(t.Context(), a.credentials, r, hash, a.service, a.region, a.at); err != nil {
			t.Fatalf("sign: %v", err)
		}
		setBody(test.body)(r)
		if status, text := b.do(t, r); status != test.status {
			t.Errorf("%s: %d %s, want %d", test.name, status, text, test.status)
		}
	}
}
