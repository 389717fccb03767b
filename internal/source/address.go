package source

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/pullpass/pullpass"
)

var segment = regexp.MustCompile(`^[A-Za-z0-9_~][A-Za-z0-9_.~-]*$`)

// Check wants a repository's address in the one form that leaves nothing to
// interpret: what is asked here must be what an identity token names later.
func Check(repository string) error {
	u, err := url.Parse(repository)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" ||
		u.RawPath != "" || u.String() != repository || u.Host != strings.ToLower(u.Host) ||
		strings.HasSuffix(u.Hostname(), ".") {
		return errAddress()
	}
	segments := strings.Split(strings.TrimPrefix(u.Path, "/"), "/")
	for _, s := range segments {
		if !segment.MatchString(s) {
			return errAddress()
		}
	}
	return nil
}

func errAddress() error {
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "repository_address", What: "cannot read the project's repository",
		Cause: "its address is not a plain https URL of letters, digits and . _ ~ - between slashes",
		Hint:  "create the project with an address such as https://github.com/acme/app",
	}
}

// stay lets a request be redirected to the same repository with .git behind it,
// as GitLab does, and nowhere else: whatever a host redirects to was not proved to
// be the repository that was named.
func stay(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	base, rest, ok := strings.Cut(first.Path, "/info/refs")
	if len(via) == 1 && ok && rest == "" && req.URL.Scheme == first.Scheme && req.URL.Host == first.Host &&
		req.URL.Path == base+".git/info/refs" && !strings.HasSuffix(base, ".git") {
		return nil
	}
	return errMoved
}

var errMoved = &pullpass.Error{
	Kind: pullpass.Invalid, Code: "repository_moved", What: "cannot read the project's repository",
	Cause: "its host redirects to another address", Hint: "create a project with the address where the repository is now",
}
