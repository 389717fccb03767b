package helper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/helper"
)

func home(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, v := range []string{helper.EnvServer, helper.EnvToken, helper.EnvProject} {
		t.Setenv(v, "")
	}
}

func TestLoginIsRemembered(t *testing.T) {
	home(t)
	_, err := helper.CurrentLogin()
	if !pullpass.IsKind(err, pullpass.Unauthenticated) || pullpass.HintOf(err) == "" {
		t.Errorf("without a login: %v", err)
	}
	want := helper.Login{Server: "https://pullpass.example", Token: pullpass.NewSecret(canary), Project: "prj_1"}
	if err := helper.SaveLogin(want); err != nil {
		t.Fatalf("SaveLogin: %v", err)
	}
	got, err := helper.CurrentLogin()
	if err != nil || got.Server != want.Server || !got.Token.Equal(want.Token) || got.Project != want.Project {
		t.Errorf("CurrentLogin = %+v, %v", got, err)
	}
	if s := fmt.Sprintf("%+v", got); strings.Contains(s, canary) {
		t.Errorf("a login prints its token: %s", s)
	}
	path, err := helper.LoginPath()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", path, info, err)
	}
	if err := os.WriteFile(path, []byte(`{"token": "`+canary+`" garbled`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := helper.CurrentLogin(); err == nil || strings.Contains(pullpass.Explain(err), canary) {
		t.Errorf("of a garbled file: %v", err)
	}
}

// The variables take the place of the login as a pair; the token of one server never
// goes to another.
func TestLoginOfTheEnvironment(t *testing.T) {
	home(t)
	if err := helper.SaveLogin(helper.Login{Server: "https://a.example", Token: pullpass.NewSecret("token-a")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ server, token, want string }{
		{"", "", "https://a.example token-a"},
		{"https://b.example", "token-b", "https://b.example token-b"},
		{"", "token-b", "https://a.example token-b"},
		{"https://a.example", "", "https://a.example token-a"},
		{"https://b.example", "", "refused"},
	} {
		t.Setenv(helper.EnvServer, test.server)
		t.Setenv(helper.EnvToken, test.token)
		got := "refused"
		if l, err := helper.CurrentLogin(); err == nil {
			got = l.Server + " " + l.Token.Reveal()
		}
		if got != test.want {
			t.Errorf("with %q and %q: %s, want %s", test.server, test.token, got, test.want)
		}
	}
}

func TestServe(t *testing.T) {
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	i := &fakeIssuer{hosts: []string{"a", "b"}, cred: pullpass.Credential{Username: "AWS", Secret: pullpass.NewSecret(canary), Expires: expires}}
	ask := func(in string) (out map[string]any, err error) {
		var b bytes.Buffer
		err = helper.Serve(context.Background(), func(helper.Question) (helper.Issuer, error) { return i, nil }, strings.NewReader(in), &b)
		if err == nil {
			err = json.Unmarshal(b.Bytes(), &out)
		}
		return out, err
	}
	out, err := ask(`{"verb":"credential","host":"h","repository":"r"}`)
	if c, ok := out["credential"].(map[string]any); err != nil || !ok || c["secret"] != canary || c["username"] != "AWS" {
		t.Errorf("credential: %v, %v", out, err)
	}
	if len(i.asked) != 1 || i.asked[0] != (helper.Ask{Host: "h", Repository: "r"}) {
		t.Errorf("asked %+v", i.asked)
	}
	if out, err := ask(`{"verb":"hosts"}`); err != nil || fmt.Sprint(out["hosts"]) != "[a b]" {
		t.Errorf("hosts: %v, %v", out, err)
	}
	i.err = &pullpass.Error{Kind: pullpass.Denied, Code: "c", What: "w", Cause: "because", Hint: "h"}
	out, err = ask(`{"verb":"credential","host":"h"}`)
	if p, ok := out["problem"].(map[string]any); err != nil || !ok || p["kind"] != "denied" || p["code"] != "c" || p["cause"] != "because" || p["hint"] != "h" {
		t.Errorf("refusal: %v, %v", out, err)
	}
	if _, err := ask(canary); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("of a garbled question: %v", err)
	}
}
