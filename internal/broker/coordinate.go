package broker

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/pullpass/pullpass"
)

// A lease is short and renewed while its server lives: when that one is killed,
// the others wait no longer than this.
const (
	leaseLength = 12 * time.Second
	leaseRenew  = 3 * time.Second
	letGo       = 2 * time.Second // for the database, once the flight's own time is over
)

// coordinator makes one upstream call of those that several servers want to make
// for one key. Who waits holds no connection: it listens, and looks again from
// time to time in case it was not told.
type coordinator struct {
	shared Handovers
	now    func() time.Time
}

// once returns what this server or another one mints. have is the version that
// this server holds already.
func (c *coordinator) once(
	ctx context.Context,
	org pullpass.OrganizationID,
	key Key,
	have int64,
	mint func(context.Context) outcome,
) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := c.shared.Watch(ctx, org, key.String()) // first watch, then read: nothing falls between
	claim := Claim{Have: have, Length: leaseLength}
	for {
		got, err := c.shared.Claim(ctx, org, key, claim)
		switch {
		case err != nil:
			return failed(err)
		case got.Lease != 0:
			return c.mint(ctx, org, key, got.Lease, mint)
		case got.Version != 0:
			if out, ok := c.taken(got); ok {
				return out
			}
			claim.Have = got.Version // by our clock it is over
		case got.Failure != "":
			return outcome{err: readFailure(got.Failure), refused: got.FailureLasts}
		default:
			claim.Waited = got.Busy
			if changed, err = wait(ctx, changed, min(got.BusyFor, time.Second)); err != nil {
				return failed(err)
			}
		}
	}
}

// wait returns when something changed, or after d and a little more, so that not
// all servers look in the same moment.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) (<-chan struct{}, error) {
	timer := time.NewTimer(d + between(5*time.Millisecond, 100*time.Millisecond))
	defer timer.Stop()
	select {
	case _, open := <-changed:
		if !open {
			changed = nil // the store is closing, or nobody waits any more
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "issue_waited", What: "cannot issue a credential",
			Cause: "another server has been asking AWS for too long", Hint: "try again", Err: ctx.Err()}
	}
	return changed, nil
}

// mint does it here, keeps the lease meanwhile, and hands over what comes out.
func (c *coordinator) mint(
	ctx context.Context,
	org pullpass.OrganizationID,
	key Key,
	lease int64,
	mint func(context.Context) outcome,
) outcome {
	renewing, stop := context.WithCancel(ctx)
	var renewer sync.WaitGroup
	renewer.Go(func() { c.renew(renewing, org, key, lease) })
	out := mint(ctx)
	stop()
	renewer.Wait()
	out.version = lease
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
	defer cancel()
	// What came out is good even if it cannot be handed over. Then the lease is
	// given back; failing that, it ends by itself, and another server mints.
	if err := c.shared.HandOver(ending, org, key, lease, c.handed(ctx, out)); err != nil {
		_ = c.shared.HandOver(ending, org, key, lease, Outcome{})
	}
	return out
}

func (c *coordinator) renew(ctx context.Context, org pullpass.OrganizationID, key Key, lease int64) {
	ticker := time.NewTicker(leaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = c.shared.RenewLease(ctx, org, key, lease, leaseLength) // the next one may get through
		}
	}
}

// handed is what the others are given. A canceled flight says nothing
// about AWS: somebody else should try.
func (c *coordinator) handed(ctx context.Context, out outcome) Outcome {
	if out.err == nil {
		now := c.now()
		return Outcome{Minted: writeMinted(out.minted), Refresh: out.life.refresh.Sub(now), Serve: out.life.until.Sub(now)}
	}
	if ctx.Err() != nil {
		return Outcome{}
	}
	return Outcome{
		Failure:      writeFailure(out.err),
		FailureLasts: out.refused,
		Revoked:      pullpass.IsKind(out.err, pullpass.Denied),
	}
}

// taken is what another server minted, with the lifetime that it has there: all
// refresh at the same time, which is one call upstream.
func (c *coordinator) taken(got Claimed) (outcome, bool) {
	m, err := readMinted(got.Minted)
	if err != nil {
		return failed(err), true
	}
	now := c.now()
	life := lifetime{now.Add(got.Refresh), now.Add(got.Serve)}
	// Should the database's clock have jumped, ours has a word, too.
	if end := m.Credential.Expires.Add(-keepShort); !m.Credential.Expires.IsZero() && end.Before(life.until) {
		life.until = end
	}
	return outcome{minted: m, life: life, version: got.Version}, now.Before(life.until)
}

// carried is Minted as it is sealed. The secret type does not marshal itself, so
// that nothing else can write one down by accident.
type carried struct {
	Host, Username, Secret string
	Expires                time.Time
	Unscoped               bool
	Principal              string
	Repositories           []string
	Policy, WebIdentity    string
	Anonymous              string
}

func writeMinted(m Minted) pullpass.Secret {
	c := m.Credential
	all := carried{
		c.Host, c.Username, c.Secret.Reveal(), c.Expires, c.Unscoped,
		m.Principal, m.Repositories, m.Policy, m.WebIdentity, m.Anonymous,
	}
	text, _ := json.Marshal(all) //nolint:errchkjson,gosec // strings and a time; sealed as a whole
	return pullpass.NewSecret(string(text))
}

func readMinted(text pullpass.Secret) (Minted, error) {
	var c carried
	if json.Unmarshal([]byte(text.Reveal()), &c) != nil { // the error might show what it read
		return Minted{}, &pullpass.Error{
			Kind:  pullpass.Internal,
			What:  "cannot issue a credential",
			Cause: "cannot decode the credential that another server minted",
			Hint:  "run the same version on all servers",
		}
	}
	return Minted{
		Credential: pullpass.Credential{
			Host:     c.Host,
			Username: c.Username,
			Secret:   pullpass.NewSecret(c.Secret),
			Expires:  c.Expires,
			Unscoped: c.Unscoped,
		},
		Principal: c.Principal, Repositories: c.Repositories, Policy: c.Policy, WebIdentity: c.WebIdentity, Anonymous: c.Anonymous,
	}, nil
}

// told is an error as others are told of it: our own sentences, which hold no
// secrets, never a wrapped library's.
type told struct {
	Kind              pullpass.Kind
	Code              string
	What, Cause, Hint string
}

func writeFailure(err error) string {
	t := told{Kind: pullpass.KindOf(err), What: "cannot issue a credential", Cause: "it failed on another server"}
	var e *pullpass.Error
	if errors.As(err, &e) && e.Kind != pullpass.Internal {
		t = told{e.Kind, e.Code, e.What, e.Cause, e.Hint}
	}
	text, _ := json.Marshal(t) //nolint:errchkjson // strings
	return string(text)
}

func readFailure(text string) error {
	var t told
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return &pullpass.Error{
			Kind:  pullpass.Internal,
			What:  "cannot issue a credential",
			Cause: "it failed on another server",
		}
	}
	return &pullpass.Error{Kind: t.Kind, Code: t.Code, What: t.What, Cause: t.Cause, Hint: t.Hint}
}
