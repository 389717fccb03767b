package provision

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// Options are the keeper's parts.
type Options struct {
	Store   Store
	AWS     AWS // nil: this server does not talk to AWS
	Auditor Auditor
	Hosts   *reference.Hosts // nil: the grammar alone
	// Wait paces the calls to an integration's account in a region; nil: nothing does.
	Wait func(pullpass.OrganizationID, pullpass.Integration, string) func(ctx context.Context, service string) error
	Now  func() time.Time // nil: time.Now
}

// Keeper keeps repositories.
type Keeper struct {
	o       Options
	turns   turns
	settled settled
}

// New returns a keeper.
func New(o Options) (*Keeper, error) {
	if o.Store == nil || o.Auditor == nil {
		return nil, errors.New("provision: a store and an auditor are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = func(pullpass.OrganizationID, pullpass.Integration, string) func(context.Context, string) error {
			return func(context.Context, string) error { return nil }
		}
	}
	return &Keeper{o: o}, nil
}

// Wish is a repository that somebody asks for.
type Wish struct {
	Project     pullpass.ProjectID
	Integration pullpass.IntegrationID
	Puller      pullpass.IntegrationID // empty: Integration
	Host        string                 // empty: that of the integration's account and Region
	Region      string                 // empty: the integration's
	Name        string                 // empty: derived from the project's
	Settings    pullpass.RepositorySettings
	Inside      pullpass.Inside
	OnFirstPush bool
	Adopt       bool // takes over a repository that is there and not ours
}

const cannotCreate = "cannot create the repository"

func unfit(what, code, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: what, Cause: cause, Hint: hint}
}

// Create writes the repository down and, unless it is to wait for the first push,
// creates it. Asked for once more, it is what it was, and put right. Where AWS
// refuses, what is written down stays: the same command, or an update, tries again.
func (k *Keeper) Create(ctx context.Context, caller pullpass.Caller, w Wish) (pullpass.Repository, error) {
	if w.Adopt && w.OnFirstPush {
		return pullpass.Repository{}, unfit(cannotCreate, "repository_adopt", "a repository that is there cannot wait for its first push", "leave out one of the two")
	}
	r, err := k.wanted(ctx, caller.Organization, w)
	if err != nil {
		return pullpass.Repository{}, err
	}
	made, err := k.save(ctx, r, w.Inside)
	if pullpass.CodeOf(err) == "repository_taken" {
		made, err = k.again(ctx, r, w.Settings, err)
	}
	if err != nil || w.OnFirstPush {
		return made, err
	}
	return k.apply(ctx, caller, made, w.Adopt, nil)
}

// again finds what was asked for before, by whoever was faster or by the same
// command. What is another project's stays taken.
func (k *Keeper) again(ctx context.Context, r pullpass.Repository, s pullpass.RepositorySettings, taken error) (pullpass.Repository, error) {
	found, err := k.o.Store.RepositoryAt(ctx, r.Organization, r.Account, r.Region, r.Name)
	if err != nil {
		return pullpass.Repository{}, err
	}
	if found.Project != r.Project || found.Integration != r.Integration || found.Puller != r.Puller {
		return pullpass.Repository{}, taken
	}
	if s == (pullpass.RepositorySettings{}) {
		return found, nil
	}
	return k.o.Store.SetRepositorySettings(ctx, found.Organization, found.ID, s.Over(found.Settings))
}

// save stores the repository with its registry entry. A name that another entry
// has gets the repository's own end.
func (k *Keeper) save(ctx context.Context, r pullpass.Repository, inside pullpass.Inside) (pullpass.Repository, error) {
	entry := pullpass.Registry{
		Name: entryName(r.Name), Host: r.Host, PathPrefix: r.Name,
		Auth: pullpass.AuthIntegration, Integration: r.Puller, Inside: inside,
	}
	made, err := k.o.Store.CreateRepository(ctx, r, entry)
	if pullpass.CodeOf(err) == "registry_name" {
		const unique = 8 // the end of an id is its random part
		entry.Name += "-" + string(r.ID[len(r.ID)-unique:])
		made, err = k.o.Store.CreateRepository(ctx, r, entry)
	}
	return made, err
}

func entryName(repository string) string {
	const most = 100
	name := "ecr-" + strings.Map(func(r rune) rune {
		if r == '/' || r == '.' {
			return '-'
		}
		return r
	}, repository)
	return name[:min(len(name), most)]
}

// Update sets what change names and puts everything right; an empty change does
// the latter alone.
func (k *Keeper) Update(ctx context.Context, caller pullpass.Caller, r pullpass.Repository, change pullpass.RepositorySettings, adopt bool) (pullpass.Repository, error) {
	if err := CheckSettings("cannot update the repository", change); err != nil {
		return pullpass.Repository{}, err
	}
	if change != (pullpass.RepositorySettings{}) {
		var err error
		if r, err = k.o.Store.SetRepositorySettings(ctx, r.Organization, r.ID, change.Over(r.Settings)); err != nil {
			return pullpass.Repository{}, err
		}
	}
	if r.State == pullpass.RepositoryPending && !adopt {
		return r, nil // its first push applies it
	}
	return k.apply(ctx, caller, r, adopt, nil)
}

// Delete forgets a repository and its registry entry; with images also what ECR
// has of it.
func (k *Keeper) Delete(ctx context.Context, r pullpass.Repository, images bool) error {
	done, err := k.turns.take(ctx, r.ID)
	if err != nil {
		return err
	}
	defer done()
	if images {
		wanted, err := k.identity(ctx, r, r.Integration)
		if err != nil {
			return err
		}
		if k.o.AWS == nil {
			return errNoAWS("cannot delete the images of " + r.Image())
		}
		if err := k.o.AWS.RemoveRepository(ctx, Wanted{Identity: wanted, Name: r.Name, Ours: ours(r)}); err != nil {
			return err
		}
	}
	return k.o.Store.DeleteRepository(ctx, r.Organization, r.ID)
}

func errNoAWS(what string) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "aws_disabled", What: what, Cause: "this server does not talk to AWS"}
}
