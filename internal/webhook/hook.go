package webhook

import (
	"net/url"
	"time"

	"github.com/pullpass/pullpass"
)

// Hook is where an organization wants its audit records to go, and how far they
// have got.
type Hook struct {
	Organization pullpass.OrganizationID
	URL          string
	Secret       pullpass.Secret
	Generation   int64 // grows each time the hook is set
	Delivered    int64 // sequence of the last record that the receiver has
	Paused       bool
	Failures     int       // in a row
	Problem      string    // of the last one: fixed words, nothing of the receiver's
	NextAt       time.Time // not tried before
	FailingSince time.Time
	DeliveredAt  time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Lag is how far all hooks of a server are behind.
type Lag struct {
	Oldest   time.Time // of the records that are not delivered; zero: none waits
	Failures int64     // in a row, of the hook that has most
	Paused   int64     // hooks
}

// State is how a hook stands, in a word.
func (h Hook) State() string {
	switch {
	case h.Paused:
		return "paused"
	case h.Failures > 0:
		return "failing"
	}
	return "active"
}

const longestURL = 2048

// CheckURL refuses what cannot be an address for a hook. Where it leads is
// checked at each delivery, when it is dialled.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil, len(raw) > longestURL, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return refusedURL("it is not an address that begins with https://")
	case u.User != nil:
		return refusedURL("it holds a user name or a password")
	case u.Fragment != "":
		return refusedURL("it has a fragment, which is not sent")
	}
	for _, c := range []byte(raw) {
		if c <= ' ' || c >= 0x7f {
			return refusedURL("it has characters that an address has not")
		}
	}
	return nil
}

func refusedURL(cause string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "webhook_url", What: "cannot use this address for audit records",
		Cause: cause, Hint: "write it as https://receiver.example.com/path"}
}

// OriginOf is scheme and host of an address whose path or query can be secret.
func OriginOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// HostOf is what may be shown of an address whose path or query can be secret.
func HostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
