package httpapi

import (
	"context"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/signin"
	"github.com/pullpass/pullpass/internal/webhook"
)

// peopleStore keeps members, sign-ins and sessions.
type peopleStore interface {
	CreateMember(context.Context, pullpass.Member) (pullpass.Member, error)
	Member(context.Context, pullpass.OrganizationID, pullpass.MemberID) (pullpass.Member, error)
	Members(context.Context, pullpass.OrganizationID, pullpass.Page) (pullpass.List[pullpass.Member], error)
	DeleteMember(context.Context, pullpass.OrganizationID, pullpass.MemberID) error
	// SignIn keeps who signed in and returns what they are a member of.
	SignIn(context.Context, pullpass.User) (pullpass.User, []pullpass.Member, error)
	User(context.Context, pullpass.UserID) (pullpass.User, error)
	CreateSession(context.Context, pullpass.OrganizationID, pullpass.MemberID, pullpass.Token) (pullpass.Token, error)

	CreateAttempt(context.Context, signin.Attempt) error
	TypedAttempt(ctx context.Context, userCode signin.Hash) (signin.Attempt, error)
	SendAttempt(ctx context.Context, userCode, state, browser signin.Hash) (signin.Attempt, error)
	TakeAttempt(ctx context.Context, state, browser signin.Hash) (signin.Attempt, error)
	FinishAttempt(ctx context.Context, id string, m pullpass.Member, code signin.Hash, expires time.Time) error
	RefuseAttempt(ctx context.Context, id, code string) error
	RedeemCode(context.Context, signin.Hash) (signin.Attempt, error)
	RedeemDevice(context.Context, signin.Hash) (a signin.Attempt, pending bool, err error)
}

// webhookStore keeps where audit records go.
type webhookStore interface {
	SetWebhook(context.Context, webhook.Hook) (webhook.Hook, error)
	Webhook(context.Context, pullpass.OrganizationID) (webhook.Hook, error)
	DeleteWebhook(context.Context, pullpass.OrganizationID) error
	ResumeWebhook(context.Context, pullpass.OrganizationID) error
	EventHead(context.Context, pullpass.OrganizationID) (audit.Head, error)
}

// SignIn is the OpenID provider through which people sign in: *signin.Provider.
type SignIn interface {
	Server() string
	AuthorizationURL(ctx context.Context, state string, b signin.Browser) (string, error)
	Person(ctx context.Context, a signin.Answer, b signin.Browser) (signin.Person, error)
}

// WebhookSender makes one delivery: webhook.Sender.
type WebhookSender interface {
	Send(context.Context, webhook.Hook, webhook.Delivery) error
}
