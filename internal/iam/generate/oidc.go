package generate

import (
	"net/url"
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/iam"
)

// defaultAudience is the audience that AWS's own tools ask tokens for.
const defaultAudience = "sts.amazonaws.com"

// OIDC names whose tokens a role trusts: one issuer, its audiences and the
// subjects. Both are always tested, with operators that an absent key fails.
type OIDC struct {
	Issuer    string   // https URL, exactly as the token's iss
	Audiences []string // sts.amazonaws.com when empty
	Subjects  []Subject
	// Thumbprints of the issuer's certificate authority, for issuers without a
	// public one. IAM finds the others itself.
	Thumbprints []string
}

// Form is the way in which an issuer writes subjects.
type Form string

// The forms. Exact takes the subject as it is.
const (
	FormPullpass   Form = "pullpass"   // https://HOST/ORG/REPO/tree/BRANCH
	FormGitpod     Form = "gitpod"     // the same, also behind referrer:jetbrains-gateway:IDE/
	FormGitHub     Form = "github"     // repo:ORG/REPO:ref:refs/heads/BRANCH, …:environment:NAME
	FormGitLab     Form = "gitlab"     // project_path:GROUP/PROJECT:ref_type:branch:ref:BRANCH
	FormKubernetes Form = "kubernetes" // system:serviceaccount:NAMESPACE:NAME
	// FormIntegration is Pullpass's own web identities: the subject of an
	// integration, for all projects or one.
	FormIntegration Form = "integration"
	FormExact       Form = "exact"
)

// Forms lists every form, for help texts.
func Forms() []Form {
	return []Form{FormPullpass, FormGitpod, FormGitHub, FormGitLab, FormKubernetes, FormIntegration, FormExact}
}

// Subject restricts who the token is about. Without branches, tags and
// environments, everything of the repository is meant. A branch or tag may end
// in "*", such as release/*.
type Subject struct {
	Form         Form
	Repository   string   // HOST/ORG/REPO (pullpass, gitpod), ORG/REPO (github), GROUP/PROJECT (gitlab), NAMESPACE/NAME (kubernetes), the subject itself (exact)
	Branches     []string // not for kubernetes and exact
	Tags         []string // github and gitlab
	Environments []string // github
	// OwnerID and RepositoryID are GitHub's ids. With them both forms of its subjects are
	// trusted, that with names and that with ids, of this very repository only.
	OwnerID, RepositoryID string
}

// oidcProvider is a checked issuer.
type oidcProvider struct {
	url  string // with https://
	name string // without: the prefix of condition keys, the tail of the ARN
}

func (p oidcProvider) arn(partition, account string) string {
	return awsname.Partition(partition).IAM(account, "oidc-provider/"+p.name)
}

// issuer checks and rebuilds an issuer URL.
func (c *check) issuer(s string) oidcProvider {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || !isHost(u.Host) || !isIssuerPath(u.Path) || "https://"+u.Host+u.Path != s {
		c.failf("%q is not an issuer: https://, a lower-case host without a port, and a path without a slash at the end", s)
		return oidcProvider{}
	}
	return oidcProvider{url: s, name: u.Host + u.Path}
}

func isHost(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

func isIssuerPath(s string) bool {
	if s == "" {
		return true
	}
	for _, part := range strings.Split(strings.TrimPrefix(s, "/"), "/") {
		if !isPathWord(part) {
			return false
		}
	}
	return strings.HasPrefix(s, "/")
}

// isPathWord accepts one component of a path: no dot segments, no wildcards,
// nothing that would have to be escaped.
func isPathWord(s string) bool {
	if s == "" || strings.Trim(s, ".") == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9':
		case strings.IndexByte("._~-", ch) >= 0:
		default:
			return false
		}
	}
	return true
}

// isWords accepts a path of between min and max plain components.
func isWords(s string, least, most int) bool {
	parts := strings.Split(s, "/")
	if len(parts) < least || len(parts) > most {
		return false
	}
	for _, p := range parts {
		if !isPathWord(p) {
			return false
		}
	}
	return true
}

// conditions gives the audiences, and the conditions on aud and sub. Audiences and literal
// subjects stand under StringEquals; a subject with a wildcard moves all of
// them under StringLike, because several operators would all have to match.
func (c *check) conditions(o OIDC, p oidcProvider) (audiences []string, conditions []Condition) {
	audiences = unique(o.Audiences)
	if len(audiences) == 0 {
		audiences = []string{defaultAudience}
	}
	for _, a := range audiences {
		if !isClaim(a) || strings.ContainsAny(a, "*?$") {
			c.failf("%q is not an audience: printable, without *, ? or $", a)
		}
	}
	for _, thumbprint := range o.Thumbprints {
		if len(thumbprint) != 40 || strings.Trim(thumbprint, "0123456789abcdef") != "" {
			c.failf("%q is not a thumbprint: 40 lower-case hexadecimal digits of a SHA-1", thumbprint)
		}
	}
	if len(o.Subjects) == 0 {
		c.failf("no subject is named: anyone with a token of this issuer could assume the role")
	}
	var patterns []string
	for _, s := range o.Subjects {
		patterns = append(patterns, c.subject(s)...)
	}
	operator := "StringEquals"
	for _, s := range patterns {
		if hasWildcard(s) {
			operator = "StringLike"
		}
	}
	conditions = []Condition{
		{"StringEquals", p.name + ":aud", audiences},
		{operator, p.name + ":sub", unique(patterns)},
	}
	return audiences, append(conditions, c.repositoryIDs(o, p)...)
}

// repositoryIDs tests the repository's id, which no renamed or newly registered
// namesake has, where AWS makes a condition key of it and every subject has one.
func (c *check) repositoryIDs(o OIDC, p oidcProvider) []Condition {
	var ids []string
	for _, s := range o.Subjects {
		if s.RepositoryID == "" {
			return nil
		}
		ids = append(ids, s.RepositoryID)
	}
	if len(ids) == 0 || !iam.MappedClaim(p.url, "repository_id") {
		return nil
	}
	return []Condition{{"StringEquals", p.name + ":repository_id", unique(ids)}}
}

// hasWildcard ignores the escapes ${*}, ${?} and ${$}.
func hasWildcard(s string) bool {
	for _, escape := range []string{"${*}", "${?}", "${$}"} {
		s = strings.ReplaceAll(s, escape, "")
	}
	return strings.ContainsAny(s, "*?")
}

func isClaim(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}
