package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"

	"github.com/pullpass/pullpass"
)

// WithCAFile trusts the authorities in this file (PEM), beside those of the system;
// "" changes nothing. It has no effect together with WithTransport.
func WithCAFile(path string) Option { return func(c *Client) { c.caFile = path } }

// trust adds the authorities of the client's file to a transport.
func (c *Client) trust(t *http.Transport) error {
	if c.caFile == "" {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(c.caFile)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "ca_file", What: "cannot use the certificates of " + c.caFile, Err: err,
			Cause: "it is not a readable file with certificates in PEM", Hint: "--ca-file names the certificate of the private authority"}
	}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return nil
}

// tlsHint says what helps against a certificate that is not trusted, or "".
func tlsHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return "if the server's certificate comes from a private authority, name that authority's certificate: --ca-file FILE"
	case errors.As(err, &name):
		return "use a name that the server's certificate has"
	}
	return ""
}
