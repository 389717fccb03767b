package helper

import (
	"net"
	"net/netip"
	"strings"

	"github.com/pullpass/pullpass"
)

// dockerHub is the one name under which the many of Docker Hub are asked for.
const dockerHub = "docker.io"

// parseURL reads the forms in which clients name a registry: a host, https://host,
// host/repository, and Docker Hub's https://index.docker.io/v1/. Whether the host is
// a good one is for the server to say; here only what cannot be a host is refused.
func parseURL(s string) (Ask, error) {
	if s == "" {
		return Ask{}, fixed(noURL)
	}
	rest := s
	for _, scheme := range []string{"https://", "http://"} {
		if after, ok := strings.CutPrefix(rest, scheme); ok {
			rest = after
			break
		}
	}
	host, repository, _ := strings.Cut(rest, "/")
	repository = strings.Trim(repository, "/")
	if !plain(host, 0) || host == "" || !plain(repository, 0) || len(s) > 1024 {
		// What was asked is not repeated: it may hold a password.
		return Ask{}, &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read the registry's address",
			Cause: "it is not of the form host, https://host or host/repository",
			Hint:  "write the host as in the image's name: registry.example.com or 127.0.0.1:5000",
		}
	}
	switch host {
	case dockerHub, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		host = dockerHub
	}
	a := Ask{Host: host, Repository: repository}
	switch repository {
	case "v1", "v2":
		a.Repository = "" // the root of the registry's API, not a repository
	case "v1/access-token", "v1/refresh-token", "access-token", "refresh-token":
		if host == dockerHub {
			a.Repository, a.key = "", strings.TrimPrefix(repository, "v1/")
		}
	}
	return a, nil
}

// sameHost is a host however it is spelled: clients send it as people wrote it.
func sameHost(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), ":443"), ".")
}

// inClear reports whether a client that asks with this address will send what it is
// given over plain http, to another machine.
func inClear(url string) bool {
	rest, found := strings.CutPrefix(strings.ToLower(url), "http://")
	if !found {
		return false
	}
	host, _, _ := strings.Cut(rest, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err != nil || !address.Unmap().IsLoopback()
}

// plain reports whether s holds only what hosts and repositories are made of, or also.
func plain(s string, also byte) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-._:/[]", c) >= 0, also != 0 && c == also:
		default:
			return false
		}
	}
	return true
}
