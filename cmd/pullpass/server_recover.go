package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/audit"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/store"
)

// recoveredFor is how long a recovered owner's token lives: long enough to make a
// lasting one, or to invite the next owner.
const recoveredFor = 24 * time.Hour

// serverRecover makes an owner's token for whoever may read the server's data: the
// operator of its machine.
type serverRecover struct {
	Organization string `placeholder:"NAME" help:"Organization to make an owner of; not needed where there is only one."`
	Name         string `default:"recovered" placeholder:"NAME" help:"Name of the token."`
	config.Server
}

func (s *serverRecover) Run(ctx context.Context, t *terminal) error {
	db, err := openExisting(ctx, &s.Server, t)
	if err != nil {
		return err
	}
	text, token, err := s.recover(ctx, db)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	t.say("Made the owner's token %s; it ends in 24 hours, and this is the only time it is shown.", token.Name)
	t.say("Next: pullpass login SERVER, give it the token, and make a lasting one: pullpass token create NAME --role owner")
	shown := struct {
		ID    pullpass.TokenID `json:"id"`
		Token api.Secret       `json:"token"`
	}{token.ID, api.NewSecret(text)}
	return t.show(shown, func(w io.Writer) { _, _ = fmt.Fprintln(w, text.Reveal()) })
}

// recover records the token before it makes it: whoever takes an organization over
// in this way is seen by its other owners.
func (s *serverRecover) recover(ctx context.Context, db *store.DB) (pullpass.Secret, pullpass.Token, error) {
	org, err := s.organization(ctx, db)
	if err != nil {
		return pullpass.Secret{}, pullpass.Token{}, err
	}
	text := pullpass.NewBearer(pullpass.TokenAPI)
	_, hash, _ := pullpass.HashBearer(text.Reveal())
	now := time.Now()
	token := pullpass.Token{
		ID: pullpass.NewTokenID(), Organization: org.ID, Kind: pullpass.TokenAPI, Name: s.Name, Role: pullpass.RoleOwner, Hash: hash,
		CreatedBy: "recovery", CreatedAt: now, ExpiresAt: now.Add(recoveredFor),
	}
	recorder := audit.NewDoor(db, audit.Options{})
	err = recorder.Record(ctx, pullpass.Event{
		Organization: org.ID, At: now, Action: "organization.recover", Decision: pullpass.DecisionAllowed,
		Caller: pullpass.EventActor{Kind: pullpass.CallerServer, ID: "recovery", Name: "operator of the server's machine"}, Target: string(token.ID),
	})
	if err = errors.Join(err, recorder.Close()); err != nil {
		return pullpass.Secret{}, pullpass.Token{}, err
	}
	token, err = db.CreateToken(ctx, token)
	return text, token, err
}

func (s *serverRecover) organization(ctx context.Context, db *store.DB) (pullpass.Organization, error) {
	l, err := db.Organizations(ctx, pullpass.Page{Limit: pullpass.MaxPage})
	if err != nil {
		return pullpass.Organization{}, err
	}
	for _, o := range l.Items {
		if o.Name == s.Organization || (s.Organization == "" && len(l.Items) == 1) {
			return o, nil
		}
	}
	switch {
	case len(l.Items) == 0:
		return pullpass.Organization{}, &pullpass.Error{Kind: pullpass.NotFound, What: "nothing to recover",
			Cause: "the server has no organization yet", Hint: "start it, and use the link that it prints: pullpass server"}
	case s.Organization == "":
		return pullpass.Organization{}, misuse("the server has several organizations", "name one: --organization "+l.Items[0].Name)
	}
	return pullpass.Organization{}, &pullpass.Error{Kind: pullpass.NotFound, What: "there is no organization " + s.Organization,
		Hint: "the server has: " + l.Items[0].Name}
}
