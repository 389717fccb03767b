package main

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/config"
)

func TestThePrintedAddressCanBeUsed(t *testing.T) {
	name, err := os.Hostname()
	ok(t, err)
	for address, want := range map[string]string{
		"127.0.0.1:8420": "http://127.0.0.1:8420", "[::]:8420": "http://" + name + ":8420", "0.0.0.0:8420": "http://" + name + ":8420",
		"10.0.0.7:8420": "http://10.0.0.7:8420",
	} {
		at, err := net.ResolveTCPAddr("tcp", address)
		ok(t, err)
		if got := publicURL(&config.Server{}, at); got != want {
			t.Errorf("publicURL(%s) = %s, want %s", address, got, want)
		}
	}
}

func TestListeningInTheOpenIsSaid(t *testing.T) {
	for _, test := range []struct {
		address string
		c       config.Server
		warned  bool
	}{
		{"0.0.0.0:8420", config.Server{}, true},
		{"10.0.0.7:8420", config.Server{URL: "http://pullpass.example.com"}, true},
		{"10.0.0.7:8420", config.Server{URL: "https://pullpass.example.com"}, false},
		{"0.0.0.0:8420", config.Server{TLSCert: "tls.crt"}, false},
		{"127.0.0.1:8420", config.Server{}, false},
	} {
		at, err := net.ResolveTCPAddr("tcp", test.address)
		ok(t, err)
		var log bytes.Buffer
		warnOpen(&test.c, at, slog.New(slog.NewTextHandler(&log, nil)))
		if got := strings.Contains(log.String(), "plain HTTP"); got != test.warned {
			t.Errorf("listening on %s with %+v: warned %v, want %v", test.address, test.c.URL, got, test.warned)
		}
	}
}
