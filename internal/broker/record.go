package broker

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

const (
	eventIssue = "credential.issue"
	eventGrant = "credential.grant"
	maxReason  = 1000
	maxDetail  = 4096
)

// refuse records why nothing is revealed. It takes its own time for it: the
// caller's may be over, which is one of the reasons.
func (b *Broker) refuse(ctx context.Context, caller pullpass.Caller, ask Ask, p *plan, err error) error {
	e := b.event(caller, p, ask, prepared{})
	e.Decision, e.Reason = pullpass.DecisionFailed, reason(err)
	switch pullpass.KindOf(err) {
	case pullpass.Denied, pullpass.NotFound, pullpass.Invalid, pullpass.Conflict:
		e.Decision = pullpass.DecisionDenied
	}
	if recordErr := b.auditor.Record(context.WithoutCancel(ctx), e); recordErr != nil {
		return recordErr
	}
	return err
}

// event tells of an answer: who asked for what, what was chosen, how narrow.
func (b *Broker) event(caller pullpass.Caller, p *plan, ask Ask, a prepared) pullpass.Event {
	e := pullpass.Event{
		Organization: p.organization, At: b.now(), Action: eventIssue, Decision: pullpass.DecisionAllowed, Caller: caller.Actor(),
		Project: p.project, Environment: p.environment, Runner: p.runner,
		Registry: p.registry.ID, Generation: p.registry.Generation, Integration: p.integration.ID,
		Detail: make(map[string]string, 8),
	}
	set := func(key, value string) {
		if value != "" {
			e.Detail[key] = printable.Truncate(value, maxDetail)
		}
	}
	// What was asked for is shown in its canonical form only: what the parser
	// refused may be anything.
	if p.host.Name != "" {
		set("host", p.host.Name)
		set("repository", ask.Repository)
		set("action", string(p.action))
	}
	if ask.Inside {
		set("inside", "true")
	}
	if a.Registry == "" {
		return e
	}
	if !a.Grant.Empty() {
		e.Action = eventGrant
		set("repositories", strings.Join(p.repositories, " "))
		set("grant", a.grantID)
		return e
	}
	set("principal", a.Principal)
	set("repositories", strings.Join(a.Repositories, " "))
	set("session_policy", a.policy)
	set("web_identity", a.webIdentity)
	set("anonymous", a.anonymous)
	set("unscoped", strconv.FormatBool(a.Credential.Unscoped))
	set("cached", strconv.FormatBool(a.Cached))
	if !a.Credential.Expires.IsZero() {
		set("expires", a.Credential.Expires.UTC().Format(time.RFC3339))
	}
	return e
}

// reason is what the record says of a failure: our own sentences, never a
// wrapped library's.
func reason(err error) string {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind == pullpass.Internal {
		return "internal error"
	}
	text := e.What
	if e.Cause != "" {
		text += ": " + e.Cause
	}
	return printable.Truncate(text, maxReason)
}
