package generate

import (
	"strings"

	"github.com/pullpass/pullpass/internal/awsname"
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

// oidcProvider is a checked issuer.
type oidcProvider struct {
	url  string // with https://
	name string // without: the prefix of condition keys, the tail of the ARN
}

func (p oidcProvider) arn(partition, account string) string {
	return awsname.Partition(partition).IAM(account, "oidc-provider/"+p.name)
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
