package aws_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// Each rung is told as it is taken, and the one that breaks is the last.
func TestTraceTellsEachRung(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	s.push(t)
	chain := func(roles ...string) []pullpass.RoleHop {
		var hops []pullpass.RoleHop
		for _, arn := range roles {
			hop := pullpass.RoleHop{RoleARN: arn}
			if arn == pullRole {
				hop.ExternalID = "org-1"
			}
			hops = append(hops, hop)
		}
		return hops
	}
	for _, c := range []struct {
		name, key, secret string
		chain             []pullpass.RoleHop
		wide              bool // no repositories: the identity as it is
		want              []string
		scoped            bool
		broken            string // code of the error at the end
	}{
		{name: "a user that federates", key: federatingKey, secret: federatingSecret, scoped: true,
			want: []string{"caller arn:aws:iam::111111111111:user/federating", "scope narrowed", "token " + region}},
		{name: "a user that cannot be narrowed", key: plainKey, secret: plainSecret,
			want: []string{"caller arn:aws:iam::111111111111:user/plain", "scope wide", "token " + region}},
		{name: "a user as it is", key: plainKey, secret: plainSecret, wide: true,
			want: []string{"caller arn:aws:iam::111111111111:user/plain", "token " + region}},
		{name: "two roles", key: plainKey, secret: plainSecret, chain: chain(middleRole, pullRole), scoped: true,
			want: []string{"caller arn:aws:iam::111111111111:user/plain", "role " + middleRole, "role " + pullRole + " narrowed", "token " + region}},
		{name: "a role that does not trust", key: plainKey, secret: plainSecret, chain: chain(middleRole, shutRole, pullRole), broken: "aws_denied",
			want: []string{"caller arn:aws:iam::111111111111:user/plain", "role " + middleRole, "role " + shutRole + " broken"}},
		{name: "an unknown key", key: "AKIANOBODY2222222222", secret: plainSecret, broken: "aws_key_unknown", want: []string{"caller broken"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := accessKey(c.key)
			i.Chain = c.chain
			r := s.request(i, c.secret, func(r *broker.MintRequest) {
				if c.wide {
					r.Repositories = nil
				}
			})
			r.Wait = nil // a trace waits for nobody's turn
			var got []string
			minted, err := s.minter(aws.Options{}).Trace(t.Context(), r, func(rung aws.Rung) { got = append(got, line(rung)) })
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("rungs = %q\nwant %q", got, c.want)
			}
			if code := pullpass.CodeOf(err); code != c.broken {
				t.Fatalf("Trace = %v, want code %q", err, c.broken)
			}
			if c.broken != "" {
				return
			}
			if minted.Credential.Unscoped == c.scoped || (len(minted.Repositories) > 0) != c.scoped {
				t.Errorf("unscoped %v, repositories %v, want narrowed %v", minted.Credential.Unscoped, minted.Repositories, c.scoped)
			}
			if err := s.pull(t, minted.Credential, "team/app"); err != nil {
				t.Errorf("pulling with the traced credential: %v", err)
			}
			if err := s.pull(t, minted.Credential, "team/other"); (err != nil) != c.scoped {
				t.Errorf("pulling another repository: %v, want refused %v", err, c.scoped)
			}
		})
	}
}

// Without a host the way ends at the last role: who the integration is.
func TestTraceWithoutAHost(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	i := accessKey(plainKey)
	i.Chain = []pullpass.RoleHop{{RoleARN: middleRole}}
	r := s.request(i, plainSecret, func(r *broker.MintRequest) { r.Host, r.Repositories = reference.Host{}, nil })
	minted, err := s.minter(aws.Options{}).Trace(t.Context(), r, func(aws.Rung) {})
	if err != nil || minted.Principal != middleRole || !minted.Credential.Secret.Empty() {
		t.Errorf("Trace = %s, %v, want %s and no token", minted.Principal, err, middleRole)
	}
}

// A trace builds on nothing that was kept: a key that has stopped working is seen
// at once.
func TestTraceKeepsNothing(t *testing.T) {
	s := newStage(t, rehearsal(""), sandbox.Options{})
	m := s.minter(aws.Options{})
	i := accessKey(plainKey)
	i.Chain = []pullpass.RoleHop{{RoleARN: middleRole}}
	if _, err := m.Mint(t.Context(), s.request(i, plainSecret, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Trace(t.Context(), s.request(i, bareSecret, nil), func(aws.Rung) {}); pullpass.CodeOf(err) != "aws_signature" {
		t.Errorf("Trace with another secret = %v, want aws_signature although the lower rungs are known", err)
	}
}

// A test shows AWS the identity that a pull shows: the same integration, project and
// environment in the token of a web identity.
func TestTraceIsWhoAPullIs(t *testing.T) {
	issuer := &namedIssuer{issuer: newIssuer(t)}
	s := newStage(t, rehearsal(issuer.url), sandbox.Options{})
	s.push(t)
	web := pullpass.Integration{ID: pullpass.NewIntegrationID(), Organization: "org_1", Name: "web", Mode: pullpass.ModeWebIdentity, Generation: 1,
		Chain: []pullpass.RoleHop{{RoleARN: webRole}}}
	r := s.request(web, "", func(r *broker.MintRequest) { r.Project, r.Environment = "prj_1", "env_1" })
	m := s.minter(aws.Options{Tokens: issuer})
	if _, err := m.Mint(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Trace(t.Context(), r, func(aws.Rung) {}); err != nil {
		t.Error(err)
	}
	if _, err := m.PoliciesOf(t.Context(), r); err != nil {
		t.Error(err)
	}
	if len(issuer.named) < 3 {
		t.Fatalf("tokens for %q, want one for a pull, a test and a look at policies", issuer.named)
	}
	for _, subject := range issuer.named {
		if subject != web.Subject("prj_1", "env_1") {
			t.Errorf("tokens for %q, want all of them as a pull's", issuer.named)
		}
	}
}

// namedIssuer remembers for whom its tokens were.
type namedIssuer struct {
	*issuer
	named []string
}

func (n *namedIssuer) WebIdentityToken(ctx context.Context, i pullpass.Integration, p pullpass.ProjectID, e pullpass.EnvironmentID) (aws.WebIdentity, error) {
	n.named = append(n.named, i.Subject(p, e))
	return n.issuer.WebIdentityToken(ctx, i, p, e)
}

func line(r aws.Rung) string {
	words := []string{string(r.Kind)}
	switch {
	case r.Kind == aws.RungCaller && r.Err == nil:
		words = append(words, r.Principal)
	case r.Kind == aws.RungRole, r.Kind == aws.RungToken:
		words = append(words, r.Name)
	}
	switch {
	case r.Err != nil:
		words = append(words, "broken")
	case r.Narrowed && r.Kind != aws.RungToken:
		words = append(words, "narrowed")
	case r.Kind == aws.RungScope:
		words = append(words, "wide")
	}
	return strings.Join(words, " ")
}
