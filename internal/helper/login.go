package helper

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/atomicfile"
)

// The variables that take the place of a login, for CI.
const (
	EnvServer  = "PULLPASS_SERVER"
	EnvToken   = "PULLPASS_TOKEN"
	EnvProject = "PULLPASS_PROJECT" // name or id
)

// EnvAction says what credentials are for. Clients do not tell the helper whether
// they pull or push, and who only pulls is not to hold what pushes.
const EnvAction = "PULLPASS_ACTION"

func wantedAction() (pullpass.Action, error) {
	switch a := pullpass.Action(os.Getenv(EnvAction)); a {
	case "", pullpass.ActionPull:
		return pullpass.ActionPull, nil
	case pullpass.ActionPush:
		return a, nil
	}
	return "", &pullpass.Error{
		Kind: pullpass.Invalid, What: "cannot tell what the credential is for", Cause: EnvAction + " is neither pull nor push",
		Hint: "set it to push before a push, and unset it otherwise",
	}
}

// The codes of a login that is not there.
const (
	codeNotLoggedIn = "not_logged_in"
	codeNoHome      = "no_home"
)

// Login is what `pullpass login` remembers: which server, and who one is there.
type Login struct {
	Server    string
	Token     pullpass.Secret
	PlainHTTP bool // http to another machine is allowed
	// Project is whose registries the credential helper opens, by name or id; empty
	// leaves the choice to the token.
	Project pullpass.ProjectID
	// Job is the CI job that we are; nil unless it stands in for the token.
	Job *Job
}

// loginFile is a Login on disk.
type loginFile struct {
	Server    string             `json:"server"`
	Token     api.Secret         `json:"token"`
	PlainHTTP bool               `json:"plain_http,omitempty"`
	Project   pullpass.ProjectID `json:"project,omitempty"`
}

// LoginPath is where the login is kept: ~/.config/pullpass/login.json on Linux.
func LoginPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", &pullpass.Error{
			Kind: pullpass.Invalid, Code: codeNoHome, What: "cannot find the login", Err: err,
			Hint: "set HOME, or " + EnvServer + " and " + EnvToken,
		}
	}
	return filepath.Join(dir, "pullpass", "login.json"), nil
}

// SaveLogin remembers a login for this user alone.
func SaveLogin(l Login) error {
	path, err := LoginPath()
	if err != nil {
		return err
	}
	return saveJSON(path, loginFile{
		Server: l.Server, Token: api.NewSecret(l.Token), PlainHTTP: l.PlainHTTP, Project: l.Project,
	})
}

// CurrentLogin returns the login of the environment variables or, without them, the
// one that SaveLogin remembered.
func CurrentLogin() (Login, error) {
	project := pullpass.ProjectID(os.Getenv(EnvProject))
	server, token := os.Getenv(EnvServer), os.Getenv(EnvToken)
	if server != "" && token != "" {
		return Login{Server: server, Token: pullpass.NewSecret(token), Project: project}, nil
	}
	if job := currentJob(); server != "" && job != nil {
		return Login{Server: server, Project: project, Job: job}, nil
	}
	path, err := LoginPath()
	if err != nil {
		return Login{}, err
	}
	var f loginFile
	err = readJSON(path, &f)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Login{}, &pullpass.Error{
			Kind: pullpass.Unauthenticated, Code: codeNotLoggedIn,
			What: "not logged in to a Pullpass server", Cause: "there is no " + path,
			Hint: "pullpass login https://pullpass.example.com, or set " + EnvServer + " and " + EnvToken,
		}
	case err != nil:
		return Login{}, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "login_unreadable", What: "cannot read the login in " + path, Err: err,
			Hint: "log in again: pullpass login https://pullpass.example.com",
		}
	}
	l := Login{Server: f.Server, Token: f.Token.Secret(), PlainHTTP: f.PlainHTTP, Project: f.Project}
	if server != "" && server != l.Server {
		// The token of one server must not go to another.
		return Login{}, &pullpass.Error{
			Kind: pullpass.Unauthenticated, Code: codeNotLoggedIn,
			What: "not logged in to " + server, Cause: EnvServer + " names another server than the login in " + path,
			Hint: "pullpass login " + server + ", or set " + EnvToken + " too",
		}
	}
	if token != "" {
		l.Token = pullpass.NewSecret(token)
	}
	if project != "" {
		l.Project = project
	}
	return l, nil
}

// saveJSON writes a file of this user alone: it is there as a whole, or not at all.
func saveJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, text, 0o600)
}

// errGarbled stands for a file that is not what we wrote; its text may be a secret,
// so it is not repeated.
var errGarbled = errors.New("the file is not in the form in which it was written")

// readJSON reads what saveJSON wrote.
func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if json.Unmarshal(text, v) != nil {
		return errGarbled
	}
	return nil
}
