package httpapi

import (
	"context"
	"net/http"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/signin"
	"github.com/pullpass/pullpass/internal/webhook"
)

func (s *Server) webhookRoutes() {
	add(s, route{method: http.MethodPut, path: api.PathAuditWebhook, id: "set-webhook", within: upstreamWithin, tag: "audit", permission: access.WebhookUpdate,
		summary: "Send audit records to an address", description: "In order and at least once, signed with the secret that is shown this once. Setting it anew makes another secret and ends a pause."}, s.setWebhook)
	add(s, route{method: http.MethodGet, path: api.PathAuditWebhook, id: "get-webhook", tag: "audit", permission: access.WebhookRead,
		summary: "See where audit records go, and how far they have got"}, s.getWebhook)
	add(s, route{method: http.MethodDelete, path: api.PathAuditWebhook, id: "delete-webhook", tag: "audit", permission: access.WebhookUpdate,
		summary: "Send audit records nowhere"}, s.deleteWebhook)
	add(s, route{method: http.MethodPost, path: api.PathAuditWebhookTest, id: "test-webhook", within: upstreamWithin, tag: "audit", permission: access.WebhookUpdate,
		summary: "Try the address", description: "Sends a delivery without records. If it is taken, a pause ends."}, s.testWebhook)
}

func (s *Server) setWebhook(ctx context.Context, c pullpass.Caller, in *struct{ Body api.NewWebhook }) (*body[api.WebhookWithSecret], error) {
	if err := webhook.CheckURL(in.Body.URL); err != nil {
		return nil, err
	}
	h := webhook.Hook{Organization: c.Organization, URL: in.Body.URL, Secret: pullpass.NewSecret("ppwh_" + signin.NewText())}
	if !in.Body.FromStart {
		head, err := s.store.EventHead(ctx, c.Organization)
		if err != nil {
			return nil, err
		}
		h.Delivered = head.Sequence
	}
	// The address may hold a token in its path or query: the record has the host.
	err := s.deed(ctx, c, pullpass.Event{Action: "webhook.update", Detail: map[string]string{"host": webhook.HostOf(h.URL)}}, func(ctx context.Context) (err error) {
		h, err = s.store.SetWebhook(ctx, h)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(api.WebhookWithSecret{Webhook: wireWebhook(h), Secret: api.NewSecret(h.Secret)}), nil
}

func wireWebhook(h webhook.Hook) api.Webhook {
	return api.Webhook{URL: h.URL, State: h.State(), Delivered: h.Delivered, Failures: h.Failures, Problem: h.Problem,
		NextAt: h.NextAt, FailingSince: h.FailingSince, DeliveredAt: h.DeliveredAt, CreatedAt: h.CreatedAt}
}

func (s *Server) webhook(ctx context.Context, c pullpass.Caller) (webhook.Hook, error) {
	h, err := s.store.Webhook(ctx, c.Organization)
	if pullpass.IsKind(err, pullpass.NotFound) {
		err = &pullpass.Error{Kind: pullpass.NotFound, Code: "webhook_not_found", What: "audit records are sent nowhere", Hint: "pullpass audit webhook set https://…"}
	}
	return h, err
}

func (s *Server) getWebhook(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.Webhook], error) {
	h, err := s.webhook(ctx, c)
	if err != nil {
		return nil, err
	}
	if access.Check(c, access.WebhookUpdate, access.Target{Organization: c.Organization}) != nil {
		h.URL = webhook.OriginOf(h.URL) // the rest of it may be a secret
	}
	return answer(wireWebhook(h)), nil
}

func (s *Server) deleteWebhook(ctx context.Context, c pullpass.Caller, _ *struct{}) (*none, error) {
	h, err := s.webhook(ctx, c)
	if err != nil {
		return nil, err
	}
	return nil, s.deed(ctx, c, pullpass.Event{Action: "webhook.delete", Detail: map[string]string{"host": webhook.HostOf(h.URL)}}, func(ctx context.Context) error {
		return s.store.DeleteWebhook(ctx, c.Organization)
	})
}

func (s *Server) testWebhook(ctx context.Context, c pullpass.Caller, _ *struct{}) (*body[api.WebhookTest], error) {
	if s.hooks == nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "webhook_off", What: "cannot test the address", Cause: "this server delivers no audit records"}
	}
	h, err := s.webhook(ctx, c)
	if err != nil {
		return nil, err
	}
	problem := ""
	err = s.deed(ctx, c, pullpass.Event{Action: "webhook.test", Detail: map[string]string{"host": webhook.HostOf(h.URL)}}, func(ctx context.Context) error {
		if problem = s.tryWebhook(ctx, h); problem != "" {
			return nil // an answer, not a failure of ours
		}
		return s.store.ResumeWebhook(ctx, c.Organization)
	})
	if err != nil {
		return nil, err
	}
	return answer(api.WebhookTest{Delivered: problem == "", Problem: problem}), nil
}

// tryWebhook makes a delivery without records and says what is wrong, if anything.
func (s *Server) tryWebhook(ctx context.Context, h webhook.Hook) string {
	if err := s.hooks.Send(ctx, h, webhook.Delivery{Organization: h.Organization, Test: true}); err != nil {
		return webhook.ProblemOf(err)
	}
	return ""
}
