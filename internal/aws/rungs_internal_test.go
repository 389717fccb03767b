package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
)

// What is kept of an identity is for everything that changes it: the organization,
// the integration and its generation; of web identities the project and the
// environment, too, which their tokens name.
func TestWebIdentitiesAreKeptApart(t *testing.T) {
	request := func(change func(*broker.MintRequest)) identityKey {
		r := broker.MintRequest{Organization: "org_1", Project: "prj_1", Environment: "env_1",
			Integration: pullpass.Integration{ID: "int_1", Generation: 1, Mode: pullpass.ModeWebIdentity}}
		change(&r)
		return keyOf(r)
	}
	same := request(func(*broker.MintRequest) {})
	for name, change := range map[string]func(*broker.MintRequest){
		"organization": func(r *broker.MintRequest) { r.Organization = "org_2" },
		"integration":  func(r *broker.MintRequest) { r.Integration.ID = "int_2" },
		"generation":   func(r *broker.MintRequest) { r.Integration.Generation = 2 },
		"project":      func(r *broker.MintRequest) { r.Project = "prj_2" },
		"environment":  func(r *broker.MintRequest) { r.Environment = "env_2" },
	} {
		if request(change) == same {
			t.Errorf("another %s has the same identity", name)
		}
	}
	static := func(r *broker.MintRequest) { r.Integration.Mode = pullpass.ModeAccessKey }
	if request(static) != request(func(r *broker.MintRequest) { static(r); r.Project, r.Environment = "prj_2", "env_2" }) {
		t.Error("an access key is another identity in another environment")
	}
}

// refused is what AWS says.
func refused(code string) error { return &smithy.GenericAPIError{Code: code} }

// What AWS no longer takes is not used again; what it takes, and refuses something
// with, is kept.
func TestRefusedRungsAreDropped(t *testing.T) {
	k := identityKey{organization: "org_1", integration: "int_1"}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{refused("ExpiredToken"), true}, {refused("ExpiredTokenException"), true}, {refused("InvalidClientTokenId"), true}, {refused("UnrecognizedClientException"), true},
		{fmt.Errorf("assuming: %w", refused("ExpiredToken")), true},
		{refused("AccessDenied"), false}, {refused("ThrottlingException"), false}, {errors.New("ExpiredToken"), false}, {context.DeadlineExceeded, false},
	} {
		m := &Minter{o: Options{Now: time.Now}, known: map[identityKey]*known{}}
		m.put(k, rung{})
		if got := m.forget(k, test.err); got != test.want || (m.get(k) == nil) != test.want {
			t.Errorf("after %v: forgotten %v, and there %v, want forgotten %v", test.err, got, m.get(k) != nil, test.want)
		}
		if m.drop(k); m.forget(k, test.err) {
			t.Errorf("after %v something that was not there is forgotten", test.err)
		}
	}
}

// A session that ends in ten minutes or less is not built upon; what is not saved
// is not kept; memory is bounded; what cannot be narrowed is tried again in time.
func TestKnownRungs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &Minter{o: Options{Now: func() time.Time { return now }}, known: map[identityKey]*known{}}
	k := identityKey{organization: "org_1", integration: "int_1"}
	for left, want := range map[time.Duration]bool{10*time.Minute + 1: true, 10 * time.Minute: false, 0: false, -time.Hour: false} {
		m.put(k, rung{expires: now.Add(left)})
		if got := m.get(k) != nil; got != want {
			t.Errorf("a session that ends in %v is there %v, want %v", left, got, want)
		}
	}
	if m.put(identityKey{organization: "org_1"}, rung{}); m.get(identityKey{organization: "org_1"}) != nil {
		t.Error("an integration that is not saved is kept")
	}
	m.put(k, rung{})
	m.remember(k, now.Add(time.Minute))
	m.remember(identityKey{integration: "int_9"}, now.Add(time.Minute)) // not known: nothing
	if !m.cannotNarrow(k) || m.cannotNarrow(identityKey{integration: "int_9"}) {
		t.Error("what cannot be narrowed is tried again at once")
	}
	if now = now.Add(time.Minute); m.cannotNarrow(k) {
		t.Error("what could not be narrowed is never tried again")
	}
	for i := range maxKnown + 50 {
		m.put(identityKey{organization: "org_1", integration: pullpass.IntegrationID(fmt.Sprint(i))}, rung{expires: now.Add(time.Hour)})
		if len(m.known) > 1024 {
			t.Fatalf("%d identities are kept, want at most 1024", len(m.known))
		}
	}
	if len(m.known) != 1024 {
		t.Errorf("%d identities are kept, want 1024: no more go than have to", len(m.known))
	}
}

// CloudTrail shows whose a session is: an environment's own one has its name, one
// that is shared has the organization's. The source identity goes along.
func TestSessionsAreNamed(t *testing.T) {
	var asked url.Values
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.PostForm
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer s.Close()
	for _, test := range []struct {
		environment pullpass.EnvironmentID
		policy      string
		mode        pullpass.IntegrationMode
		want        string
	}{
		{"env_1", "{}", pullpass.ModeAccessKey, "pullpass-env_1"},
		{"env_1", "", pullpass.ModeAccessKey, "pullpass-org_1"},
		{"env_1", "", pullpass.ModeWebIdentity, "pullpass-env_1"},
		{"", "{}", pullpass.ModeAccessKey, "pullpass-org_1"},
		{"", "", pullpass.ModeWebIdentity, "pullpass-org_1"},
	} {
		m := &Minter{o: Options{HTTP: s.Client(), Now: time.Now, STSEndpoint: func(string) string { return s.URL }}, known: map[identityKey]*known{}}
		l := m.ladder(broker.MintRequest{Organization: "org_1", Environment: test.environment, Integration: pullpass.Integration{ID: "int_1", Mode: test.mode},
			Wait: func(context.Context, broker.Service) error { return nil }})
		hop := pullpass.RoleHop{RoleARN: "arn:aws:iam::111111111111:role/pull", ExternalID: "x", SourceIdentity: "somebody"}
		at, err := l.assume(t.Context(), rung{provider: credentials.NewStaticCredentialsProvider("AKIAX", "s", ""), webIdentity: "jti"}, hop, test.policy)
		if err != nil {
			t.Fatal(err)
		}
		if got := asked.Get("RoleSessionName"); got != test.want {
			t.Errorf("for %q, policy %q, %s: the session is named %q, want %q", test.environment, test.policy, test.mode, got, test.want)
		}
		if asked.Get("SourceIdentity") != "somebody" || asked.Get("ExternalId") != "x" || asked.Get("Policy") != test.policy {
			t.Errorf("AWS is asked %v", asked)
		}
		if at.narrowed != (test.policy != "") || at.webIdentity != "jti" || time.Until(at.expires) > time.Hour {
			t.Errorf("the rung is %+v", at)
		}
	}
}
