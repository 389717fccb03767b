package helper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// Logins keeps what `docker login` stores, in a file of this user alone, as docker's
// own config.json does. A helper that cannot store would break `docker login` for
// every registry that Pullpass does not have. For a host that is in it, a login wins
// over Pullpass until `docker logout`: the person asked for it by name.
type Logins struct {
	Path string
}

// login is one stored login; its key is the address that docker stored it under.
type login struct {
	Username string     `json:"username"`
	Secret   api.Secret `json:"secret"`
}

func (l *Logins) read() (map[string]login, error) {
	found := map[string]login{}
	if l == nil {
		return found, nil
	}
	err := readJSON(l.Path, &found)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "logins_unreadable", What: "cannot read the logins in " + l.Path, Err: err,
			Hint: "repair or remove the file, and log in again",
		}
	}
	return found, nil
}

// find returns the login for exactly what is asked, or for its host.
func (l *Logins) find(ask Ask) (login, bool, error) {
	all, err := l.read()
	if err != nil {
		return login{}, false, err
	}
	var forHost *login
	for url, found := range all {
		switch a, err := parseURL(url); {
		case err != nil:
		case a == ask:
			return found, true, nil
		case a.Host == ask.Host && a.Repository == "":
			forHost = &found
		}
	}
	if forHost == nil {
		return login{}, false, nil
	}
	return *forHost, true, nil
}

func (l *Logins) list() (map[string]string, error) {
	all, err := l.read()
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for url, found := range all {
		names[url] = found.Username
	}
	return names, nil
}

func (l *Logins) keep(ctx context.Context, a answer) error {
	return l.change(ctx, func(all map[string]login) bool {
		all[a.ServerURL] = login{Username: a.Username, Secret: api.NewSecret(pullpass.NewSecret(a.Secret))}
		return true
	})
}

func (l *Logins) drop(ctx context.Context, ask Ask) error {
	return l.change(ctx, func(all map[string]login) (changed bool) {
		for url := range all {
			if a, err := parseURL(url); err == nil && a == ask {
				delete(all, url)
				changed = true
			}
		}
		return changed
	})
}

// change rewrites the file while nobody else does.
func (l *Logins) change(ctx context.Context, f func(map[string]login) bool) error {
	if l == nil {
		return &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot keep logins", Cause: "this user has no home directory", Hint: "set HOME",
		}
	}
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return fmt.Errorf("keeping logins: %w", err)
	}
	unlock, err := lock(ctx, l.Path+".lock")
	if err != nil {
		return fmt.Errorf("keeping logins: %w", err)
	}
	defer unlock()
	all, err := l.read()
	if err != nil || !f(all) {
		return err
	}
	if err := saveJSON(l.Path, all); err != nil {
		return fmt.Errorf("keeping logins: %w", err)
	}
	return nil
}
