package helper

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/awsname"
)

// Logins keeps what `docker login` stores, in a file of this user alone, as docker's
// own config.json does. A helper that cannot store would break `docker login` for
// every registry that Pullpass does not have. For a host that is in it, a login wins
// over Pullpass until `docker logout`, or until a password of ECR ends: the person
// asked for it by name. A host has one login, however it is spelled; the latest wins.
type Logins struct {
	Path string
	Now  func() time.Time // time.Now if nil
}

// login is one stored login; its key is the address that docker stored it under.
type login struct {
	Username string     `json:"username"`
	Secret   api.Secret `json:"secret"`
	Stored   time.Time  `json:"stored,omitzero"`
	Expires  time.Time  `json:"expires,omitzero"` // of a password of ECR
}

// kept is a login and the address that it was stored under.
type kept struct {
	url string
	login
}

// read returns the logins that hold, one for each thing that can be asked for.
func (l *Logins) read() (map[Ask]kept, error) {
	if l == nil {
		return map[Ask]kept{}, nil
	}
	stored := map[string]login{}
	err := readJSON(l.Path, &stored)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "logins_unreadable", What: "cannot read the logins in " + l.Path, Err: err,
			Hint: "repair or remove the file, and log in again",
		}
	}
	found := make(map[Ask]kept, len(stored))
	for _, url := range slices.Sorted(maps.Keys(stored)) { // of two without a time the same one wins each time
		ask, err := parseURL(url)
		next := kept{url, stored[url]}
		if err != nil || (!next.Expires.IsZero() && !l.now().Before(next.Expires)) {
			continue
		}
		key := loginKey(ask)
		if before, ok := found[key]; !ok || !next.Stored.Before(before.Stored) {
			found[key] = next
		}
	}
	return found, nil
}

// loginKey is the same for every spelling of one address.
func loginKey(a Ask) Ask {
	return Ask{Host: sameHost(a.Host), Repository: a.Repository, key: a.key}
}

// find returns the login for exactly what is asked, or for its host.
func (l *Logins) find(ask Ask) (login, bool, error) {
	all, err := l.read()
	if err != nil {
		return login{}, false, err
	}
	key := loginKey(ask)
	found, ok := all[key]
	if !ok && key.key == "" {
		key.Repository = ""
		found, ok = all[key]
	}
	return found.login, ok, nil
}

func (l *Logins) list() (map[string]string, error) {
	all, err := l.read()
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for _, found := range all {
		names[found.url] = found.Username
	}
	return names, nil
}

func (l *Logins) keep(ctx context.Context, a answer) error {
	ask, err := parseURL(a.ServerURL)
	if err != nil {
		return err
	}
	next := login{Username: a.Username, Secret: api.NewSecret(pullpass.NewSecret(a.Secret)), Stored: l.now()}
	if _, private := awsname.ParseRegistry(bare(ask.Host)); a.Username == ecrUsername && (private || isPublic(ask.Host)) {
		next.Expires = ecrExpiry(a.Secret, l.now())
	}
	return l.change(ctx, func(all map[Ask]kept) bool {
		all[loginKey(ask)] = kept{a.ServerURL, next}
		return true
	})
}

func (l *Logins) drop(ctx context.Context, ask Ask) error {
	if l == nil {
		return nil // nothing can have been kept
	}
	return l.change(ctx, func(all map[Ask]kept) bool {
		_, there := all[loginKey(ask)]
		delete(all, loginKey(ask))
		return there
	})
}

// change rewrites the file while nobody else does.
func (l *Logins) change(ctx context.Context, f func(map[Ask]kept) bool) error {
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
	stored := make(map[string]login, len(all))
	for _, k := range all {
		stored[k.url] = k.login
	}
	if err := saveJSON(l.Path, stored); err != nil {
		return fmt.Errorf("keeping logins: %w", err)
	}
	return nil
}

func (l *Logins) now() time.Time {
	if l != nil && l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

const (
	ecrUsername = "AWS"
	ecrLife     = 12 * time.Hour // of ECR's passwords; nobody can change it
)

// ecrExpiry reads when a password of ECR ends, which it says itself, and takes the
// longest life where it does not. Kept beyond it, it would hide one that works.
func ecrExpiry(password string, now time.Time) time.Time {
	latest := now.Add(ecrLife)
	text, err := base64.StdEncoding.DecodeString(password)
	if err != nil {
		return latest
	}
	var token struct {
		Expiration int64 `json:"expiration"`
	}
	if json.Unmarshal(text, &token) != nil || token.Expiration <= 0 {
		return latest
	}
	if end := time.Unix(token.Expiration, 0); end.Before(latest) {
		return end
	}
	return latest
}
