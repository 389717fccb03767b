package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
)

// privateDNS has the process resolve names with a server that knows those that begin
// with "inner", at a private address, and no other.
func privateDNS(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(privateAnswer(question[:n]), from)
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = conn.Close()
		<-done
	})
}

func privateAnswer(q []byte) []byte {
	const header, name, kindA = 12, 13, 1
	end := header
	for q[end] != 0 { // labels, each behind its length
		end += int(q[end]) + 1
	}
	end += 5 // the root label, type and class
	out := append([]byte{}, q[:end]...)
	out[2], out[3] = 0x84, 0 // an authoritative answer
	clear(out[6:header])
	switch {
	case !bytes.HasPrefix(q[name:], []byte("inner")):
		out[3] = 3 // there is no such name
	case q[end-3] == kindA:
		out[7] = 1
		out = append(out, 0xc0, header, 0, kindA, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 5)
	}
	return out
}

// logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Whoever may name a host that the server then calls learns nothing of the names in
// its network: one that does not exist and one that leads to a private address are
// answered alike. The server's log tells them apart.
func TestInternalNamesAreNotTold(t *testing.T) {
	c := newClinic(t)
	log := &logBuffer{}
	c.restart(func(*config.Server) { c.log = log })
	privateDNS(t)
	ctx := t.Context()
	project, err := c.client.CreateProject(ctx, pullpass.Project{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	asking := map[string]func(host string) (any, error){
		"registries/test": func(host string) (any, error) {
			return c.client.TestRegistrySettings(ctx, pullpass.Registry{Name: "tried", Host: host, Auth: pullpass.AuthBasic, Username: "ada"}, pullpass.NewSecret("pw"),
				client.RegistryTest{Repository: "team/app"})
		},
		"a saved registry": func(host string) (any, error) {
			r, err := c.client.CreateRegistry(ctx, pullpass.Registry{Name: strings.ReplaceAll(host, ".", "-"), Host: host, Auth: pullpass.AuthBasic, Username: "ada"}, pullpass.NewSecret("pw"))
			if err != nil {
				return nil, err
			}
			return c.client.TestRegistry(ctx, r.ID, client.RegistryTest{})
		},
		"the audit webhook": func(host string) (any, error) {
			if _, _, err := c.client.SetWebhook(ctx, api.NewWebhook{URL: "https://" + host + "/hook"}); err != nil {
				return nil, err
			}
			return c.client.TestWebhook(ctx)
		},
		"an issuer's discovery": func(host string) (any, error) {
			issuer := "https://" + host
			_, err := c.client.CreateTrust(ctx, api.NewTrust{Name: host, Issuer: issuer, Audience: c.running.url, Project: project.ID, Conditions: []string{"sub=x"}})
			if err != nil {
				return nil, err
			}
			return c.client.Exchange(ctx, "acme", pullpass.NewSecret(unsignedToken(t, c, issuer)), "", "")
		},
		"a repository's proof": func(host string) (any, error) {
			p, err := c.client.CreateProject(ctx, pullpass.Project{Name: strings.ReplaceAll(host, ".", "-"), Repository: "https://" + host + "/acme/app"})
			if err != nil {
				return nil, err
			}
			return c.client.Prove(ctx, p.ID)
		},
	}
	for what, ask := range asking {
		answers := map[string]string{}
		for _, name := range []string{"inner", "other"} {
			host := name + ".corp.example.com"
			got, err := ask(host)
			text, _ := json.Marshal(got)
			answer := string(text)
			if err != nil {
				answer = string(pullpass.KindOf(err)) + " " + pullpass.CodeOf(err) + " " + pullpass.Explain(err)
			}
			answers[name] = varies.ReplaceAllString(strings.ReplaceAll(answer, name, "NAME"), "")
			if !strings.Contains(answer, "the name does not lead to an address on the public internet") {
				t.Errorf("%s of %s answers %s, want that the name is not public", what, host, answer)
			}
		}
		if answers["inner"] != answers["other"] {
			t.Errorf("%s tells which names exist:\n%s\n%s", what, answers["inner"], answers["other"])
		}
	}
	for _, cause := range []string{"host=inner.corp.example.com", "10.0.0.5", "host=other.corp.example.com", "no such host"} {
		if !strings.Contains(log.String(), cause) {
			t.Errorf("the log does not say %q:\n%s", cause, log.String())
		}
	}
}

// varies are the parts of an answer that differ from one to the next: ids, and how
// long the answer took, which is rounded (internal/egress).
var varies = regexp.MustCompile(`prj_\w+|"(milliseconds|took_ms|started)":[^,}]+`)

// unsignedToken names an issuer; its signature is looked at after the issuer's keys
// are there.
func unsignedToken(t *testing.T, c *clinic, issuer string) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]any{"alg": "RS256", "kid": "k", "typ": "JWT"}) + "." +
		part(map[string]any{"iss": issuer, "sub": "x", "aud": c.running.url, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}) + "." +
		base64.RawURLEncoding.EncodeToString(make([]byte, 256))
}
