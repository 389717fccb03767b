package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	signatureAlgorithm = "AWS4-HMAC-SHA256"
	amzTimeFormat      = "20060102T150405Z"
	clockSkew          = 5 * time.Minute
	presignedLife      = 15 * time.Minute // STS's limit, whatever X-Amz-Expires says
)

// signature is what a request says about how it was signed, in its header or,
// presigned, in its query.
type signature struct {
	keyID         string
	date          string // of the scope, yyyymmdd
	region        string
	service       string
	signedHeaders []string
	signature     string
	timestamp     string
	sessionToken  string
	presigned     bool
	expires       time.Duration
}

// isSigned tells a signed request from an anonymous one.
func isSigned(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.URL.Query().Has("X-Amz-Signature")
}

// parseSignature reads the signature without judging it.
func parseSignature(r *http.Request) (*signature, *apiError) {
	if r.URL.Query().Has("X-Amz-Signature") {
		return parsePresigned(r.URL.Query())
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, errMissingToken()
	}
	rest, ok := strings.CutPrefix(header, signatureAlgorithm+" ")
	if !ok {
		return nil, errIncompleteSignature("Unsupported AWS 'algorithm', only %s is supported.", signatureAlgorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if fields[name] == "" {
			return nil, errIncompleteSignature("Authorization header requires '%s' parameter.", name)
		}
	}
	s := &signature{
		signedHeaders: strings.Split(fields["SignedHeaders"], ";"),
		signature:     fields["Signature"],
		timestamp:     r.Header.Get("X-Amz-Date"),
		sessionToken:  r.Header.Get("X-Amz-Security-Token"),
	}
	if s.timestamp == "" {
		return nil, errIncompleteSignature(
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
		)
	}
	return s, s.readScope(fields["Credential"])
}

func parsePresigned(q url.Values) (*signature, *apiError) {
	if q.Get("X-Amz-Algorithm") != signatureAlgorithm {
		return nil, errIncompleteSignature("Unsupported AWS 'algorithm', only %s is supported.", signatureAlgorithm)
	}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if q.Get(name) == "" {
			return nil, errIncompleteSignature("AWS query-string parameters must include '%s'.", name)
		}
	}
	s := &signature{
		signedHeaders: strings.Split(q.Get("X-Amz-SignedHeaders"), ";"),
		signature:     q.Get("X-Amz-Signature"),
		timestamp:     q.Get("X-Amz-Date"),
		sessionToken:  q.Get("X-Amz-Security-Token"),
		presigned:     true,
		expires:       presignedLife,
	}
	if text := q.Get("X-Amz-Expires"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 || seconds > 604800 {
			return nil, errIncompleteSignature("X-Amz-Expires must be a number of seconds from 1 to 604800.")
		}
		s.expires = min(s.expires, time.Duration(seconds)*time.Second)
	}
	return s, s.readScope(q.Get("X-Amz-Credential"))
}

// readScope takes key/date/region/service/aws4_request apart.
func (s *signature) readScope(credential string) *apiError {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return errIncompleteSignature(
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
		)
	}
	s.keyID, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	return nil
}

// checkTime refuses a signature that is too old or from the future.
func (s *signature) checkTime(now time.Time) *apiError {
	signed, err := time.Parse(amzTimeFormat, s.timestamp)
	if err != nil {
		return errIncompleteSignature("Date must be in ISO-8601 'basic format'.")
	}
	if signed.Format("20060102") != s.date {
		return errSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	if signed.After(now.Add(clockSkew)) {
		return errSignature("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			s.timestamp, now.Add(clockSkew).Format(amzTimeFormat), now.Format(amzTimeFormat))
	}
	life := clockSkew
	if s.presigned {
		life = s.expires
	}
	if oldest := now.Add(-life); signed.Before(oldest) {
		return errSignature("Signature expired: %s is now earlier than %s (%s - %d min.)",
			s.timestamp, oldest.Format(amzTimeFormat), now.Format(amzTimeFormat), int(life/time.Minute))
	}
	return nil
}

// verify computes the signature anew and compares.
func (s *signature) verify(r *http.Request, body []byte, secret string) *apiError {
	const text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	if !s.signs("host") {
		return errSignature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	// A stated hash is part of what was signed: it must be the body's own.
	if stated := r.Header.Get("X-Amz-Content-Sha256"); stated != "" && stated != payload {
		return errSignature(text)
	}
	hash := sha256.Sum256([]byte(s.canonicalRequest(r, payload)))
	toSign := strings.Join([]string{
		signatureAlgorithm, s.timestamp,
		strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/"),
		hex.EncodeToString(hash[:]),
	}, "\n")
	got, err := hex.DecodeString(s.signature)
	if err != nil || !hmac.Equal(got, mac(signingKey(secret, s.date, s.region, s.service), toSign)) {
		return errSignature(text)
	}
	return nil
}

func (s *signature) signs(header string) bool {
	for _, h := range s.signedHeaders {
		if h == header {
			return true
		}
	}
	return false
}

// canonicalRequest writes the request the way both sides must, byte for byte:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *signature) canonicalRequest(r *http.Request, payload string) string {
	return strings.Join([]string{
		r.Method,
		canonicalPath(r.URL),
		canonicalQuery(r.URL.Query()),
		s.canonicalHeaders(r),
		strings.Join(s.signedHeaders, ";"),
		payload,
	}, "\n")
}

func (s *signature) canonicalHeaders(r *http.Request) string {
	var b strings.Builder
	for _, name := range s.signedHeaders {
		b.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	return b.String()
}

func signingKey(secret, date, region, service string) []byte {
	return mac(mac(mac(mac([]byte("AWS4"+secret), date), region), service), "aws4_request")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
