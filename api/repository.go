package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// The paths of repositories.
const (
	PathRepositories = "/api/v1/repositories"
	PathRepository   = "/api/v1/repositories/{repository}"

	PathRepositoryDefaults = "/api/v1/repository-defaults"
)

// Repository is a private ECR repository that is kept for a project.
type Repository struct {
	ID          pullpass.RepositoryID    `json:"id"`
	Project     pullpass.ProjectID       `json:"project"`
	Integration pullpass.IntegrationID   `json:"integration" doc:"Creates it and keeps it as it is wanted."`
	Puller      pullpass.IntegrationID   `json:"pull_integration" doc:"What the project pulls and pushes with."`
	Registry    pullpass.RegistryID      `json:"registry" doc:"The entry through which the project reaches it."`
	Host        string                   `json:"host"`
	Account     string                   `json:"account"`
	Region      string                   `json:"region"`
	Name        string                   `json:"name"`
	Image       string                   `json:"image" doc:"Host and name, as images are named."`
	State       pullpass.RepositoryState `json:"state" enum:"pending,ready,failed" doc:"pending waits for the first push."`
	Reason      string                   `json:"reason,omitempty" doc:"Why it failed. The next push or update tries again."`
	Principals  []string                 `json:"principals" nullable:"false" doc:"Whom its policy names for the project, as last set."`
	Settings    RepositorySettings       `json:"settings" doc:"Its own; what is left out comes from the organization's defaults."`
	InForce     *RepositorySettings      `json:"in_force,omitempty" doc:"What they come to. In a list it is left out."`
	CreatedAt   time.Time                `json:"created_at"`
	UpdatedAt   time.Time                `json:"updated_at"`
	AppliedAt   *time.Time               `json:"applied_at,omitempty" doc:"When everything was last as wanted."`
}

// RepositorySettings is what can be set; what is left out is left to what stands
// above: the organization's defaults, then Pullpass's own.
type RepositorySettings struct {
	ImageTags      *pullpass.TagMutability `json:"image_tags,omitempty" enum:"immutable,mutable" doc:"Whether a tag, once pushed, stays where it is. Pullpass's own: immutable."`
	ScanOnPush     *bool                   `json:"scan_on_push,omitempty" doc:"Pullpass's own: true."`
	ExpireUntagged *int                    `json:"expire_untagged_days,omitempty" minimum:"0" maximum:"3650" doc:"0: never. Pullpass's own: 14."`
	KeepImages     *int                    `json:"keep_images,omitempty" minimum:"0" maximum:"100000" doc:"0: all, which is Pullpass's own."`
	Tags           *map[string]string      `json:"tags,omitempty" maxProperties:"40" doc:"AWS tags, beside pullpass:organization and pullpass:project."`
	AllowPull      *[]string               `json:"allow_pull,omitempty" maxItems:"50" nullable:"false" doc:"Roles, users and accounts that its policy lets pull, beside the project's own principal."`
	AllowPush      *[]string               `json:"allow_push,omitempty" maxItems:"50" nullable:"false" doc:"The same for push."`
}

// NewRepository asks for a repository.
type NewRepository struct {
	Project     pullpass.ProjectID     `json:"project"`
	Integration pullpass.IntegrationID `json:"integration" doc:"An identity of the account in which it is to lie."`
	Puller      pullpass.IntegrationID `json:"pull_integration,omitempty" doc:"What the project pulls and pushes with, where that is another one: its principal is what the policy names."`
	Host        string                 `json:"host,omitempty" maxLength:"512" doc:"Left out: that of the integration's account in the region."`
	Region      string                 `json:"region,omitempty" pattern:"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$" patternDescription:"an AWS region" doc:"Left out: the integration's."`
	Name        string                 `json:"name,omitempty" maxLength:"256" doc:"Left out: derived from the project's name." example:"team/app"`
	Settings    RepositorySettings     `json:"settings,omitzero"`
	Inside      pullpass.Inside        `json:"inside,omitempty" enum:"never,login,whole" doc:"Who holds credentials beside the runners that start environments: login unless given."`
	OnFirstPush bool                   `json:"on_first_push,omitempty" doc:"Create it when the first push credential is asked for."`
	Adopt       bool                   `json:"adopt,omitempty" doc:"Take over one that is there and was not created by Pullpass."`
}

// RepositoryApply puts a repository right, with what the settings change.
type RepositoryApply struct {
	Settings RepositorySettings `json:"settings,omitzero"`
	Adopt    bool               `json:"adopt,omitempty" doc:"Take over one that is there and was not created by Pullpass."`
}

// FromRepository writes a repository.
func FromRepository(r pullpass.Repository) Repository {
	w := Repository{
		ID: r.ID, Project: r.Project, Integration: r.Integration, Puller: r.Puller, Registry: r.Registry,
		Host: r.Host, Account: r.Account, Region: r.Region, Name: r.Name, Image: r.Image(),
		State: r.State, Reason: r.Reason, Principals: full(r.Principals), Settings: RepositorySettings(r.Settings),
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if !r.AppliedAt.IsZero() {
		w.AppliedAt = &r.AppliedAt
	}
	return w
}

// FromRules writes what settings come to.
func FromRules(r pullpass.RepositoryRules) RepositorySettings {
	pull, push := full(r.AllowPull), full(r.AllowPush)
	return RepositorySettings{
		ImageTags: &r.ImageTags, ScanOnPush: &r.ScanOnPush, ExpireUntagged: &r.ExpireUntagged, KeepImages: &r.KeepImages,
		Tags: &r.Tags, AllowPull: &pull, AllowPush: &push,
	}
}
