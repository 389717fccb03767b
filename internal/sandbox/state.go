package sandbox

import (
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pullpass/pullpass/internal/awsname"
)

// state is everything the accounts hold. One lock guards all of it: calls are
// short, and a decision must see policies of two accounts at one moment.
type state struct {
	mu       sync.Mutex
	accounts map[string]*account
	keys     map[string]*credential // by access key id, long-term and session
	tokens   map[tokenHash]*registryToken
	denials  denialLog
	swept    time.Time // when expired sessions were last forgotten
}

func newState() *state {
	return &state{accounts: map[string]*account{}, keys: map[string]*credential{}, tokens: map[tokenHash]*registryToken{}}
}

// account is one AWS account.
type account struct {
	id        string
	alias     string
	partition awsname.Partition
	// organization is the path in AWS's form, o-…/r-…/ou-…/; empty: in none.
	organization string
	warn         func(message string, args ...any)

	users      map[string]*user
	roles      map[string]*role
	policies   map[string]*managedPolicy // customer managed, by ARN
	awsManaged map[string]*managedPolicy // shared by all accounts, never changed
	providers  map[string]*oidcProvider  // by ARN
	profiles   map[string]*instanceProfile
	registries map[string]*registry // by region

	serviceControl  [][]policyDocument
	resourceControl [][]policyDocument
}

func newAccount(id, alias string, partition awsname.Partition) *account {
	return &account{
		id: id, alias: alias, partition: partition, warn: func(string, ...any) {},
		users:      map[string]*user{},
		roles:      map[string]*role{},
		policies:   map[string]*managedPolicy{},
		providers:  map[string]*oidcProvider{},
		profiles:   map[string]*instanceProfile{},
		registries: map[string]*registry{},
	}
}

// entity is what users and roles have in common.
type entity struct {
	id       string // AIDA… or AROA…
	name     string
	path     string
	arn      string
	created  time.Time
	inline   map[string]policyDocument
	attached []string // ARNs, in the order of attachment
	boundary string   // ARN
	tags     map[string]string
}

type user struct {
	entity
	keys []*credential
	mfa  []mfaDevice
}

type role struct {
	entity
	description string
	trust       policyDocument
	maxSession  time.Duration
	lastUsed    time.Time
	lastRegion  string
}

type managedPolicy struct {
	id          string
	name        string
	path        string
	arn         string
	description string
	created     time.Time
	updated     time.Time
	versions    []policyVersion // the oldest first
	current     string          // "v1"
	nextVersion int
	tags        map[string]string
}

type policyVersion struct {
	id       string
	document policyDocument
	created  time.Time
}

type oidcProvider struct {
	arn         string
	url         string // without https://, as AWS shows it
	issuer      string // as given
	clientIDs   []string
	thumbprints []string
	keys        *jose.JSONWebKeySet // from the configuration; nil: fetched from the issuer
	created     time.Time
	tags        map[string]string
}

type instanceProfile struct {
	id      string
	name    string
	path    string
	arn     string
	role    string
	created time.Time
	tags    map[string]string
}
