package helper

import (
	"errors"
	"os"

	"github.com/pullpass/pullpass"
)

// Source is one place that credentials come from.
type Source struct {
	Name SourceName
	// Find returns who gives a credential for what is asked, or nil if this source has
	// nothing to do with it: there is no socket here, no login, it is not an ECR host.
	// An empty Ask is that of `list`.
	Find func(Ask, *Rule) (Issuer, error)
}

// Sources are the three that the helper knows.
func Sources() []Source {
	return []Source{{SourceSocket, findSocket}, {SourceServer, findServer}, {SourceAWS, findAWS}}
}

func findSocket(Ask, *Rule) (Issuer, error) {
	socket, err := FindSocket()
	if err != nil || socket == nil {
		return nil, err
	}
	return socket, nil
}

// findServer returns the server of the login. Nobody has to have one, unless a rule or
// a variable says so.
func findServer(_ Ask, r *Rule) (Issuer, error) {
	login, err := CurrentLogin()
	if err != nil {
		wanted := r.named(SourceServer) || os.Getenv(EnvServer) != "" || os.Getenv(EnvToken) != "" || os.Getenv(EnvProject) != ""
		if pullpass.CodeOf(err) == codeNotLoggedIn && !wanted || pullpass.CodeOf(err) == codeNoHome && !wanted {
			return nil, nil //nolint:nilnil // not here
		}
		return nil, err
	}
	if r != nil && r.Server != "" && r.Server != login.Server {
		// The token of one server must not go to another.
		return nil, &pullpass.Error{
			Kind: pullpass.Unauthenticated, Code: codeNotLoggedIn,
			What: "not logged in to " + r.Server, Cause: "the helper's configuration names it, and the login is one of " + login.Server,
			Hint: "pullpass login " + r.Server,
		}
	}
	if r != nil && r.Project != "" {
		login.Project = pullpass.ProjectID(r.Project)
	}
	return commandFor(login)
}

func findAWS(a Ask, r *Rule) (Issuer, error) {
	if a.Host == "" {
		return nil, nil //nolint:nilnil // `list` does not ask AWS
	}
	issuer, err := newAWS(a.Host, r)
	if err != nil || issuer == nil {
		return nil, err
	}
	return issuer, nil
}

// named reports whether a rule means a source.
func (r *Rule) named(s SourceName) bool { return r != nil && r.source() == s }

// noRegistry reports whether a source has said that it has nothing for the host.
func noRegistry(err error) bool {
	var e *pullpass.Error
	return errors.As(err, &e) && e.Kind == pullpass.NotFound && e.Code == pullpass.CodeNoRegistry
}
