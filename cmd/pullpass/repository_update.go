package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// repositoryFlags are the settings of a repository as flags.
type repositoryFlags struct {
	ImageTags      string   `enum:"mutable,immutable," default:"" placeholder:"mutable|immutable" help:"Whether a tag, once pushed, stays where it is."`
	Scan           string   `enum:"on-push,off," default:"" placeholder:"on-push|off" help:"Whether each push is scanned."`
	ExpireUntagged string   `placeholder:"DAYS" help:"Expire images that no tag names after so many days, such as 14d; 0: never."`
	KeepImages     *int     `placeholder:"N" help:"Keep the latest N images; 0: all."`
	Tags           []string `name:"tag" sep:"none" placeholder:"KEY=VALUE" help:"AWS tag, beside Pullpass's own. Can be repeated."`
	AllowPull      []string `sep:"none" placeholder:"ARN" help:"Role, user or account that the policy lets pull, too. Can be repeated; none: nobody else."`
	AllowPush      []string `sep:"none" placeholder:"ARN" help:"The same for push."`
}

func (f *repositoryFlags) settings() (api.RepositorySettings, error) {
	var s api.RepositorySettings
	if f.ImageTags != "" {
		tags := pullpass.TagMutability(f.ImageTags)
		s.ImageTags = &tags
	}
	if f.Scan != "" {
		scan := f.Scan == "on-push"
		s.ScanOnPush = &scan
	}
	if f.ExpireUntagged != "" {
		days, err := strconv.Atoi(strings.TrimSuffix(f.ExpireUntagged, "d"))
		if err != nil || days < 0 {
			return s, misuse("--expire-untagged is not a number of days", "--expire-untagged 14d")
		}
		s.ExpireUntagged = &days
	}
	s.KeepImages = f.KeepImages
	s.AllowPull, s.AllowPush = principalList(f.AllowPull), principalList(f.AllowPush)
	if len(f.Tags) == 0 {
		return s, nil
	}
	tags := make(map[string]string, len(f.Tags))
	for _, tag := range f.Tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok {
			return s, misuse("--tag "+strconv.Quote(tag)+" is not KEY=VALUE", "--tag team=payments")
		}
		tags[key] = value
	}
	s.Tags = &tags
	return s, nil
}

// principalList: nil where nothing is said, empty for the word none.
func principalList(given []string) *[]string {
	switch {
	case len(given) == 0:
		return nil
	case len(given) == 1 && given[0] == "none":
		return &[]string{}
	}
	return &given
}

type repositoryUpdate struct {
	Repository string `arg:"" help:"Name, host/name or id."`
	Adopt      bool   `help:"Take over a repository that is there already and was not created by Pullpass."`
	repositoryFlags
}

func (r *repositoryUpdate) Run(ctx context.Context, t *terminal) error {
	settings, err := r.settings()
	if err != nil {
		return err
	}
	c, err := connect()
	if err != nil {
		return err
	}
	found, err := findRepository(ctx, c, r.Repository)
	if err != nil {
		return err
	}
	updated, err := c.ApplyRepository(ctx, found.ID, api.RepositoryApply{Settings: settings, Adopt: r.Adopt})
	if err != nil {
		return err
	}
	if updated.State == pullpass.RepositoryPending {
		t.say("Noted: the first push to %s applies it.", updated.Image)
	} else {
		t.say("The repository %s is as wanted; its policy names %s.", updated.Image, strings.Join(updated.Principals, ", "))
	}
	return t.show(updated, func(io.Writer) {})
}

type repositoryDefaults struct {
	repositoryFlags
	Reset bool `help:"Forget what is set: Pullpass's own defaults hold."`
}

func (r *repositoryDefaults) Run(ctx context.Context, t *terminal) error {
	change, err := r.settings()
	if err != nil {
		return err
	}
	c, err := connect()
	if err != nil {
		return err
	}
	var current api.RepositorySettings
	if !r.Reset {
		if current, err = c.RepositoryDefaults(ctx); err != nil {
			return err
		}
	}
	if r.Reset || change != (api.RepositorySettings{}) {
		merged := pullpass.RepositorySettings(change).Over(pullpass.RepositorySettings(current))
		if current, err = c.SetRepositoryDefaults(ctx, api.RepositorySettings(merged)); err != nil {
			return err
		}
		t.say("They reach a repository when it is created, or updated: pullpass repository update NAME")
	}
	inForce := api.FromRules(pullpass.RepositorySettings(current).Rules())
	return t.show(current, func(w io.Writer) { facts(w, settingsFacts(inForce)...) })
}
