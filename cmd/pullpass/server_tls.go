package main

import (
	"crypto/tls"
	"sync/atomic"

	"github.com/pullpass/pullpass"
)

// certificate is the server's TLS certificate, which can be replaced while it runs:
// certificates of today live for weeks.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

func loadCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	return c, c.reload()
}

// reload reads the files again. Where they cannot be used, the old certificate stays.
func (c *certificate) reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &pullpass.Error{Kind: pullpass.Invalid, What: "cannot use the TLS certificate", Err: err,
			Hint: "--tls-cert is the chain and --tls-key its private key, both in PEM"}
	}
	c.current.Store(&pair)
	return nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
