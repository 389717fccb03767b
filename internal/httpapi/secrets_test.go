package httpapi_test

import (
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/webhook"
)

// TestWebhookAddressIsForOwners: its path and query may be a secret, and who may not
// set it sees the host alone. In the database none of it is in clear text.
func TestWebhookAddressIsForOwners(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	const address = "https://siem.example.com/in?token=" + canary
	_, err := w.db.SetWebhook(t.Context(), webhook.Hook{Organization: o.org, URL: address, Secret: pullpass.NewSecret("signing")})
	must(t, err)
	for role, want := range map[pullpass.Role]string{pullpass.RoleOwner: address, pullpass.RoleAdmin: "https://siem.example.com"} {
		h, err := w.as(o.withRole(role, "")).Webhook(t.Context())
		if err != nil || h.URL != want {
			t.Errorf("%s sees %q, %v, want %q", role, h.URL, err, want)
		}
	}
	w.holdsNot(canary)
}
