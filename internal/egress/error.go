package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/pullpass/pullpass"
)

var (
	errForbidden = errors.New("the address is not on the public internet")
	errPlain     = errors.New("plain http outside the operator's allowances")
)

func forbid(what, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Denied, Code: pullpass.CodeEgressForbidden,
		What: "cannot connect to " + what, Cause: cause, Hint: hint}
}

// explain turns what the transport says into the three parts. It never uses
// the text of a url.Error, which holds the whole URL.
func explain(req *http.Request, err error) error {
	var known *pullpass.Error
	if errors.As(err, &known) {
		return err
	}
	at := origin(req)
	fail := func(code, cause, hint string) error {
		return &pullpass.Error{Kind: pullpass.Unavailable, Code: code,
			What: "cannot reach " + at, Cause: cause, Hint: hint, Err: err}
	}
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		expired   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		opErr     *net.OpError
	)
	switch {
	case errors.Is(err, errForbidden):
		return forbid(
			at,
			"it leads to an address that is not on the public internet (loopback, private, link-local or metadata)",
			"if it is meant, its operator allows it on whichever asks, server or runner: --allow-egress "+req.URL.Host,
		)
	case errors.Is(err, errPlain):
		return forbid(
			at,
			"plain http would show credentials to everyone on the way",
			"use https; or, where nobody else is on the way, allow it on whichever asks, server or runner: --allow-egress "+req.URL.Host,
		)
	case errors.Is(err, context.Canceled):
		return fail("canceled", "the request was canceled", "")
	case errors.As(err, &dns) && dns.IsNotFound:
		return fail(
			"dns_not_found",
			"the host name does not exist in DNS",
			"check the spelling; for a private name, check the resolver of this machine",
		)
	case errors.As(err, &dns):
		return fail("dns_failed", "the host name could not be resolved", "check the resolver of this machine")
	case isTimeout(err):
		return fail(
			"timeout",
			"no answer in time",
			"check the route and the firewall; in a VPC without internet access, check its endpoints (ecr.api, ecr.dkr, s3)",
		)
	case errors.As(err, &authority), errors.As(err, &name), errors.As(err, &expired):
		return fail(
			"tls_untrusted",
			"the server's certificate is not trusted for this name",
			"install the registry's CA on this machine, or correct the host name; check the clock",
		)
	case errors.As(err, &record):
		return fail(
			pullpass.CodeTLSNotSpoken,
			"the server does not speak TLS on this port",
			"check the port, and that https is spoken there",
		)
	case errors.As(err, &opErr) && opErr.Op == "dial":
		return fail(
			"connect_failed",
			"the connection was refused or there is no route",
			"check the port, the route and the firewall",
		)
	}
	return fail("broken", "the connection broke before the answer was complete", "try again")
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		(errors.As(err, &t) && t.Timeout())
}

func tooLong(req *http.Request, limit int64) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "answer_too_long",
		What:  "cannot use the answer of " + origin(req),
		Cause: "it is longer than " + strconv.FormatInt(limit, 10) + " bytes",
		Hint:  "check that the address is a registry"}
}
