package generate

import (
	"regexp"
	"strconv"
	"strings"
)

// subject gives the patterns that match exactly what s describes.
func (c *check) subject(s Subject) []string {
	before := len(c.problems)
	if s.Form != FormGitHub && (s.OwnerID != "" || s.RepositoryID != "") {
		c.failf("subjects of form %s have no ids of GitHub", s.Form)
	}
	c.refusePartsNotOf(s)
	var out []string
	switch s.Form {
	case FormPullpass, FormGitpod:
		out = c.repositoryURLs(s)
	case FormGitHub:
		out = c.gitHub(s)
	case FormGitLab:
		out = c.gitLab(s)
	case FormKubernetes:
		out = c.kubernetes(s)
	case FormIntegration:
		out = c.integration(s)
	case FormExact:
		if !isClaim(s.Repository) {
			c.failf("%q is not a subject: up to 255 printable characters without quotes, spaces and backslashes", s.Repository)
		}
		out = []string{escape(s.Repository)}
	default:
		c.failf("%q is not a form of subject: pullpass, gitpod, github, gitlab, kubernetes, integration or exact", s.Form)
	}
	if len(c.problems) > before {
		return nil
	}
	return out
}

// refusePartsNotOf refuses a restriction that the form cannot express: leaving
// it out silently would widen the policy.
func (c *check) refusePartsNotOf(s Subject) {
	branches := s.Form != FormKubernetes && s.Form != FormIntegration && s.Form != FormExact
	tags := s.Form == FormGitHub || s.Form == FormGitLab
	for _, part := range []struct {
		name   string
		values []string
		fits   bool
	}{{"branches", s.Branches, branches}, {"tags", s.Tags, tags}, {"environments", s.Environments, s.Form == FormGitHub}} {
		if len(part.values) > 0 && !part.fits {
			c.failf("subjects of form %s do not tell %s: the restriction cannot be expressed", s.Form, part.name)
		}
	}
}

func (c *check) repositoryURLs(s Subject) []string {
	host, path, _ := strings.Cut(s.Repository, "/")
	if !isHost(host) || !isWords(path, 1, 20) {
		c.failf("%q is not HOST/ORG/REPOSITORY", s.Repository)
		return nil
	}
	branches := c.refs("branch", s.Branches)
	if len(s.Branches) == 0 {
		branches = []string{"*"}
	}
	var out []string
	for _, b := range branches {
		direct := "https://" + host + "/" + path + "/tree/" + b
		out = append(out, direct)
		if s.Form == FormGitpod {
			// Older versions put the editor in front. Neither : nor // can stand
			// in a branch name, so no other repository's subject ends like this.
			out = append(out, "referrer:jetbrains-gateway:*/"+direct)
		}
	}
	return out
}

// gitHub writes the subject with names, and that with ids where they are known: a
// repository has one of the two, by its age.
func (c *check) gitHub(s Subject) []string {
	prefixes := c.gitHubPrefixes(s)
	var out []string
	for _, prefix := range prefixes {
		var of []string
		for _, b := range c.refs("branch", s.Branches) {
			of = append(of, prefix+"ref:refs/heads/"+b)
		}
		for _, t := range c.refs("tag", s.Tags) {
			of = append(of, prefix+"ref:refs/tags/"+t)
		}
		for _, e := range s.Environments {
			of = append(of, prefix+"environment:"+escape(e))
		}
		if len(of) == 0 {
			of = []string{prefix + "*"}
		}
		out = append(out, of...)
	}
	for _, e := range s.Environments {
		if !isEnvironment(e) {
			c.failf("%q is not an environment's name", e)
		}
	}
	return out
}

func (c *check) gitHubPrefixes(s Subject) []string {
	if !isWords(s.Repository, 2, 2) {
		c.failf("%q is not ORG/REPOSITORY, or with its ids ORG@ID/REPOSITORY@ID", s.Repository)
		return nil
	}
	owner, name, _ := strings.Cut(s.Repository, "/")
	prefixes := []string{"repo:" + s.Repository + ":"}
	switch {
	case s.OwnerID == "" && s.RepositoryID == "":
	case !isID(s.OwnerID) || !isID(s.RepositoryID):
		c.failf("the ids of the owner and of the repository are numbers, and both are needed")
	default:
		prefixes = append(prefixes, "repo:"+owner+"@"+s.OwnerID+"/"+name+"@"+s.RepositoryID+":")
	}
	return prefixes
}

func isID(s string) bool { return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == "" }

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

// withIDs takes the ids out of ORG@ID/REPOSITORY@ID.
func (s Subject) withIDs() Subject {
	owner, name, _ := strings.Cut(s.Repository, "/")
	owner, ownerID, hasOwner := strings.Cut(owner, "@")
	name, id, hasID := strings.Cut(name, "@")
	if s.Form == FormGitHub && hasOwner && hasID && (s.OwnerID == "" || s.OwnerID == ownerID) &&
		(s.RepositoryID == "" || s.RepositoryID == id) {
		s.Repository, s.OwnerID, s.RepositoryID = owner+"/"+name, ownerID, id
	}
	return s
}

func (c *check) gitLab(s Subject) []string {
	if !isWords(s.Repository, 2, 21) {
		c.failf("%q is not GROUP/PROJECT", s.Repository)
		return nil
	}
	prefix := "project_path:" + s.Repository + ":ref_type:"
	var out []string
	for _, b := range c.refs("branch", s.Branches) {
		out = append(out, prefix+"branch:ref:"+b)
	}
	for _, t := range c.refs("tag", s.Tags) {
		out = append(out, prefix+"tag:ref:"+t)
	}
	if len(out) == 0 {
		out = []string{prefix + "*"}
	}
	return out
}

func (c *check) kubernetes(s Subject) []string {
	namespace, name, _ := strings.Cut(s.Repository, "/")
	if !isDNSLabel(namespace) || !isDNSName(name) {
		c.failf("%q is not NAMESPACE/SERVICE-ACCOUNT", s.Repository)
		return nil
	}
	return []string{"system:serviceaccount:" + namespace + ":" + name}
}

// integration ends where every project, or every environment of the one that is
// named, begins.
func (c *check) integration(s Subject) []string {
	name := strings.TrimSuffix(s.Repository, ":*")
	name = strings.TrimSuffix(strings.TrimSuffix(name, ":environment"), ":project:*")
	if !integrationSubject.MatchString(name) {
		c.failf("%q is not the subject that pullpass integration show prints", s.Repository)
		return nil
	}
	return []string{name + ":*"}
}

var integrationSubject = regexp.MustCompile(
	`^integration:int_[a-z0-9]{8,64}:organization:org_[a-z0-9]{8,64}(:project:prj_[a-z0-9]{8,64})?$`,
)

func isDNSLabel(s string) bool {
	return s != "" && len(s) <= 63 && isHost(s+".x")
}

func isDNSName(s string) bool { return s != "" && isHost(s+".x") }

// refs checks branch or tag names by git's own rules, and escapes them. One
// wildcard is allowed, at the end.
func (c *check) refs(kind string, in []string) []string {
	var out []string
	for _, r := range in {
		name, wild := strings.CutSuffix(r, "*")
		if r != "*" && !isRef(name, wild) {
			c.failf("%q is neither the name of a %s nor a name that ends in *", r, kind)
			continue
		}
		pattern := escape(name)
		if wild {
			pattern += "*"
		}
		out = append(out, pattern)
	}
	return out
}

// isRef follows git check-ref-format; open says that more may follow.
func isRef(s string, open bool) bool {
	if s == "" || len(s) > 200 || s == "@" || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "-") ||
		strings.HasPrefix(s, ".") {
		return false
	}
	if !open && (strings.HasSuffix(s, "/") || strings.HasSuffix(s, ".") || strings.HasSuffix(s, ".lock")) {
		return false
	}
	for _, bad := range []string{"..", "//", "/.", "@{", ".lock/"} {
		if strings.Contains(s, bad) {
			return false
		}
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || strings.ContainsRune(`~^:?*[\"`, r) {
			return false
		}
	}
	return true
}

func isEnvironment(s string) bool {
	if s == "" || len(s) > 200 || s != strings.TrimSpace(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || r > '~' || strings.ContainsRune(`*?:"\`, r) {
			return false
		}
	}
	return true
}

// escape makes s literal under StringEquals and StringLike alike: policy
// variables begin with ${, wildcards match only bare.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '*' || s[i] == '?':
			b.WriteString("${" + string(s[i]) + "}")
		case s[i] == '$' && strings.HasPrefix(s[i:], "${"):
			b.WriteString("${$}")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// hours renders a session duration for notes.
func hours(seconds int) string {
	if seconds%3600 == 0 {
		return strconv.Itoa(seconds/3600) + " h"
	}
	return strconv.Itoa(seconds) + " s"
}
