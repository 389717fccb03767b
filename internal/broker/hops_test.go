package broker_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// Whatever AWS is told with a role changes the session, so it is another credential.
func TestRoleOptionsArePartOfTheKey(t *testing.T) {
	s := newScene(t, broker.Options{})
	seen := map[string]string{}
	for name, hop := range map[string]pullpass.RoleHop{
		"plain":           {},
		"external id":     {ExternalID: "x"},
		"source identity": {SourceIdentity: "x"},
		"tag":             {SessionTags: map[string]string{"a": "x"}},
		"another value":   {SessionTags: map[string]string{"a": "y"}},
		"another key":     {SessionTags: map[string]string{"b": "x"}},
		"two tags":        {SessionTags: map[string]string{"a": "x", "b": "x"}},
		"one longer tag":  {SessionTags: map[string]string{"a": "xbx"}},
	} {
		hop.RoleARN = "arn:aws:iam::111111111111:role/pull"
		i := s.integration
		i.Chain = []pullpass.RoleHop{hop}
		s.store.integrations[i.ID] = i
		got, err := s.broker.Issue(t.Context(), s.asDeveloper(), broker.Ask{Host: ecrHost, Repository: "team/app"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		secret := got.Credential.Secret.Reveal()
		if other, ok := seen[secret]; ok {
			t.Errorf("%q and %q got one credential", name, other)
		}
		seen[secret] = name
	}
}
