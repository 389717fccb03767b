package provision

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

const (
	// eventApply is recorded before AWS is asked to change anything, whoever caused
	// it: an administrator, or the first push.
	eventApply   = "repository.apply"
	eventApplied = "repository.applied" // and this when something was changed: what
	applyIn      = time.Minute
	// failedFor is how long a failure answers for further pushes: a herd of them is
	// not to become a herd of calls.
	failedFor = 5 * time.Second
	maxReason = 1000
)

// apply makes AWS look like what is written down. Those who come at once take
// turns; enough says whom the one before has served, given the state it left.
// What has begun goes on when its caller gives up: half a repository serves nobody.
func (k *Keeper) apply(ctx context.Context, caller pullpass.Caller, r pullpass.Repository, adopt bool, enough func(pullpass.Repository) (bool, error)) (pullpass.Repository, error) {
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
func (k *Keeper) keep(ctx context.Context, caller pullpass.Caller, r pullpass.Repository, adopt bool) ([]string, error) {
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

// reason is kept and shown: our own sentences, never a wrapped library's.
func reason(err error) string {
	if pullpass.KindOf(err) == pullpass.Internal {
		return "internal error"
	}
	lines := strings.Split(pullpass.Explain(err), "\n")
	for i, line := range lines {
		_, text, _ := strings.Cut(line, ":")
		lines[i] = strings.TrimSpace(text)
	}
	text := strings.Join(lines, "; ")
	return printable.Line(text, maxReason)
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
