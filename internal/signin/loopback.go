package signin

import (
	"net"
	"net/url"
	"regexp"
	"strconv"

	"github.com/pullpass/pullpass"
)

var loopbackPath = regexp.MustCompile(`^(/[A-Za-z0-9_-]{1,64}){0,4}/?$`)

// Loopback returns the address at which a command line waits, put together anew
// from its parts. Only 127.0.0.1 and [::1], with a port, are taken (RFC 8252, 7.3):
// any other address would hand the code to whoever wrote the link.
func Loopback(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errLoopback()
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	host := u.Hostname()
	if err != nil || port == 0 || (host != "127.0.0.1" && host != "::1") || !loopbackPath.MatchString(u.Path) {
		return "", errLoopback()
	}
	rebuilt := "http://" + net.JoinHostPort(host, strconv.FormatUint(port, 10)) + u.Path
	if rebuilt != raw { // user, query, fragment, another scheme, odd spellings
		return "", errLoopback()
	}
	return rebuilt, nil
}

func errLoopback() error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "redirect_refused", What: "cannot sign in",
		Cause: "the address to return to is not this machine's own", Hint: "begin again: pullpass login SERVER --browser"}
}
