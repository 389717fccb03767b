package pullpass

import (
	"maps"
	"strings"
	"time"
)

// RepositoryID identifies a repository.
type RepositoryID string // rpo_…

// NewRepositoryID returns a new, unique identifier.
func NewRepositoryID() RepositoryID { return RepositoryID(newID("rpo")) }

// Repository is one private ECR repository that Pullpass keeps for a project:
// created at once or on the first push, and put right again whenever it is
// updated.
type Repository struct {
	ID           RepositoryID
	Organization OrganizationID
	Project      ProjectID
	Integration  IntegrationID // creates and keeps it: an identity of the account that it lies in
	Puller       IntegrationID // what the project pulls and pushes with; the registry entry's
	Registry     RegistryID    // the entry through which the project reaches it
	Host         string        // canonical, of account and region
	Account      string
	Region       string
	Name         string
	Settings     RepositorySettings // its own; what is not set comes from the organization
	// Principals are what the policy named for the project when it was last set.
	Principals []string
	State      RepositoryState
	Reason     string // why it failed
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// AppliedAt is when everything was last as it should be; zero: never yet.
	AppliedAt time.Time
}

// RepositoryState is how far a repository is.
type RepositoryState string

// The states. What has failed is tried again by the next push or update.
const (
	RepositoryPending RepositoryState = "pending" // waits for the first push
	RepositoryReady   RepositoryState = "ready"
	RepositoryFailed  RepositoryState = "failed"
)

// Image reports what is pulled from the repository: host and name.
func (r Repository) Image() string { return r.Host + "/" + r.Name }

// TagMutability says whether a tag, once pushed, stays where it is.
type TagMutability string

// The mutabilities.
const (
	TagsImmutable TagMutability = "immutable"
	TagsMutable   TagMutability = "mutable"
)

// RepositorySettings is what can be set of a repository; nil leaves it to what
// stands above: the organization's defaults, then Pullpass's own.
type RepositorySettings struct {
	ImageTags      *TagMutability     `json:"image_tags,omitempty"`
	ScanOnPush     *bool              `json:"scan_on_push,omitempty"`
	ExpireUntagged *int               `json:"expire_untagged_days,omitempty"` // 0: never
	KeepImages     *int               `json:"keep_images,omitempty"`          // 0: all
	Tags           *map[string]string `json:"tags,omitempty"`                 // beside our own
	AllowPull      *[]string          `json:"allow_pull,omitempty"`           // beside the project's principal
	AllowPush      *[]string          `json:"allow_push,omitempty"`           // beside the project's principal
}

// Over lays s over what stands above it.
func (s RepositorySettings) Over(above RepositorySettings) RepositorySettings {
	lay(&above.ImageTags, s.ImageTags)
	lay(&above.ScanOnPush, s.ScanOnPush)
	lay(&above.ExpireUntagged, s.ExpireUntagged)
	lay(&above.KeepImages, s.KeepImages)
	lay(&above.Tags, s.Tags)
	lay(&above.AllowPull, s.AllowPull)
	lay(&above.AllowPush, s.AllowPush)
	return above
}

func lay[T any](below **T, over *T) {
	if over != nil {
		*below = over
	}
}

// RepositoryRules are settings with nothing left open.
type RepositoryRules struct {
	ImageTags      TagMutability
	ScanOnPush     bool
	ExpireUntagged int // days; 0: never
	KeepImages     int // 0: all
	Tags           map[string]string
	AllowPull      []string
	AllowPush      []string
}

// Pullpass's own defaults: a tag says the same tomorrow, every push is scanned,
// and what no tag names goes after a fortnight. How many images to keep is for
// people to say: whatever expires may still run somewhere.
const defaultExpireUntagged = 14

// Rules resolves s, whatever it leaves open, by Pullpass's own defaults.
func (s RepositorySettings) Rules() RepositoryRules {
	r := RepositoryRules{ImageTags: TagsImmutable, ScanOnPush: true, ExpireUntagged: defaultExpireUntagged}
	put(&r.ImageTags, s.ImageTags)
	put(&r.ScanOnPush, s.ScanOnPush)
	put(&r.ExpireUntagged, s.ExpireUntagged)
	put(&r.KeepImages, s.KeepImages)
	put(&r.AllowPull, s.AllowPull)
	put(&r.AllowPush, s.AllowPush)
	if s.Tags != nil {
		r.Tags = maps.Clone(*s.Tags)
	}
	return r
}

func put[T any](field, set *T) {
	if set != nil {
		*field = *set
	}
}

// RepositoryFilter narrows a list of repositories; empty fields do not narrow.
type RepositoryFilter struct {
	Project ProjectID
}

const (
	leastRepositoryName = 2 // ECR's bounds
	mostRepositoryName  = 256
)

// RepositoryNameFor derives the name of a project's repository in ECR's grammar:
// lower-case words joined by single separators.
func RepositoryNameFor(project string) string {
	var b strings.Builder
	separator := byte(0)
	for _, c := range []byte(strings.ToLower(project)) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			if separator != 0 && b.Len() > 0 {
				b.WriteByte(separator)
			}
			separator = 0
			b.WriteByte(c)
			continue
		}
		switch {
		case separator != 0: // of several in a row, one
			separator = '-'
		case c == '.' || c == '_':
			separator = c
		default:
			separator = '-'
		}
	}
	name := b.String()
	if len(name) < leastRepositoryName {
		name = strings.Trim("project-"+name, "-")
	}
	if len(name) > mostRepositoryName {
		name = strings.TrimRight(name[:mostRepositoryName], "._-")
	}
	return name
}
