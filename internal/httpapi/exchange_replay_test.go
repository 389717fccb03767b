package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/identity"
)

// A CI token that somebody finds in a log has been used: it buys nothing again,
// with a jti or without, and the refusal is recorded.
func TestTokensAreExchangedOnce(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, _ := r.tenants()
	ci := newCISystem(t)
	r.trustCI(ours, ci, ours.project("app").ID, "gitlab", pullpass.ActionPull)
	for _, test := range []struct{ name, first, second string }{
		{"the same token", ci.token(t, "jti", "one"), ""},
		{"another one of the same jti", ci.token(t, "jti", "two"), ci.token(t, "jti", "two", "ref", "man")},
		{"the same token without a jti", ci.token(t, "jti", nil), ""},
	} {
		second := test.second
		if second == "" {
			second = test.first
		}
		if status, body, _ := r.post(exchangeForm(ours.org, test.first)); status != http.StatusOK {
			t.Fatalf("%s, the first time: %d %v", test.name, status, body)
		}
		status, body, _ := r.post(exchangeForm(ours.org, second))
		if hint, _ := body["hint"].(string); status != http.StatusBadRequest || body["error"] != "invalid_grant" ||
			body["code"] != "token_exchanged" || !strings.Contains(hint, "new id token") {
			t.Errorf("%s, the second time: %d %v", test.name, status, body)
		}
	}
	if status, body, _ := r.post(exchangeForm(ours.org, ci.token(t, "jti", nil, "ref", "mast"))); status != http.StatusOK {
		t.Errorf("another token without a jti: %d %v", status, body)
	}
	list, err := r.db.Events(t.Context(), ours.org, pullpass.EventFilter{Action: "token.exchange"}, pullpass.Page{})
	must(t, err)
	denied := 0
	for _, e := range list.Items {
		if e.Decision == pullpass.DecisionDenied && e.Reason == "token_exchanged" {
			denied++
		}
	}
	if denied == 0 {
		t.Errorf("no refusal among %d records", len(list.Items))
	}
}

// A CI token may have 16 KiB: with the rest of its form it still fits.
func TestLargeTokensAreExchanged(t *testing.T) {
	r := newRealWorld(t, identity.Schedule{})
	ours, _ := r.tenants()
	ci := newCISystem(t)
	r.trustCI(ours, ci, ours.project("app").ID, "gitlab", pullpass.ActionPull)
	token := ci.token(t, "groups", strings.Repeat("g", 11500))
	if len(token) < 15<<10 || len(token) > 16<<10 {
		t.Fatalf("the token has %d bytes, want nearly 16 KiB", len(token))
	}
	form := exchangeForm(ours.org, token, "scope", "pull", "project", "app")
	form.Set("audience", strings.Repeat("a", 1200)) // of no meaning beside organization
	if len(form.Encode()) <= 16<<10 {
		t.Fatalf("the form has %d bytes, want more than 16 KiB", len(form.Encode()))
	}
	if status, body, _ := r.post(form); status != http.StatusOK {
		t.Errorf("a token of %d bytes: %d %v", len(token), status, body)
	}
}
