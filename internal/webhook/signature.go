package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
)

// The headers of a delivery. The signature is v1= and the HMAC-SHA256, in
// hexadecimal, of the timestamp (seconds since 1970), a dot and the body.
const (
	HeaderTimestamp = "Pullpass-Timestamp"
	HeaderSignature = "Pullpass-Signature"
)

const version = "v1="

// Tolerance is how old a delivery may be for Verify: what was recorded on the way
// cannot be played back later.
const Tolerance = 5 * time.Minute

// Sign sets the headers that prove that body comes from who knows the secret.
func Sign(secret pullpass.Secret, h http.Header, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, version+hex.EncodeToString(sum(secret, timestamp, body)))
}

// Verify is the receiver's half of Sign.
func Verify(secret pullpass.Secret, h http.Header, body []byte, now time.Time) error {
	timestamp := h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("webhook: the delivery has no timestamp")
	}
	text, ok := strings.CutPrefix(h.Get(HeaderSignature), version)
	got, err := hex.DecodeString(text)
	if !ok || err != nil || !hmac.Equal(got, sum(secret, timestamp, body)) {
		return errors.New("webhook: the signature is not that of the body and the timestamp")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return errors.New("webhook: the delivery is too old, or a clock is wrong")
	}
	return nil
}

func sum(secret pullpass.Secret, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}
