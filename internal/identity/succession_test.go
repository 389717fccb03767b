package identity_test

import (
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// TestSuccession follows an organization's keys over three rotations by their
// signatures, and takes no keys of a provider that has the same name and others.
func TestSuccession(t *testing.T) {
	org := pullpass.NewOrganizationID()
	now := time.Now()
	clock := func() time.Time { return now }
	p := identity.NewProvider("https://pullpass.example", &memoryKeys{}, identity.Options{Now: clock})
	pinned, err := p.KeySet(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	first := pinned
	for range 3 { // a month each, and the day in which two are known
		for _, step := range []time.Duration{29*24*time.Hour + time.Hour, 24 * time.Hour} {
			now = now.Add(step)
			if err := p.Rotate(t.Context(), org); err != nil {
				t.Fatal(err)
			}
			list, err := p.Succession(t.Context(), org)
			if err != nil {
				t.Fatal(err)
			}
			if pinned, err = identity.Succeed(pinned, p.Issuer(org), list); err != nil {
				t.Fatal(err)
			}
		}
		grant, _, err := p.SignGrant(t.Context(), pullpass.Grant{Organization: org, Runner: "run_1", Host: "h", Expires: now.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := identity.OpenGrant(grant, pinned, p.Issuer(org), org, "run_1", now); err != nil {
			t.Errorf("a grant of the newest key: %v", err)
		}
	}
	list, err := p.Succession(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.Succeed(first, p.Issuer(org), list); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("with keys that signed none of these: %v, want Denied", err)
	}
	if _, err := identity.Succeed(pinned, "https://elsewhere.example/o/"+string(org), list); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("for another issuer: %v, want Denied", err)
	}
	// Whoever answers in the server's place, with the same name and keys of its own.
	imposter := identity.NewProvider("https://pullpass.example", &memoryKeys{}, identity.Options{Now: clock})
	forged, err := imposter.Succession(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.Succeed(pinned, p.Issuer(org), forged); !pullpass.IsKind(err, pullpass.Denied) {
		t.Errorf("an imposter's keys: %v, want Denied", err)
	}
	token, err := p.Issue(t.Context(), identity.Request{Organization: org, Subject: "x", Audience: []string{"run_1"}, Algorithm: identity.ES256})
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := p.Challenge(t.Context(), org, "run_1")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"an identity token": token.Text.Reveal(), "a challenge": challenge, "nothing": "", "a cut one": list[0][:len(list[0])-4]} {
		if _, err := identity.Succeed(pinned, p.Issuer(org), []string{text}); !pullpass.IsKind(err, pullpass.Denied) {
			t.Errorf("%s as a key set: %v, want Denied", name, err)
		}
	}
	if _, _, err := p.OpenChallenge(t.Context(), org, "run_1", challenge); err != nil {
		t.Errorf("OpenChallenge of its own: %v", err)
	}
	for name, text := range map[string]string{"an identity token": token.Text.Reveal(), "a key set": list[0], "nothing": ""} {
		if _, _, err := p.OpenChallenge(t.Context(), org, "run_1", text); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("%s as a challenge: %v, want Invalid", name, err)
		}
	}
	if _, _, err := p.OpenChallenge(t.Context(), org, "run_2", challenge); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("another runner's challenge: %v, want Invalid", err)
	}
}
