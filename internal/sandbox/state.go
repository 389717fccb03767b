package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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

func (e *entity) setBoundary(a *account, arn string) *apiError {
	if arn != "" && a.policyNamed(arn) == nil {
		return apiErrorf(
			http.StatusNotFound,
			"NoSuchEntity",
			"Scope ARN: %s does not exist or is not attachable.",
			printable(arn),
		)
	}
	e.boundary = arn
	return nil
}

// checkInlineSize adds up an entity's inline policies with one more.
func (e *entity) checkInlineSize(kind, name, text string) *apiError {
	limit := maxRolePolicies
	if kind == "User" {
		limit = maxUserPolicies
	}
	size := policySize(text)
	for other, doc := range e.inline {
		if other != name {
			size += policySize(doc.text)
		}
	}
	if size > limit {
		return errLimit("Maximum policy size of %d bytes exceeded for %s %s", limit, strings.ToLower(kind), e.name)
	}
	return nil
}

// checkEmpty refuses to delete what still has policies.
func (e *entity) checkEmpty() *apiError {
	switch {
	case len(e.inline) > 0:
		return errDeleteConflict("Cannot delete entity, must delete policies first.")
	case len(e.attached) > 0:
		return errDeleteConflict("Cannot delete entity, must detach all policies first.")
	}
	return nil
}

func (e *entity) seed(kind string, acct *account, inline map[string]Document, attached []string) error {
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		doc, err := parseIdentityPolicy(string(inline[name]))
		if err != nil {
			return fmt.Errorf("policy %s: %w", name, err)
		}
		if err := e.checkInlineSize(kind, name, doc.text); err != nil {
			return fmt.Errorf("policy %s: %w", name, err)
		}
		e.inline[name] = doc
	}
	for _, arn := range attached {
		if acct.policyNamed(arn) == nil {
			return fmt.Errorf("no policy %s", arn)
		}
		if len(e.attached) >= maxAttached {
			return fmt.Errorf("more than %d policies are attached", maxAttached)
		}
		e.attached = append(e.attached, arn)
	}
	return nil
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

func (p *managedPolicy) versionShape(v policyVersion, document bool) versionShape {
	s := versionShape{VersionID: v.id, IsDefaultVersion: v.id == p.current, CreateDate: isoTime(v.created)}
	if document {
		s.Document = encodeDocument(v.document.text)
	}
	return s
}

// document is the default version.
func (p *managedPolicy) document() policyDocument {
	for _, v := range p.versions {
		if v.id == p.current {
			return v.document
		}
	}
	return nothing()
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
