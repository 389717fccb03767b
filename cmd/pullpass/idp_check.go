package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/egress"
)

func newClient(server string) (*client.Client, error) { return client.New(server, ourOptions()) }

type idpCheck struct {
	Export string `placeholder:"DIR" help:"Write both documents below DIR, for those who publish them from a bucket; the server needs --issuer-url with the bucket's address then."`
}

// finding is one thing that AWS needs.
type finding struct {
	What  string `json:"what"`
	OK    bool   `json:"ok"`
	Cause string `json:"cause,omitempty"`
	Fix   string `json:"fix,omitempty"`
}

func (k *idpCheck) Run(ctx context.Context, t *terminal) error {
	c, err := connect()
	if err != nil {
		return err
	}
	id, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	if k.Export != "" {
		self, err := c.Self(ctx)
		if err != nil {
			return err
		}
		return exportIdentity(ctx, t, c.Base()+"/o/"+string(self.Organization.ID), k.Export, id)
	}
	out, err := newEgress(egress.Options{}) // the public internet only: AWS has no other
	if err != nil {
		return err
	}
	defer out.Close()
	findings := checkIdentity(ctx, egressHTTP(out), id)
	failed := false
	err = t.show(findings, func(w io.Writer) {
		for _, f := range findings {
			mark := "✓"
			if !f.OK {
				mark = "✗"
			}
			_, _ = fmt.Fprintf(w, "%s %s\n", mark, f.What)
			if f.Cause != "" {
				_, _ = fmt.Fprintf(w, "    cause: %s\n    fix:   %s\n", f.Cause, f.Fix)
			}
		}
	})
	for _, f := range findings {
		failed = failed || !f.OK
	}
	if err == nil && failed {
		return exitCode(exitFailed)
	}
	t.say("Next: make the provider known to AWS: aws iam create-open-id-connect-provider --url %s --client-id-list sts.amazonaws.com", id.Issuer)
	return err
}

const publish = "serve it at a public https address (--url), or publish the documents from a bucket: pullpass idp check --export DIR, and --issuer-url"

// checkIdentity makes the checks in the order in which AWS would fail.
func checkIdentity(ctx context.Context, c *http.Client, id api.Identity) []finding {
	address := checkAddress(id.Issuer)
	findings := []finding{address}
	if !address.OK {
		return findings
	}
	var discovery struct {
		Issuer string `json:"issuer"`
		KeySet string `json:"jwks_uri"`
	}
	f := fetched(ctx, c, "the discovery document", id.Discovery, &discovery)
	if findings = append(findings, f); !f.OK {
		return findings
	}
	same := finding{What: "the discovery document names this issuer", OK: discovery.Issuer == id.Issuer}
	if !same.OK {
		same.Cause, same.Fix = "it names another issuer than the tokens do, byte for byte", "export the documents again, or set --issuer-url to where they are"
	}
	keyAddress := checkAddress(discovery.KeySet)
	keyAddress.What = "the key set has a public https address"
	findings = append(findings, same, keyAddress)
	if !keyAddress.OK {
		return findings
	}
	var keys struct {
		Keys []struct {
			Type string `json:"kty"`
		} `json:"keys"`
	}
	f = fetched(ctx, c, "the key set", discovery.KeySet, &keys)
	findings = append(findings, f)
	if f.OK {
		usable := finding{What: "the key set holds keys", OK: len(keys.Keys) > 0}
		if !usable.OK {
			usable.Cause, usable.Fix = "it is empty", "get a token once, and export again"
		}
		findings = append(findings, usable)
	}
	return findings
}

// checkAddress looks at the address alone: AWS takes https on the usual port, by
// name.
func checkAddress(address string) finding {
	f := finding{What: "the issuer has a public https address: " + address, Fix: publish}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		f.Cause = "it is not a URL"
	case u.Scheme != "https":
		f.Cause = "AWS speaks https only"
	case u.Port() != "":
		f.Cause = "AWS takes no port in it"
	case net.ParseIP(u.Hostname()) != nil:
		f.Cause = "AWS wants a name, not an IP address"
	default:
		f.OK, f.Fix = true, ""
	}
	return f
}

func fetched(ctx context.Context, c *http.Client, what, address string, into any) finding {
	f := finding{What: what + " can be fetched: " + address}
	if err := fetchJSON(ctx, c, address, into); err != nil {
		f.Cause, f.Fix = err.Error(), publish
		if hint := pullpass.HintOf(err); hint != "" {
			f.Fix = hint
		}
		return f
	}
	f.OK = true
	return f
}

func fetchJSON(ctx context.Context, c *http.Client, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &pullpass.Error{Kind: pullpass.Unavailable, Cause: "it answers " + resp.Status, Hint: publish}
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into) != nil {
		return &pullpass.Error{Kind: pullpass.Unavailable, Cause: "the answer is not JSON", Hint: publish}
	}
	return nil
}

// exportIdentity writes both documents as a web server has to answer them.
func exportIdentity(ctx context.Context, t *terminal, served, dir string, id api.Identity) error {
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks.json"} {
		var document json.RawMessage
		// The person's own server, at the address that they log in to.
		if err := fetchJSON(ctx, &http.Client{}, served+path, &document); err != nil {
			return &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot fetch " + served + path, Err: err}
		}
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // to be published
			return fmt.Errorf("writing the documents: %w", err)
		}
		if err := os.WriteFile(file, append(document, '\n'), 0o644); err != nil { //nolint:gosec // to be published
			return fmt.Errorf("writing the documents: %w", err)
		}
		t.say("Wrote %s", file)
	}
	t.say("Publish them so that %s/.well-known/openid-configuration answers with the first, as application/json.", id.Issuer)
	t.say("Keys rotate every month and are published a day before: export again daily.")
	return nil
}
