package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
)

// loopbacks are the writings of this machine's own address; every one of them
// leads there with one resolver or another.
var loopbacks = []string{
	"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.9.9.9", "127.1", "0.0.0.0", "0", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.",
	"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "user:password@127.0.0.1",
}

// place is where a tenant names a host, and what makes the server go there. It
// reports whether the server took the name; where it did not, nothing is to come.
type place struct {
	name   string
	atOnce int // how many may be tried at the same time
	try    func(ctx context.Context, c *client.Client, host string, n int) error
}

var places = []place{
	{"a registry", 4, func(ctx context.Context, c *client.Client, host string, _ int) error {
		d, err := c.TestRegistrySettings(ctx, pullpass.Registry{Name: "named", Host: host, Auth: pullpass.AuthBasic, Username: "ada"}, pullpass.NewSecret("canary-password"), client.RegistryTest{Repository: "team/app"})
		if err == nil && d.Healthy {
			return fmt.Errorf("a host that is not a registry was found healthy")
		}
		return nil
	}},
	{"a repository", 8, func(ctx context.Context, c *client.Client, host string, n int) error {
		p, err := c.CreateProject(ctx, pullpass.Project{Name: fmt.Sprintf("repository-%d", n), Repository: "https://" + host + "/acme/app"})
		if err != nil {
			return nil // refused when it is saved
		}
		if err := c.SetGitLogin(ctx, p.ID, pullpass.GitLogin{Username: "ada", Password: pullpass.NewSecret("canary-token")}); err != nil {
			return err
		}
		if _, err := c.Prove(ctx, p.ID); err == nil {
			return fmt.Errorf("an address that is not a repository was proved")
		}
		return nil
	}},
	{"an issuer", 20, func(ctx context.Context, c *client.Client, host string, n int) error {
		p, err := c.CreateProject(ctx, pullpass.Project{Name: fmt.Sprintf("issuer-%d", n)})
		if err != nil {
			return err
		}
		issuer := "https://" + host
		if _, err := c.CreateTrust(ctx, api.NewTrust{Name: fmt.Sprintf("issuer-%d", n), Issuer: issuer, Audience: "pullpass", Conditions: []string{"sub=acme/payments"}, Project: p.ID}); err != nil {
			return nil
		}
		part := base64.RawURLEncoding.EncodeToString
		now := time.Now()
		token := part([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`)) + "." + part(fmt.Appendf(nil, `{"iss":%q,"aud":"pullpass","sub":"acme/payments","exp":%d,"iat":%d}`,
			issuer, now.Add(time.Hour).Unix(), now.Unix())) + "." + part(make([]byte, 256))
		result, err := c.TestTrust(ctx, pullpass.NewSecret(token))
		if err == nil && result.Accepted {
			return fmt.Errorf("a token that nobody signed was taken")
		}
		return nil
	}},
	{"a webhook", 1, func(ctx context.Context, c *client.Client, host string, _ int) error {
		if _, _, err := c.SetWebhook(ctx, api.NewWebhook{URL: "https://" + host + "/hook"}); err != nil {
			return nil
		}
		_, _ = c.TestWebhook(ctx) // it fails, or says that nothing arrived
		return c.DeleteWebhook(ctx)
	}},
}

// TestForbiddenAddressesAreNotDialled names this machine in every place where a
// tenant names a host, in every writing, and counts what arrives: nothing, until the
// operator allows it, and then from each of the places.
func TestForbiddenAddressesAreNotDialled(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	arrived, port := countArrivals(t, ctx)
	strict := startServer(t, ctx)
	n := 0
	for _, p := range places {
		var all errgroup.Group
		all.SetLimit(p.atOnce)
		for _, host := range loopbacks {
			n++
			number := n
			all.Go(func() error {
				if err := p.try(ctx, strict.Owner, host+":"+port, number); err != nil {
					t.Errorf("%s at %s: %v", p.name, host, err)
				}
				return nil
			})
		}
		_ = all.Wait() // the errors are reported above
		if got := arrived.Swap(0); got != 0 {
			t.Errorf("%s: %d connections arrived, want none", p.name, got)
		}
	}
	open := startServer(t, ctx, "--allow-egress=127.0.0.1")
	for _, p := range places {
		n++
		if err := p.try(ctx, open.Owner, "127.0.0.1:"+port, n); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		if arrived.Swap(0) == 0 {
			t.Errorf("%s: nothing arrives where it is allowed, so the count proves nothing", p.name)
		}
	}
}

// countArrivals listens on every address of this machine, and closes at once.
func countArrivals(t *testing.T, ctx context.Context) (n *atomic.Int64, port string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	n = &atomic.Int64{}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			_ = c.Close()
		}
	}()
	return n, l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
}
