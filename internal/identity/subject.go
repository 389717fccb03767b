package identity

import (
	"net/url"
	"strings"

	"github.com/pullpass/pullpass"
)

// Subject is what a `sub` may say of whom a token is for.
type Subject struct {
	Organization pullpass.OrganizationID
	Project      pullpass.ProjectID
	Environment  pullpass.EnvironmentID
	Runner       pullpass.RunnerID

	Repository string // https URL of the project's Git repository
	Ref        string // branch or tag, as the server resolved it
	Commit     string // the commit that the server resolved Ref to
	// Proved says that the organization has shown that Repository is its own.
	Proved bool
}

// Earned reports whether the repository may appear. A subject is earned:
// otherwise anyone could create a project with someone else's URL and take the
// AWS role that trusts it.
func (s Subject) Earned() bool {
	return s.Proved && s.Repository != "" && s.Ref != "" && s.Commit != ""
}

// unproved is the subject of whoever has not earned a repository. It begins with
// a word that no template can render.
func (s Subject) unproved() string {
	return "unproved:organization:" + string(
		s.Organization,
	) + ":project:" + string(
		s.Project,
	) + ":environment:" + string(
		s.Environment,
	)
}

// Template says how an organization's subjects read.
type Template struct {
	text  string
	parts []templatePart
}

type templatePart struct {
	literal   string
	component string // name without braces; empty for a literal
}

// The presets.
const (
	// TemplateRepository is https://<host>/<org>/<repo>/tree/<ref>, as Gitpod
	// Enterprise wrote it: its trust policies keep working.
	TemplateRepository = "repository"
	// TemplateIDs holds identifiers that never change and are never reused.
	TemplateIDs = "ids"
)

const (
	repositoryText = "{repository}/tree/{ref}"
	idsText        = "organization:{organization_id}:project:{project_id}:environment:{environment_id}"
	// referrerPrefix is what older Gitpod versions put in front, with the editor.
	referrerPrefix = "referrer:jetbrains-gateway:"
	// customVersion goes before every custom template, so that none can render
	// what a preset renders, and so that the form can change.
	customVersion = "v1:"
)

// ParseTemplate reads a preset's name, "referrer:jetbrains-gateway:<ide>" for
// those who migrate, or a text with {components}.
func ParseTemplate(s string) (Template, error) {
	switch {
	case s == "" || s == TemplateRepository:
		return compileTemplate(TemplateRepository, repositoryText)
	case s == TemplateIDs:
		return compileTemplate(s, idsText)
	case strings.HasPrefix(s, referrerPrefix) && !strings.ContainsAny(s[len(referrerPrefix):], "{}/:*?$"):
		return compileTemplate(s, s+"/"+repositoryText)
	}
	if !strings.Contains(s, "{project_id}") && !strings.Contains(s, "{repository}") {
		return Template{}, invalidTemplate(
			"it names neither {project_id} nor {repository}: every project would have the same subject",
		)
	}
	return compileTemplate(s, customVersion+s)
}

func compileTemplate(name, text string) (Template, error) {
	t := Template{text: name}
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			t.parts = append(t.parts, templatePart{literal: text})
			break
		}
		end := strings.IndexByte(text, '}')
		if end < open {
			return Template{}, invalidTemplate("a brace is not closed")
		}
		component := text[open+1 : end]
		if _, ok := (Subject{}).component(component); !ok {
			return Template{}, invalidTemplate(
				"it names a component that there is not; there are {repository} {ref} {commit} {organization_id} {project_id} {environment_id} {runner_id}",
			)
		}
		if open > 0 {
			t.parts = append(t.parts, templatePart{literal: text[:open]})
		}
		t.parts = append(t.parts, templatePart{component: component})
		text = text[end+1:]
	}
	for _, p := range t.parts {
		if strings.ContainsAny(p.literal, "*?${}\"\\ \t\r\n") {
			return Template{}, invalidTemplate("it holds a character that policies read as a wildcard or a variable")
		}
	}
	return t, nil
}

func invalidTemplate(cause string) error {
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "subject_template", What: "cannot use the subject template", Cause: cause,
		Hint: "use the preset repository or ids, or a text such as project:{project_id}:ref:{ref}",
	}
}

// String is the text that ParseTemplate reads.
func (t Template) String() string { return t.text }

// Render returns the subject of s. A template that names the repository gives
// one that has not earned it a subject that says so.
func (t Template) Render(s Subject) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.component == "" {
			b.WriteString(p.literal)
			continue
		}
		if ofRepository(p.component) && !s.Earned() {
			return s.unproved()
		}
		value, _ := s.component(p.component)
		b.WriteString(value)
	}
	return b.String()
}

func ofRepository(component string) bool {
	return component == "repository" || component == "ref" || component == "commit"
}

// component returns a component, escaped so that it cannot be read as more than
// one, nor as a wildcard.
func (s Subject) component(name string) (string, bool) {
	switch name {
	case "repository":
		return escapeRepository(s.Repository), true
	case "ref":
		return escapePath(s.Ref), true
	case "commit":
		return escape(s.Commit), true
	case "organization_id":
		return escape(string(s.Organization)), true
	case "project_id":
		return escape(string(s.Project)), true
	case "environment_id":
		return escape(string(s.Environment)), true
	case "runner_id":
		return escape(string(s.Runner)), true
	}
	return "", false
}

// escapeRepository rebuilds https://host/path. A path segment called "tree" is
// escaped: otherwise the repository org/repo/tree/x would match what a policy
// for the branches of org/repo says.
func escapeRepository(repository string) string {
	u, err := url.Parse(repository)
	if err != nil || u.Host == "" {
		return escape(repository)
	}
	segments := strings.Split(strings.Trim(strings.TrimSuffix(u.Path, ".git"), "/"), "/")
	for i, segment := range segments {
		if segments[i] = escape(segment); segment == "tree" {
			segments[i] = "%74ree"
		}
	}
	host := escape(strings.ToLower(u.Hostname()))
	if port := u.Port(); port != "" && port != "443" {
		host += "%3A" + port
	}
	return "https://" + host + "/" + strings.Join(segments, "/")
}

func escapePath(s string) string {
	segments := strings.Split(s, "/")
	for i := range segments {
		segments[i] = escape(segments[i])
	}
	return strings.Join(segments, "/")
}

// escape leaves letters, digits, '.', '_' and '-', and writes every other byte as
// %XX: no '/', ':', '*', '?' or '$' survives.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
