package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// A secret crosses the wire in JSON and shows itself nowhere else.
func TestSecret(t *testing.T) {
	const canary = "canary-9b2f"
	in := api.NewRegistry{Name: "hub", Password: api.NewSecret(pullpass.NewSecret(canary))}
	wire, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(wire), `"password":"`+canary+`"`) {
		t.Errorf("json.Marshal = %s, want the secret in it", wire)
	}
	var out api.NewRegistry
	if err := json.Unmarshal(wire, &out); err != nil || out.Password.Secret().Reveal() != canary {
		t.Errorf("json.Unmarshal = %v, %v", out.Password.Secret().Reveal() == canary, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", in.Password, "in", in)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, format, in)
		fmt.Fprintf(&log, format, &in)
		fmt.Fprintf(&log, format, in.Password)
	}
	if strings.Contains(log.String(), canary) || strings.Contains(log.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("a secret shows itself: %s", log.String())
	}
	empty, err := json.Marshal(api.NewRegistry{})
	if err != nil || strings.Contains(string(empty), "password") {
		t.Errorf("an empty secret is not left out: %s, %v", empty, err)
	}
}

// The names on the wire are snake_case, and every field has one.
func TestNamesOnTheWire(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, v := range []any{
		api.Setup{}, api.SetupDone{}, api.Self{}, api.Organization{}, api.Project{}, api.NewProject{}, api.Registry{}, api.NewRegistry{},
		api.RegistryChange{}, api.Integration{}, api.NewIntegration{}, api.IntegrationChange{}, api.RoleHop{}, api.Runner{}, api.NewRunner{},
		api.RunnerWithToken{}, api.Join{}, api.Heartbeat{}, api.RunnerEnvironments{}, api.Status{}, api.OutputChunk{}, api.Environment{},
		api.NewEnvironment{}, api.Output{}, api.CredentialRequest{}, api.Credential{}, api.Token{}, api.NewToken{}, api.TokenWithText{},
		api.AuditReport{}, api.Download{}, api.Problem{}, api.ProblemDetail{}, api.Event{}, api.List[api.Project]{},
	} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !snake.MatchString(name) {
				t.Errorf("%s.%s is %q on the wire, want snake_case", typ, typ.Field(i).Name, name)
			}
		}
	}
}

// JSON says [] for a list of none: clients in other languages would stumble over
// null.
func TestListsAreNeverNull(t *testing.T) {
	for _, v := range []any{
		api.FromRegistry(pullpass.Registry{}), api.FromIntegration(pullpass.Integration{}),
		api.FromRunner(pullpass.Runner{}), api.FromEnvironment(pullpass.Environment{}),
	} {
		if b, err := json.Marshal(v); err != nil || strings.Contains(string(b), "null") {
			t.Errorf("%T on the wire: %s, %v", v, b, err)
		}
	}
}
