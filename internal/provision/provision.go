package provision

import (
	"context"
	"errors"
	"maps"
	"strconv"
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
		return pullpass.Repository{}, unfit(
			cannotCreate,
			"repository_adopt",
			"a repository that is there cannot wait for its first push",
			"leave out one of the two",
		)
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
func (k *Keeper) again(
	ctx context.Context,
	r pullpass.Repository,
	s pullpass.RepositorySettings,
	taken error,
) (pullpass.Repository, error) {
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
func (k *Keeper) Update(
	ctx context.Context,
	caller pullpass.Caller,
	r pullpass.Repository,
	change pullpass.RepositorySettings,
	adopt bool,
) (pullpass.Repository, error) {
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

// apply makes AWS look like what is written down. Those who come at once take
// turns; enough says whom the one before has served, given the state it left.
// What has begun goes on when its caller gives up: half a repository serves nobody.
func (k *Keeper) apply(
	ctx context.Context,
	caller pullpass.Caller,
	r pullpass.Repository,
	adopt bool,
	enough func(pullpass.Repository) (bool, error),
) (pullpass.Repository, error) {
	done, err := k.turns.take(ctx, r.ID)
	if err != nil {
		return pullpass.Repository{}, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyIn)
	defer cancel()
	if r, err = k.o.Store.Repository(ctx, r.Organization, r.ID); err != nil {
		return pullpass.Repository{}, err
	}
	if enough != nil {
		if served, err := enough(r); served || err != nil {
			return r, err
		}
	}
	kept, err := k.keep(ctx, caller, r, adopt)
	if err != nil {
		if _, reportErr := k.o.Store.ReportRepository(ctx, r.Organization, r.ID, nil, reason(err)); reportErr != nil {
			return pullpass.Repository{}, reportErr
		}
		return pullpass.Repository{}, err
	}
	return k.o.Store.ReportRepository(ctx, r.Organization, r.ID, kept, "")
}

// keep works out what is wanted, records that it will be done, and has it done.
// It returns the principals that the policy names for the project.
func (k *Keeper) keep(
	ctx context.Context,
	caller pullpass.Caller,
	r pullpass.Repository,
	adopt bool,
) ([]string, error) {
	if k.o.AWS == nil {
		return nil, errNoAWS("cannot keep the repository " + r.Image())
	}
	defaults, err := k.o.Store.RepositoryDefaults(ctx, r.Organization)
	if err != nil {
		return nil, err
	}
	id, err := k.identity(ctx, r, r.Integration)
	if err != nil {
		return nil, err
	}
	principals, err := k.principals(ctx, r)
	if err != nil {
		return nil, err
	}
	w := Wanted{Identity: id, Name: r.Name, Rules: r.Settings.Over(defaults).Rules(), Ours: ours(r), Adopt: adopt}
	w.Pull = append(append([]string{}, principals...), w.Rules.AllowPull...)
	w.Push = append(append([]string{}, principals...), w.Rules.AllowPush...)
	e := k.event(caller, r, w)
	if err := k.o.Auditor.Record(ctx, e); err != nil {
		return nil, err
	}
	kept, err := k.o.AWS.KeepRepository(ctx, w)
	if err == nil && len(kept.Changed) == 0 {
		return principals, nil
	}
	if err == nil {
		e.At, e.Action = k.o.Now(), eventApplied
		e.Detail["changed"], e.Detail["unscoped"] = strings.Join(kept.Changed, ", "), strconv.FormatBool(kept.Unscoped)
		return principals, k.o.Auditor.Record(ctx, e)
	}
	e.At, e.Decision, e.Reason = k.o.Now(), pullpass.DecisionFailed, reason(err)
	if recordErr := k.o.Auditor.Record(ctx, e); recordErr != nil {
		return nil, recordErr
	}
	return nil, err
}

func (k *Keeper) event(caller pullpass.Caller, r pullpass.Repository, w Wanted) pullpass.Event {
	return pullpass.Event{
		Organization: r.Organization, At: k.o.Now(), Action: eventApply, Decision: pullpass.DecisionAllowed, Caller: caller.Actor(),
		Project: r.Project, Registry: r.Registry, Integration: r.Integration, Target: string(r.ID),
		Detail: map[string]string{
			"host": r.Host, "repository": r.Name, "pull": strings.Join(w.Pull, " "), "push": strings.Join(w.Push, " "),
			"image_tags": string(w.Rules.ImageTags), "scan_on_push": strconv.FormatBool(w.Rules.ScanOnPush),
			"expire_untagged_days": strconv.Itoa(w.Rules.ExpireUntagged), "keep_images": strconv.Itoa(w.Rules.KeepImages),
			"adopt": strconv.FormatBool(w.Adopt),
		},
	}
}

// Rules are what a repository's settings come to with the organization's defaults.
func (k *Keeper) Rules(ctx context.Context, r pullpass.Repository) (pullpass.RepositoryRules, error) {
	defaults, err := k.o.Store.RepositoryDefaults(ctx, r.Organization)
	if err != nil {
		return pullpass.RepositoryRules{}, err
	}
	rules := r.Settings.Over(defaults).Rules()
	tags := ours(r)
	maps.Copy(tags, rules.Tags)
	rules.Tags = tags
	return rules, nil
}

// Provision is asked before a credential for a registry entry is issued. It says
// nothing of entries that no repository was made with. The first push creates
// what is pending, and is refused where that fails; a pull of what is not there
// yet is told so.
func (k *Keeper) Provision(
	ctx context.Context,
	caller pullpass.Caller,
	entry pullpass.Registry,
	repository string,
	action pullpass.Action,
) error {
	if entry.Auth != pullpass.AuthIntegration || entry.Project == "" || entry.PathPrefix == "" || k.settled.has(entry) {
		return nil
	}
	r, err := k.o.Store.RepositoryOf(ctx, entry.Organization, entry.ID)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
		k.settled.add(entry) // an entry gets its repository when it is made, or never
		return nil
	case err != nil:
		return err
	case !r.AppliedAt.IsZero():
		k.settled.add(entry)
		return nil
	case repository != "" && repository != r.Name:
		return nil
	case action != pullpass.ActionPush:
		return notYet(r)
	}
	_, err = k.apply(ctx, caller, r, false, func(now pullpass.Repository) (bool, error) {
		if !now.AppliedAt.IsZero() {
			return true, nil
		}
		if now.State == pullpass.RepositoryFailed && k.o.Now().Sub(now.UpdatedAt) < failedFor {
			return false, failed(now)
		}
		return false, nil
	})
	return err
}

func errNoAWS(what string) error {
	return &pullpass.Error{
		Kind:  pullpass.Unavailable,
		Code:  "aws_disabled",
		What:  what,
		Cause: "this server does not talk to AWS",
	}
}
