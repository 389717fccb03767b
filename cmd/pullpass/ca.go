package main

import (
	"crypto/x509"
	"log/slog"
	"os"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/egress"
)

// caFileVariable holds --ca-file for this process and for those that it starts: the
// credential helper runs `pullpass`, which asks the same server.
const caFileVariable = "PULLPASS_CA_FILE"

// ourOptions are how every client of a server is made.
func ourOptions() client.Option {
	return func(c *client.Client) {
		client.WithUserAgent("pullpass/" + version)(c)
		client.WithCAFile(os.Getenv(caFileVariable))(c)
	}
}

// hideNames tells the operator what is not told to those who name hosts.
func hideNames(log *slog.Logger) func(string, error) {
	return func(host string, cause error) {
		log.Info("a name does not lead to the public internet", "host", host, "cause", cause)
	}
}

// newEgress makes an egress client that trusts the authorities of --ca-file, too.
func newEgress(o egress.Options) (*egress.Client, error) {
	path := os.Getenv(caFileVariable)
	if path == "" {
		return egress.New(o)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(path)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot use the certificates of " + path, Err: err,
			Cause: "it is not a readable file with certificates in PEM", Hint: "--ca-file names the certificate of the private authority"}
	}
	o.RootCAs = roots
	return egress.New(o)
}
